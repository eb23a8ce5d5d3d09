"""Free starts near the one that a patient could not have, as the booking service knows them."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from clinic.domain.clock import now

logger = logging.getLogger(__name__)

#: How many starts a letter names, and how many days before and after are looked through.
COUNT = 3
_REACH = timedelta(days=7)
#: How long the booking service is waited for.
ASK_SECONDS = 1.5
#: A letter is not read at once.
_NOTICE = timedelta(hours=1)


class Rpc(Protocol):
    def call(self, method: str, *, until: float, **arguments: Any) -> Any: ...


class AlternativeSlots:
    """Asks over RPC. `zone` is the clinic's, whose days they are."""

    def __init__(self, rpc: Rpc, zone: ZoneInfo) -> None:
        self._rpc = rpc
        self._zone = zone

    def near(self, wish: datetime) -> list[datetime]:
        """Return the free starts that are nearest, in order of time.

        None if they can't be had in time: a letter without them is better than none.
        """
        try:
            return self._nearest(max(wish, now() + _NOTICE))
        except Exception as error:  # whatever is wrong over there, it is no fault of the letter
            logger.warning("free slots are not known", extra={"code": type(error).__name__})
            return []

    def _nearest(self, wish: datetime) -> list[datetime]:
        earliest = now() + _NOTICE
        center = wish.astimezone(self._zone).date()
        first = max(center - _REACH, earliest.astimezone(self._zone).date())
        answer = self._rpc.call(
            "list_free_slots",
            until=time.monotonic() + ASK_SECONDS,
            date=first.isoformat(),
            days=(center + _REACH - first).days + 1,
        )
        starts = (datetime.fromisoformat(each).astimezone(UTC) for each in answer)
        free = [start for start in starts if start >= earliest]
        return sorted(sorted(free, key=lambda start: abs(start - wish))[:COUNT])
