"""The confirmed appointments of a period, with the claims that they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo.collection import Collection

from clinic.concurrency.batching import Batcher
from clinic.domain.booking import Status
from clinic.mongo.client import Document, database_errors

_FIELDS = dict.fromkeys(("date", "end", "service", "practitioner", "site", "claims"), True)

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
