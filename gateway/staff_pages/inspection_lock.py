"""Lets one person at a time inspect the dead letters."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from clinic.config import Settings
from clinic.dead_letters.dead_letter_queues import DeadLetterQueues
from clinic.errors import LeaseHeld

#: How long another person waits for the lock.
ACQUIRE_TIMEOUT_SECONDS = 1.5


class InspectionLock:
    """A session hides the messages that it has fetched until it ends: a second one would find none
    of them, and would hold a second thread of the server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()

    @contextmanager
    def session(self, seconds: float) -> Iterator[DeadLetterQueues]:
        """Open a session of at most `seconds`. Raises: LeaseHeld while another one is open;
        BrokerUnavailable."""
        if not self._lock.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS):
            raise LeaseHeld("somebody else is viewing the dead letters")
        try:
            with DeadLetterQueues.opened(self._settings, seconds) as queues:
                yield queues
        finally:
            self._lock.release()
