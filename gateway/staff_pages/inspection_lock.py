"""Where staff look at dead letters, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from clinic.config import Settings
from clinic.dead_letters.dead_letter_queues import DeadLetterQueues
from clinic.errors import LeaseHeld

#: How long somebody waits at the door.
LINE_SECONDS = 1.5


class InspectionLock:
    """A look takes letters off their queues until it ends: a second one would find none of them,
    and two of them would hold two threads of the server where one is enough."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()

    @contextmanager
    def entered(self, seconds: float) -> Iterator[DeadLetterQueues]:
        """Look for `seconds` at most. Raises: LeaseHeld while somebody else does;
        BrokerUnavailable."""
        if not self._lock.acquire(timeout=LINE_SECONDS):
            raise LeaseHeld("somebody else is looking at the dead letters")
        try:
            with DeadLetterQueues.opened(self._settings, seconds) as letters:
                yield letters
        finally:
            self._lock.release()
