"""A circuit breaker for callers that must not wait for an unresponsive database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from clinic.errors import DatabaseUnavailable

#: How long the circuit stays open before it lets one operation through as a probe.
PAUSE_SECONDS = 1.0

#: Returns a context manager that wraps one operation.
Protection = Callable[[], AbstractContextManager[None]]


class CircuitBreaker:
    """Rejects operations after a failure, except for one probe per second.

    Without it, a frozen database would block every thread of a server for a full timeout.
    """

    def __init__(self) -> None:
        self._is_open = False
        self._next_probe = 0.0

    @contextmanager
    def protect(self) -> Iterator[None]:
        """Raises: DatabaseUnavailable while the circuit is open."""
        self._check()
        try:
            yield
        except DatabaseUnavailable:
            if not self._is_open:
                self._is_open = True
                self._next_probe = time.monotonic() + PAUSE_SECONDS
            raise
        except Exception:
            self._is_open = False  # the database responded
            raise
        self._is_open = False

    def _check(self) -> None:
        if not self._is_open:
            return
        if time.monotonic() < self._next_probe:
            raise DatabaseUnavailable("another operation has failed")
        self._next_probe = time.monotonic() + PAUSE_SECONDS


def protection(has_breaker: bool) -> Protection:
    """Return the protection of a group of operations; without a breaker it does nothing."""
    return CircuitBreaker().protect if has_breaker else nullcontext
