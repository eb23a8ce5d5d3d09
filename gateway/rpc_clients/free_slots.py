"""The free times, kept for a moment: all who ask for the same days at once share one call."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from datetime import date, datetime

from cachetools import TTLCache

from clinic.domain.clock import to_wire
from clinic.errors import ServiceUnavailable
from clinic.rpc.rpc_client import ANSWER_SECONDS, RpcPool

#: What is shown may be so old. It is an offer: whoever takes it is told if somebody was faster.
KEEP_SECONDS = 1.0
#: Weeks and days of a year that may be asked for at once.
_MOST_KEPT = 256

Starts = tuple[datetime, ...]
_Days = tuple[date, int]


class FreeSlots:
    """Asks the booking service. Safe to share between threads, which it may block."""

    def __init__(self, rpc: RpcPool) -> None:
        self._rpc = rpc
        self._lock = threading.Lock()
        self._kept: TTLCache[_Days, Starts] = TTLCache(_MOST_KEPT, KEEP_SECONDS)
        self._calls: dict[_Days, Future[Starts]] = {}
        self._failed_at = -ANSWER_SECONDS

    def starts(self, first: date, days: int, until: float) -> Starts:
        """Return the free starts of so many days, in order. Raises: ServiceUnavailable."""
        asked = (first, days)
        with self._lock:
            kept, call = self._kept.get(asked), self._calls.get(asked)
            if kept is not None:
                return kept
            mine: Future[Starts] = Future()
            if call is None:
                self._calls[asked] = mine
        return self._call(asked, mine, until) if call is None else self._join(call, until)

    def fresh_starts(self, first: date, days: int, until: float) -> Starts:
        """Return what is free now. Raises: ServiceUnavailable."""
        return self._ask((first, days), until)

    def nearest(self, date: datetime, count: int, until: float) -> Starts:
        """Return what is free now nearest to a date, in order. Raises: ServiceUnavailable."""
        found = self._rpc.call("list_nearest_slots", until=until, date=to_wire(date), count=count)
        return tuple(datetime.fromisoformat(start) for start in found)

    def forget(self) -> None:
        """Have everybody who comes from now on be told what is free then."""
        with self._lock:
            self._kept.clear()
            self._calls.clear()

    def _call(self, asked: _Days, mine: Future[Starts], until: float) -> Starts:
        try:
            starts = self._ask(asked, until)
        except BaseException as error:
            self._failed_at = time.monotonic()
            self._end(asked, mine)
            mine.set_exception(error)
            raise
        self._end(asked, mine, starts)
        mine.set_result(starts)
        return starts

    def _end(self, asked: _Days, mine: Future[Starts], starts: Starts | None = None) -> None:
        """Keep the answer, unless everything was to be forgotten since it was asked for."""
        with self._lock:
            if self._calls.get(asked) is mine:
                del self._calls[asked]
                if starts is not None:
                    self._kept[asked] = starts

    def _join(self, call: Future[Starts], until: float) -> Starts:
        """Wait for somebody else's answer; not while the service fails to give any, where all
        threads of the server would wait."""
        has_failed = time.monotonic() - self._failed_at < ANSWER_SECONDS
        try:
            return call.result(timeout=0 if has_failed else max(until - time.monotonic(), 0))
        except Exception as error:
            raise ServiceUnavailable("the call of another request gave no answer") from error

    def _ask(self, asked: _Days, until: float) -> Starts:
        first, days = asked
        told = self._rpc.call("list_free_slots", until=until, date=first.isoformat(), days=days)
        return tuple(datetime.fromisoformat(start) for start in told)
