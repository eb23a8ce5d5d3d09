"""A circuit breaker for callers that must not wait for a database that does not answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from clinic.errors import DatabaseUnavailable

#: How long the circuit stays open before one operation is let through to try again.
PAUSE_SECONDS = 1.0

#: Wraps one operation.
Protection = Callable[[], AbstractContextManager[None]]


class CircuitBreaker:
    """Refuses operations after one has failed, except for one each second.

    Without it a frozen database would hold every thread of a server for its whole timeout.
    """

    def __init__(self) -> None:
        self._is_open = False
        self._next_try = 0.0

    @contextmanager
    def protect(self) -> Iterator[None]:
        """Raises: DatabaseUnavailable while the circuit is open."""
        self._check()
        try:
            yield
        except DatabaseUnavailable:
            if not self._is_open:
                self._is_open = True
                self._next_try = time.monotonic() + PAUSE_SECONDS
            raise
        except Exception:
            self._is_open = False  # the database has answered
            raise
        self._is_open = False

    def _check(self) -> None:
        if not self._is_open:
            return
        if time.monotonic() < self._next_try:
            raise DatabaseUnavailable("another operation has failed")
        self._next_try = time.monotonic() + PAUSE_SECONDS


def protection(has_breaker: bool) -> Protection:
    """Make the protection of a group of operations; without a breaker it does nothing."""
    return CircuitBreaker().protect if has_breaker else nullcontext
