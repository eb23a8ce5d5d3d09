"""The steps of all bookings, in the order in which the bookings took their latest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.database import Database

from clinic import document
from clinic.database import SEARCH_SECONDS, database_errors
from clinic.document import Document
from clinic.messages import BookingStateChanged
from clinic.outbox import STEPPED

#: Bookings in one page; bounded so that no read takes the database long.
PAGE = 500

_FIELDS = {"history": True, "date": True, "updatedAt": True}


@dataclass(frozen=True, slots=True)
class Steps:
    """What one booking has to tell: an event for each step, as it was when the step was taken."""

    updated_at: datetime
    events: tuple[BookingStateChanged, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Bookings, the one that was changed first in front; none up to `reached` is missing."""

    bookings: tuple[Steps, ...]
    reached: datetime


class Journal:
    """Reads bookings by the time of their latest step. Has to do without their patients."""

    def __init__(self, database: Database[dict[str, Any]], page: int = PAGE) -> None:
        self._bookings = database["bookings"]
        self._page = page

    def read(self, since: datetime, until: datetime) -> Page:
        """Return the first page of what was changed between two instants, both included.

        A page ends with an instant, so that none of the bookings which share one is left out.
        Raises: DatabaseUnavailable.
        """
        with database_errors(SEARCH_SECONDS):
            found = self._find({"$gte": since, "$lte": until}, self._page)
            if len(found) < self._page:
                return _page(found, until)
            last = found[-1]["updatedAt"]
            before = [each for each in found if each["updatedAt"] < last]
            return _page([*before, *self._find(last)], last)

    def _find(self, updated_at: Any, limit: int = 0) -> list[Document]:
        found = self._bookings.find({"updatedAt": updated_at, **STEPPED}, _FIELDS)
        return list(found.sort("updatedAt", 1).limit(limit))


def _page(found: Sequence[Document], reached: datetime) -> Page:
    return Page(tuple(_steps(each) for each in found), reached)


def _steps(booking: Document) -> Steps:
    history = [document.to_change(row) for row in booking["history"]]
    events = [
        BookingStateChanged.in_history(booking["_id"], version, history, booking["date"])
        for version in range(2, len(history) + 1)  # the first is the request: nobody is told of it
    ]
    return Steps(booking["updatedAt"], tuple(events))
