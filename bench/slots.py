"""Appointments that nobody else asks for: every one is a free slot of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from clinic.catalogue.from_configuration import POOL
from clinic.domain.booking import NO_CHOICE, Assignment
from clinic.domain.time_cells import cells_of, claim_keys

#: Slots of half an hour from 08:00 to 20:00, as config.yaml has them.
A_DAY = 24
#: What a rush asks for: the slots of one day.
RUSH_SLOTS = A_DAY
#: As far as a calendar may look ahead; a run must not need more slots than that.
HORIZON_DAYS = 3650


def first_midnight() -> datetime:
    """The day after tomorrow: no slot passes while the run lasts."""
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    return datetime.combine(tomorrow, time(), UTC)


def slot(number: int) -> datetime:
    day, half_hour = divmod(number, A_DAY)
    return first_midnight() + timedelta(days=day, hours=8, minutes=30 * half_hour)


def body(number: int, slots: int | None = None) -> dict[str, str]:
    """A request for a slot of its own, as `wrk.lua` writes it too, or for one of so many."""
    return {
        "patientName": "Juan Pérez",
        "patientEmail": f"patient{number}@example.com",
        "date": slot(number % slots if slots else number).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def in_seat(start: datetime, seat: int = 0) -> Assignment:
    """The half hour from `start` on, in a seat of the only pool."""
    end = start + timedelta(minutes=30)
    return Assignment(NO_CHOICE, end, claim_keys(POOL, seat, cells_of(start, end, 30)))
