from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from booking_service.scheduling import rules
from clinic.domain import reasons
from clinic.domain.booking import NO_CHOICE
from clinic.domain.opening_hours import OpeningInterval
from tests.clinics import Timetable

NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)  # a Monday
HORIZON = timedelta(days=30)
MILLISECOND = timedelta(milliseconds=1)

HOURS = Timetable(
    hours={day: [OpeningInterval.parse("08:00-20:00")] for day in range(6)},  # closed on Sundays
    closed_days=frozenset({date(2026, 11, 9)}),
    horizon=HORIZON,
).hours


def rejection_reason(moment: datetime, at: datetime = NOW) -> str | None:
    return rules.rejection_reason(moment, NO_CHOICE, HOURS, at)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date_", "expected"),
    [
        pytest.param(NOW + timedelta(minutes=30), None, id="soon"),
        pytest.param(NOW - timedelta(minutes=30), reasons.PAST, id="half an hour ago"),
        pytest.param(NOW, reasons.PAST, id="now"),
        pytest.param(NOW + HORIZON, None, id="the last moment of the horizon"),
        pytest.param(NOW + HORIZON + MILLISECOND, reasons.TOO_FAR, id="beyond the horizon"),
        pytest.param(at(3, 7, 30), reasons.CLOSED, id="before opening"),
        pytest.param(at(3, 8), None, id="opening"),
        pytest.param(at(3, 19, 30), None, id="the last slot"),
        pytest.param(at(3, 20), reasons.CLOSED, id="closing"),
        pytest.param(at(8, 10), reasons.CLOSED, id="a Sunday"),
        pytest.param(at(9, 10), reasons.CLOSED, id="a closed day"),
        pytest.param(at(3, 10, 15), reasons.NOT_A_SLOT_START, id="between two starts"),
        pytest.param(at(3, 10) + MILLISECOND, reasons.NOT_A_SLOT_START, id="just after a start"),
        pytest.param(at(3, 19, 59), reasons.NOT_A_SLOT_START, id="too late to fit"),
    ],
)
def test_a_date_meets_the_first_rule_that_speaks_against_it(
    date_: datetime, expected: str | None
) -> None:
    assert rejection_reason(date_) == expected


def test_a_moment_after_now_is_not_past() -> None:
    just_before = at(3, 10) - MILLISECOND
    assert rejection_reason(at(3, 10), just_before) is None
    assert rejection_reason(at(3, 10), at(3, 10)) == reasons.PAST


@pytest.mark.parametrize(
    ("date_", "expected"),
    [
        pytest.param(at(1, 3, 15), reasons.PAST, id="past, closed and off the grid"),
        pytest.param(
            NOW + timedelta(days=41, hours=13, minutes=7), reasons.TOO_FAR, id="far, closed"
        ),
        pytest.param(at(8, 10, 7), reasons.CLOSED, id="closed and off the grid"),
    ],
)
def test_of_several_objections_the_first_in_order_is_given(date_: datetime, expected: str) -> None:
    assert rejection_reason(date_) == expected


@pytest.mark.parametrize(
    ("date_", "expected"),
    [
        pytest.param(datetime.min.replace(tzinfo=UTC), reasons.PAST, id="the first of all"),
        pytest.param(datetime.max.replace(tzinfo=UTC), reasons.TOO_FAR, id="the last of all"),
        pytest.param(datetime(2023, 12, 1, 10, tzinfo=UTC), reasons.PAST, id="documented example"),
    ],
)
def test_dates_at_the_ends_of_the_calendar_are_judged_without_overflow(
    date_: datetime, expected: str
) -> None:
    assert rejection_reason(date_) == expected
