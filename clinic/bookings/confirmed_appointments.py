"""Reads the confirmed appointments of a period: the claims that they hold, or their events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.collection import Collection
from pymongo.database import Database

from clinic.bookings import documents
from clinic.concurrency.batching import Batcher
from clinic.contracts.messages import BookingStateChanged
from clinic.domain.booking import Status, Transition
from clinic.domain.catalogue import DEFAULT_CLINIC
from clinic.mongo.client import SCAN_TIMEOUT_SECONDS, Document, database_errors

_FIELDS = dict.fromkeys(("date", "end", "service", "practitioner", "site", "claims"), True)

#: Bookings per page; bounded so that no read occupies the database for long.
PAGE = 200

_EVENT_FIELDS = dict.fromkeys(
    ("clinic", "history", "version", "date", "service", "practitioner", "site", "end"), True
)

_Period = tuple[str, datetime, datetime]


@dataclass(frozen=True, slots=True)
class ConfirmedAppointment:
    booking_id: str
    start: datetime
    end: datetime
    practitioner: str | None
    claims: tuple[str, ...]
    service: str | None = None
    site: str | None = None


class ConfirmedAppointments:
    """Concurrent reads of overlapping periods share one query."""

    def __init__(self, bookings: Collection[Document]) -> None:
        self._bookings = bookings
        self._reads: Batcher[_Period, Sequence[ConfirmedAppointment]] = Batcher(self._read)

    def between(
        self, clinic: str, first: datetime, last: datetime
    ) -> Sequence[ConfirmedAppointment]:
        """Return those that start from `first` until before `last`; others may be among them."""
        return self._reads.submit((clinic, first, last))

    def _read(self, periods: Sequence[_Period]) -> Sequence[Sequence[ConfirmedAppointment]]:
        found: dict[_Period, Sequence[ConfirmedAppointment]] = {}
        with database_errors():
            for merged, members in _merge(periods):
                found |= dict.fromkeys(members, self._find(*merged))
        return [found[period] for period in periods]

    def _find(self, clinic: str, first: datetime, last: datetime) -> Sequence[ConfirmedAppointment]:
        confirmed = {
            "clinic": clinic,
            "status": Status.CONFIRMED.value,
            "date": {"$gte": first, "$lt": last},
        }
        return [_appointment(row) for row in self._bookings.find(confirmed, _FIELDS)]


def _merge(periods: Sequence[_Period]) -> list[tuple[_Period, list[_Period]]]:
    """Join the overlapping periods of a clinic. Return each joined period with its members."""
    merged: list[tuple[_Period, list[_Period]]] = []
    for clinic, first, last in sorted(set(periods)):
        if merged:
            (open_clinic, begin, end), members = merged[-1]
            if open_clinic == clinic and first <= end:
                members.append((clinic, first, last))
                merged[-1] = ((clinic, begin, max(end, last)), members)
                continue
        merged.append(((clinic, first, last), [(clinic, first, last)]))
    return merged


def _appointment(row: Document) -> ConfirmedAppointment:
    return ConfirmedAppointment(
        row["_id"],
        row["date"],
        row["end"],
        row.get("practitioner"),
        tuple(row["claims"]),
        row.get("service"),
        row.get("site"),
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
        return list(self._bookings.find(confirmed, _EVENT_FIELDS).sort("date", 1).limit(limit))


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
