"""The transitions of all bookings, ordered by each booking's latest transition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.database import Database

from clinic.bookings import documents
from clinic.contracts.messages import BookingStateChanged
from clinic.mongo.client import SCAN_TIMEOUT_SECONDS, Document, database_errors
from clinic.outbox.outbox import HAS_TRANSITIONS

#: Bookings per page; bounded so that no read occupies the database for long.
PAGE = 500

_FIELDS = dict.fromkeys(
    ("clinic", "history", "date", "updatedAt", "service", "practitioner", "site"), True
)


@dataclass(frozen=True, slots=True)
class BookingTransitions:
    """The events of one booking, one per transition, each with the date at that time."""

    updated_at: datetime
    events: tuple[BookingStateChanged, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Bookings, least recently updated first; complete up to and including `reached`."""

    bookings: tuple[BookingTransitions, ...]
    reached: datetime


class ChangeFeed:
    """Reads bookings by the time of their latest transition, without personal data."""

    def __init__(self, database: Database[dict[str, Any]], page: int = PAGE) -> None:
        self._bookings = database["bookings"]
        self._page = page

    def read(self, since: datetime, until: datetime) -> Page:
        """Return the first page of the bookings updated between two instants, both included.

        Bookings that share an instant are never split between pages.
        Raises: DatabaseUnavailable.
        """
        with database_errors(SCAN_TIMEOUT_SECONDS):
            found = self._find({"$gte": since, "$lte": until}, self._page)
            if len(found) < self._page:
                return _page(found, until)
            last = found[-1]["updatedAt"]
            before = [booking for booking in found if booking["updatedAt"] < last]
            return _page([*before, *self._find(last)], last)

    def _find(self, updated_at: Any, limit: int = 0) -> list[Document]:
        found = self._bookings.find({"updatedAt": updated_at, **HAS_TRANSITIONS}, _FIELDS)
        return list(found.sort("updatedAt", 1).limit(limit))


def _page(found: Sequence[Document], reached: datetime) -> Page:
    return Page(tuple(_transitions(booking) for booking in found), reached)


def _transitions(booking: Document) -> BookingTransitions:
    history = [documents.history_entry_from_document(row) for row in booking["history"]]
    events = [
        BookingStateChanged.in_history(
            booking["_id"],
            version,
            history,
            booking["date"],
            booking["clinic"],
            documents.choice_from_document(booking),
        )
        for version in range(2, len(history) + 1)  # version 1 is the request, which is not notified
    ]
    return BookingTransitions(booking["updatedAt"], tuple(events))
