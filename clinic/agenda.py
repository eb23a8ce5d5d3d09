"""The appointments of some days, as the staff look at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.collection import Collection

from clinic.booking import Status
from clinic.database import ANSWER_SECONDS, database_errors
from clinic.document import Document

_FIELDS = {"date": True, "patientName": True, "patientEmail": True, "status": True}
_MARK = {"attention.code": True}

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
class Found:
    """What one look has found, in order; `is_cut` when there is more than it may read."""

    appointments: tuple[Appointment, ...]
    is_cut: bool


class Agenda:
    """Reads bookings of any status along an index, and never more than `limit`."""

    def __init__(self, bookings: Collection[Document]) -> None:
        self._bookings = bookings

    def between(self, first: datetime, end: datetime, limit: int) -> Found:
        """Return what begins between two instants, the second excluded, in order of time.

        Raises: DatabaseUnavailable.
        """
        return self._find("date", {"$gte": first, "$lt": end}, limit)

    def of_reference(self, beginning: str, limit: int) -> Found:
        """Return the bookings whose id begins like that. Raises: DatabaseUnavailable."""
        return self._find("_id", {"$gte": beginning, "$lt": beginning + _AFTER_ALL}, limit)

    def _find(self, field: str, bounds: Mapping[str, Any], limit: int) -> Found:
        with database_errors(ANSWER_SECONDS):
            cursor = self._bookings.find({field: bounds}, _FIELDS | _MARK)
            found = list(cursor.sort(field, 1).limit(limit + 1))
        return Found(tuple(_appointment(each) for each in found[:limit]), len(found) > limit)


def _appointment(found: Document) -> Appointment:
    return Appointment(
        booking_id=found["_id"],
        date=found["date"],
        patient_name=found["patientName"],
        patient_email=found["patientEmail"],
        status=Status(found["status"]),
        needs_attention=bool(found.get("attention")),
    )
