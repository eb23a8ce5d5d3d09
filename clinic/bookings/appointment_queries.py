"""The appointments of some days, for the agenda and the search of staff."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.collection import Collection

from clinic.bookings.read_windows import agenda_windows
from clinic.domain.booking import Status
from clinic.mongo.circuit_breaker import Protection
from clinic.mongo.client import OPERATION_TIMEOUT_SECONDS, Document, database_errors

_FIELDS = dict.fromkeys(("date", "patientName", "patientEmail", "status", "attention"), True)

#: Comes after every digit and dash that an id may go on with.
_AFTER_ALL = "g"


@dataclass(frozen=True, slots=True)
class Appointment:
    """A booking without its history and secrets."""

    booking_id: str
    date: datetime
    patient_name: str
    patient_email: str
    status: Status
    needs_attention: bool


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What was found, in order; `is_cut` when there is more than the limit."""

    appointments: tuple[Appointment, ...]
    is_cut: bool


class AppointmentQueries:
    """Reads bookings of any status along an index, and never more than `limit`."""

    def __init__(self, bookings: Collection[Document], protect: Protection = nullcontext) -> None:
        self._bookings = bookings
        self._protect = protect

    def between(self, first: datetime, end: datetime, limit: int) -> QueryResult:
        """Return what begins between two instants, the second excluded, in order of time.

        Raises: DatabaseUnavailable.
        """
        found: list[Document] = []
        with self._protect(), database_errors(OPERATION_TIMEOUT_SECONDS):
            for begin, until in agenda_windows(first, end):
                if (room := limit + 1 - len(found)) > 0:
                    found += self._find("date", begin, until, room)
        return _found(found, limit)

    def of_reference(self, beginning: str, limit: int) -> QueryResult:
        """Return the bookings whose id begins like that; a whole one is better read by itself.

        Raises: DatabaseUnavailable.
        """
        with self._protect(), database_errors(OPERATION_TIMEOUT_SECONDS):
            found = self._find("_id", beginning, beginning + _AFTER_ALL, limit + 1)
        return _found(found, limit)

    def _find(self, field: str, first: Any, end: Any, limit: int) -> list[Document]:
        bounds = {field: {"$gte": first, "$lt": end}}
        return list(self._bookings.find(bounds, _FIELDS).sort(field, 1).limit(limit))


def _found(found: list[Document], limit: int) -> QueryResult:
    return QueryResult(tuple(_appointment(each) for each in found[:limit]), len(found) > limit)


def _appointment(found: Document) -> Appointment:
    return Appointment(
        booking_id=found["_id"],
        date=found["date"],
        patient_name=found["patientName"],
        patient_email=found["patientEmail"],
        status=Status(found["status"]),
        needs_attention=bool(found.get("attention")),
    )
