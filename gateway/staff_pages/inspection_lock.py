"""Allows one dead-letter session at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from clinic.config import Settings
from clinic.dead_letters.dead_letter_queues import DeadLetterQueues
from clinic.errors import LeaseHeld

#: How long a request waits for the lock.
ACQUIRE_TIMEOUT_SECONDS = 1.5


class InspectionLock:
    """Fetched messages are hidden from others until the session ends. A concurrent session would
    see none of them, and would occupy another server thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()

    @contextmanager
    def session(self, seconds: float) -> Iterator[DeadLetterQueues]:
        """Open a session of at most `seconds`. Raises: LeaseHeld while another one is open;
        BrokerUnavailable."""
        if not self._lock.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS):
            raise LeaseHeld("another session is viewing the dead letters")
        try:
            with DeadLetterQueues.opened(self._settings, seconds) as queues:
                yield queues
        finally:
            self._lock.release()
