"""The catalogue of a clinic that has configured a calendar only."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from clinic.catalogue.from_configuration import POOL
from clinic.domain.opening_hours import OpeningInterval
from tests.clinics import make_calendar


@pytest.mark.parametrize(
    ("slot", "hours", "zone", "grid"),
    [
        (30, "08:00-20:00", "UTC", 30),
        (30, "08:15-20:00", "UTC", 15),
        (45, "08:00-20:00", "Europe/Madrid", 15),
        (50, "08:00-20:00", "UTC", 10),
        (60, "08:00-20:00", "Asia/Kathmandu", 15),  # UTC+05:45
        (60, "08:00-20:00", "Australia/Lord_Howe", 30),  # half an hour in summer
        (5, "08:05-20:00", "UTC", 5),
    ],
)
def test_the_grid_is_the_coarsest_on_which_all_slots_lie(
    slot: int, hours: str, zone: str, grid: int
) -> None:
    calendar = make_calendar(
        slot=timedelta(minutes=slot),
        hours={day: (OpeningInterval.parse(hours),) for day in range(7)},
        zone=ZoneInfo(zone),
    )
    assert calendar.to_catalogue().schedules[POOL].grid_minutes == grid
