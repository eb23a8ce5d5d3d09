"""Dates as people write them, and the hour that occurs twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from clinic.contracts.calendar_file import CalendarEntry
from clinic.contracts.date_format import format_clock_time, format_moment, format_period


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


#: Zone, the first of two instants, the clock at both, the offsets, and the minutes between them.
TWICE = [
    ("Africa/Cairo", at("2027-10-28T20:00"), "23:00", "UTC+03:00", "UTC+02:00", 60),
    ("Europe/Madrid", at("2026-10-25T00:30"), "02:30", "UTC+02:00", "UTC+01:00", 60),
    ("America/New_York", at("2026-11-01T05:00"), "01:00", "UTC-04:00", "UTC-05:00", 60),
    ("Australia/Lord_Howe", at("2027-04-03T14:30"), "01:30", "UTC+11:00", "UTC+10:30", 30),
]


@pytest.mark.parametrize(("key", "first", "clock", "before", "after", "minutes"), TWICE)
def test_the_hour_that_comes_twice_is_told_apart(
    key: str, first: datetime, clock: str, before: str, after: str, minutes: int
) -> None:
    zone, second = ZoneInfo(key), first + timedelta(minutes=minutes)
    assert format_clock_time(first, "es", zone) == f"{clock} ({before})"
    assert format_clock_time(second, "es", zone) == f"{clock} ({after})"
    assert format_moment(first, "en", zone).endswith(f", {clock} ({before}, {key})")
    assert format_moment(second, "en", zone).endswith(f", {clock} ({after}, {key})")


@pytest.mark.parametrize(("key", "first", "clock", "before", "after", "minutes"), TWICE)
def test_any_other_hour_is_said_as_ever(
    key: str, first: datetime, clock: str, before: str, after: str, minutes: int
) -> None:
    zone = ZoneInfo(key)
    for moment in (first - timedelta(hours=3), first + timedelta(hours=3)):
        assert "UTC" not in format_clock_time(moment, "es", zone) + format_moment(
            moment, "es", zone
        )


def test_the_hour_that_is_left_out_has_no_offset_either() -> None:
    before = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    zone = ZoneInfo("Europe/Madrid")
    assert format_clock_time(before, "es", zone) == "01:30"
    assert format_clock_time(before + timedelta(hours=1), "es", zone) == "03:30"


@pytest.mark.parametrize(("key", "first", "clock", "before", "after", "minutes"), TWICE)
def test_a_calendar_file_is_right_in_both(
    key: str, first: datetime, clock: str, before: str, after: str, minutes: int
) -> None:
    """It says the instant in UTC, which no clock repeats."""
    for moment in (first, first + timedelta(minutes=minutes)):
        start = moment.astimezone(ZoneInfo(key))
        end = start.astimezone(UTC) + timedelta(minutes=30)
        file = CalendarEntry("id", 2, start, end, "Cita", "clinica.example").to_file("PUBLISH")
        assert f"DTSTART:{moment:%Y%m%dT%H%M%SZ}".encode() in file


MADRID = ZoneInfo("Europe/Madrid")


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2026-12-11T10:00", "2026-12-11T10:30", "11:00–11:30 (Europe/Madrid)"),
        # The clock is turned back in between.
        ("2026-10-25T00:30", "2026-10-25T01:30", "02:30 (UTC+02:00)–02:30 (UTC+01:00)"),
    ],
)
def test_a_period_names_its_day_once(start: str, end: str, text: str) -> None:
    shown = format_period(at(start), at(end), "en", MADRID)
    assert text in shown
    assert shown.count("2026") == 1


def test_a_period_over_midnight_names_both_days() -> None:
    shown = format_period(at("2026-12-11T22:30"), at("2026-12-11T23:30"), "es", MADRID)
    assert "11 de diciembre de 2026, 23:30" in shown
    assert "12 de diciembre de 2026, 00:30" in shown


def test_a_period_without_an_end_is_a_moment() -> None:
    start = at("2026-12-11T10:00")
    assert format_period(start, None, "es", MADRID) == format_moment(start, "es", MADRID)
