"""Queries for the staff's agenda and search."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

from pymongo.collection import Collection

from clinic.bookings import documents
from clinic.bookings.read_windows import agenda_windows, by_status
from clinic.domain.booking import NO_CHOICE, Choice, Status
from clinic.mongo.circuit_breaker import Protection
from clinic.mongo.client import OPERATION_TIMEOUT_SECONDS, Document, database_errors

_FIELDS = dict.fromkeys(
    (
        "date",
        "end",
        "patientName",
        "patientEmail",
        "patientPhone",
        "status",
        "attention",
        "service",
        "practitioner",
        "site",
    ),
    True,
)

#: Sorts after every hexadecimal digit and dash of an id.
_AFTER_ALL = "g"


@dataclass(frozen=True, slots=True)
class Appointment:
    """A booking without its history and secrets."""

    booking_id: str
    date: datetime
    patient_name: str
    patient_email: str | None
    status: Status
    needs_attention: bool
    patient_phone: str | None = None
    end: datetime | None = None
    choice: Choice = NO_CHOICE


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The matches, in order; `is_cut` if there are more than the limit."""

    appointments: tuple[Appointment, ...]
    is_cut: bool


class AppointmentQueries:
    """Reads at most `limit` bookings of any status, along an index."""

    def __init__(self, bookings: Collection[Document], protect: Protection = nullcontext) -> None:
        self._bookings = bookings
        self._protect = protect

    def between(self, first: datetime, end: datetime, limit: int) -> QueryResult:
        """Return the appointments from `first` until before `end`, in chronological order.

        Raises: DatabaseUnavailable.
        """
        found: list[Document] = []
        with self._protect(), database_errors(OPERATION_TIMEOUT_SECONDS):
            for begin, until in agenda_windows(first, end):
                if (remaining := limit + 1 - len(found)) > 0:
                    found += self._starting(begin, until, remaining)
        return _found(found, limit)

    def of_reference(self, beginning: str, limit: int) -> QueryResult:
        """Return the bookings whose id starts with `beginning`; use `get` for a whole id.

        Raises: DatabaseUnavailable.
        """
        with self._protect(), database_errors(OPERATION_TIMEOUT_SECONDS):
            bounds = {"_id": {"$gte": beginning, "$lt": beginning + _AFTER_ALL}}
            found = list(self._bookings.find(bounds, _FIELDS).sort("_id", 1).limit(limit + 1))
        return _found(found, limit)

    def of_ids(self, ids: Sequence[str]) -> QueryResult:
        """Return the bookings with these ids, in the order of the ids.

        Raises: DatabaseUnavailable.
        """
        with self._protect(), database_errors(OPERATION_TIMEOUT_SECONDS):
            rows = {
                row["_id"]: row for row in self._bookings.find({"_id": {"$in": list(ids)}}, _FIELDS)
            }
        return _found([rows[each] for each in ids if each in rows], len(ids))

    def _starting(self, first: datetime, end: datetime, limit: int) -> list[Document]:
        found: list[Document] = []
        for query in by_status({"date": {"$gte": first, "$lt": end}}):
            found += self._bookings.find(query, _FIELDS).sort("date", 1).limit(limit)
        return sorted(found, key=lambda each: each["date"])[:limit]


def _found(found: list[Document], limit: int) -> QueryResult:
    return QueryResult(tuple(_appointment(row) for row in found[:limit]), len(found) > limit)


def _appointment(found: Document) -> Appointment:
    return Appointment(
        booking_id=found["_id"],
        date=found["date"],
        patient_name=found["patientName"],
        patient_email=found["patientEmail"],
        status=Status(found["status"]),
        needs_attention=bool(found.get("attention")),
        patient_phone=found.get("patientPhone"),
        end=found.get("end"),
        choice=documents.choice_from_document(found),
    )
