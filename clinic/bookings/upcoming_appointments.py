"""The upcoming appointments, in chronological order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.database import Database

from clinic.bookings import documents
from clinic.contracts.messages import BookingStateChanged
from clinic.domain.booking import Status, Transition
from clinic.domain.catalogue import DEFAULT_CLINIC
from clinic.mongo.client import SCAN_TIMEOUT_SECONDS, Document, database_errors

#: Bookings per page; bounded so that no read occupies the database for long.
PAGE = 200

_FIELDS = dict.fromkeys(
    ("clinic", "history", "version", "date", "service", "practitioner", "site", "end"), True
)


@dataclass(frozen=True, slots=True)
class Page:
    """The latest events of confirmed bookings; complete up to and including `reached`."""

    events: tuple[BookingStateChanged, ...]
    reached: datetime


class UpcomingAppointments:
    """Reads confirmed bookings along an index, without personal data."""

    def __init__(self, database: Database[dict[str, Any]], page: int = PAGE) -> None:
        self._bookings = database["bookings"]
        self._page = page

    def read(self, first: datetime, last: datetime) -> Page:
        """Return the first page of the appointments between two instants, both included.

        Bookings that start at the same time are never split between pages.
        Raises: DatabaseUnavailable.
        """
        with database_errors(SCAN_TIMEOUT_SECONDS):
            found = self._find({"$gte": first, "$lte": last}, self._page)
            if len(found) < self._page:
                return _page(found, last)
            reached = found[-1]["date"]
            before = [booking for booking in found if booking["date"] < reached]
            return _page([*before, *self._find(reached)], reached)

    def _find(self, date: Any, limit: int = 0) -> list[Document]:
        confirmed = {"clinic": DEFAULT_CLINIC, "status": Status.CONFIRMED.value, "date": date}
        return list(self._bookings.find(confirmed, _FIELDS).sort("date", 1).limit(limit))


def _page(found: Sequence[Document], reached: datetime) -> Page:
    return Page(tuple(_latest(booking) for booking in found), reached)


def _latest(booking: Document) -> BookingStateChanged:
    change = documents.history_entry_from_document(booking["history"][-1])
    return BookingStateChanged.of(
        Transition(
            booking["_id"],
            booking["date"],
            booking["version"],
            change,
            booking["clinic"],
            choice=documents.choice_from_document(booking),
            end=booking["end"],
        )
    )
