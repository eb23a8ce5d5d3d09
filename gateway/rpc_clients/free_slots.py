"""Free slots, cached for a second; concurrent requests for the same days share one call."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import date, datetime
from typing import Any

from cachetools import TTLCache

from clinic.contracts.messages import choice_ids
from clinic.domain.booking import NO_CHOICE, Choice
from clinic.domain.clock import to_wire
from clinic.errors import InvalidBooking, ServiceUnavailable
from clinic.rpc.rpc_client import ANSWER_SECONDS, RpcPool

#: Maximum age of cached slots. The booking service checks again when a patient takes one.
KEEP_SECONDS = 1.0
#: Cache entries: the weeks and days of about a year.
_MOST_KEPT = 256

Starts = tuple[datetime, ...]
_Days = tuple[date, int, Choice]


class FreeSlots:
    """Client of the booking service. Thread-safe; blocks the calling thread.

    Free slots are those of a choice; without one, of the default service. While the booking service
    does not know the choice yet, because the catalogue has just changed, it counts as unavailable.
    """

    def __init__(self, rpc: RpcPool) -> None:
        self._rpc = rpc
        self._lock = threading.Lock()
        self._kept: TTLCache[_Days, Starts] = TTLCache(_MOST_KEPT, KEEP_SECONDS)
        self._calls: dict[_Days, Future[Starts]] = {}
        self._failed_at = -ANSWER_SECONDS

    def starts(self, first: date, days: int, deadline: float, choice: Choice = NO_CHOICE) -> Starts:
        """Return the free slots of `days` days, in order. Raises: ServiceUnavailable."""
        key = (first, days, choice)
        with self._lock:
            kept, call = self._kept.get(key), self._calls.get(key)
            if kept is not None:
                return kept
            future: Future[Starts] = Future()
            if call is None:
                self._calls[key] = future
        return self._call(key, future, deadline) if call is None else self._join(call, deadline)

    def fresh_starts(
        self, first: date, days: int, deadline: float, choice: Choice = NO_CHOICE
    ) -> Starts:
        """Return the free slots of `days` days, uncached. Raises: ServiceUnavailable."""
        return self._fetch((first, days, choice), deadline)

    def nearest(
        self, date: datetime, count: int, deadline: float, choice: Choice = NO_CHOICE
    ) -> Starts:
        """Return the free slots nearest to a date, uncached. Raises: ServiceUnavailable."""
        wanted = {"date": to_wire(date), "count": count}
        return self._list("list_nearest_slots", deadline, choice, **wanted)

    def openings(
        self, query: Mapping[str, str], limit: int, deadline: float
    ) -> list[dict[str, Any]]:
        """Return openings, uncached; `query` has the parameters of `GET /openings`.

        Raises: ServiceUnavailable, InvalidBooking.
        """
        found: list[dict[str, Any]] = self._rpc.call(
            "list_openings", until=deadline, limit=limit, **query
        )
        return found

    def forget(self) -> None:
        """Clear the cache, and let calls in progress answer only those who already wait."""
        with self._lock:
            self._kept.clear()
            self._calls.clear()

    def _call(self, key: _Days, future: Future[Starts], deadline: float) -> Starts:
        try:
            starts = self._fetch(key, deadline)
        except BaseException as error:
            self._failed_at = time.monotonic()
            self._finish(key, future)
            future.set_exception(error)
            raise
        self._finish(key, future, starts)
        future.set_result(starts)
        return starts

    def _finish(self, key: _Days, future: Future[Starts], starts: Starts | None = None) -> None:
        """Cache the result, unless `forget` was called since the call began."""
        with self._lock:
            if self._calls.get(key) is future:
                del self._calls[key]
                if starts is not None:
                    self._kept[key] = starts

    def _join(self, call: Future[Starts], deadline: float) -> Starts:
        """Wait for the result of another thread's call. Fail at once after a recent failure, or
        all threads of the server would wait."""
        has_failed = time.monotonic() - self._failed_at < ANSWER_SECONDS
        try:
            return call.result(timeout=0 if has_failed else max(deadline - time.monotonic(), 0))
        except Exception as error:
            raise ServiceUnavailable("the shared call got no response") from error

    def _fetch(self, key: _Days, deadline: float) -> Starts:
        first, days, choice = key
        wanted = {"date": first.isoformat(), "days": days}
        return self._list("list_free_slots", deadline, choice, **wanted)

    def _list(self, method: str, deadline: float, choice: Choice, **wanted: Any) -> Starts:
        try:
            found = self._rpc.call(method, until=deadline, **wanted, **choice_ids(choice))
        except InvalidBooking as error:
            raise ServiceUnavailable("the booking service has another catalogue") from error
        return tuple(datetime.fromisoformat(start) for start in found)
