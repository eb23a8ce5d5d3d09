from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic.domain.opening_hours import OpeningInterval
from tests.clinics import Timetable

MADRID = ZoneInfo("Europe/Madrid")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its clocks change by half an hour
CAIRO = ZoneInfo("Africa/Cairo")  # its clocks change at midnight

MADRID_SPRING, MADRID_AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
NEW_YORK_SPRING, NEW_YORK_AUTUMN = date(2026, 3, 8), date(2026, 11, 1)
MONDAY, TUESDAY, SUNDAY = date(2026, 11, 2), date(2026, 11, 3), date(2026, 11, 8)

ZONES = [
    "UTC",
    "Europe/Madrid",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Antarctica/Troll",
]


def make_calendar(
    *spans: str,
    zone: ZoneInfo = MADRID,
    hours: dict[int, list[str]] | None = None,
    slot_minutes: int = 30,
    closed_days: tuple[date, ...] = (),
) -> Timetable:
    """The same spans every day, unless `hours` tells the weekdays apart."""
    week = hours if hours is not None else {day: list(spans) for day in range(7)}
    return Timetable(
        zone=zone,
        hours={day: [OpeningInterval.parse(text) for text in texts] for day, texts in week.items()},
        slot=timedelta(minutes=slot_minutes),
        closed_days=frozenset(closed_days),
    )


def local(day: date, wall_clock: str, zone: ZoneInfo = MADRID, fold: int = 0) -> datetime:
    hour, minute = map(int, wall_clock.split(":"))
    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone, fold=fold)
    return moment.astimezone(UTC)


def wall_clock(starts: list[datetime], zone: ZoneInfo = MADRID) -> list[str]:
    return [f"{start.astimezone(zone):%H:%M}" for start in starts]


def test_slots_fill_the_opening_hours() -> None:
    starts = make_calendar("08:00-10:00").slot_starts(MONDAY)
    assert wall_clock(starts) == ["08:00", "08:30", "09:00", "09:30"]


def test_slots_are_in_utc() -> None:
    assert make_calendar("08:00-08:30").slot_starts(MONDAY) == [
        datetime(2026, 11, 2, 7, tzinfo=UTC)
    ]
    assert make_calendar("08:00-08:30").slot_starts(MONDAY)[0].tzinfo is UTC


def test_each_weekday_has_its_own_hours() -> None:
    calendar = make_calendar(hours={0: ["08:00-09:00"], 1: ["16:00-17:00"]})
    assert wall_clock(calendar.slot_starts(MONDAY)) == ["08:00", "08:30"]
    assert wall_clock(calendar.slot_starts(TUESDAY)) == ["16:00", "16:30"]


def test_a_weekday_without_hours_is_closed() -> None:
    calendar = make_calendar(hours={0: ["08:00-20:00"]})
    assert calendar.slot_starts(SUNDAY) == []
    assert not calendar.is_open(local(SUNDAY, "10:00"))


def test_a_day_may_have_several_spans() -> None:
    calendar = make_calendar("09:00-10:00", "15:00-16:00")
    assert wall_clock(calendar.slot_starts(MONDAY)) == ["09:00", "09:30", "15:00", "15:30"]
    assert not calendar.is_open(local(MONDAY, "12:00"))


def test_each_span_has_a_grid_of_its_own() -> None:
    calendar = make_calendar("09:00-10:00", "15:10-16:10")
    assert calendar.is_slot_start(local(MONDAY, "15:10"))
    assert not calendar.is_slot_start(local(MONDAY, "15:30"))


def test_a_closed_day_has_neither_slots_nor_hours() -> None:
    calendar = make_calendar("08:00-20:00", closed_days=(MONDAY,))
    assert calendar.slot_starts(MONDAY) == []
    assert not calendar.is_open(local(MONDAY, "10:00"))
    assert not calendar.is_slot_start(local(MONDAY, "10:00"))
    assert calendar.is_open(local(TUESDAY, "10:00"))


def test_a_closed_day_is_a_day_of_the_clinic_and_not_of_utc() -> None:
    # 23:30 UTC on Sunday is half past midnight of a Monday in Madrid.
    calendar = make_calendar("00:00-24:00", closed_days=(date(2026, 11, 2),))
    assert not calendar.is_open(datetime(2026, 11, 1, 23, 30, tzinfo=UTC))
    assert calendar.is_open(datetime(2026, 11, 2, 23, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("clock", "is_open"),
    [("07:59", False), ("08:00", True), ("19:59", True), ("20:00", False)],
)
def test_opening_is_part_of_the_hours_and_closing_is_not(clock: str, is_open: bool) -> None:
    assert make_calendar("08:00-20:00").is_open(local(MONDAY, clock)) is is_open


@pytest.mark.parametrize(
    ("clock", "is_start"),
    [
        ("07:30", False),
        ("08:00", True),
        ("08:15", False),
        ("08:29", False),
        ("08:30", True),
        ("19:30", True),
        ("19:45", False),
        ("20:00", False),
    ],
)
def test_an_appointment_starts_on_the_grid(clock: str, is_start: bool) -> None:
    assert make_calendar("08:00-20:00").is_slot_start(local(MONDAY, clock)) is is_start


@pytest.mark.parametrize(
    "off", [timedelta(seconds=1), timedelta(milliseconds=1), timedelta(microseconds=1)], ids=str
)
def test_a_moment_beside_the_grid_is_no_start(off: timedelta) -> None:
    calendar = make_calendar("08:00-20:00")
    assert not calendar.is_slot_start(local(MONDAY, "10:00") + off)
    assert not calendar.is_slot_start(local(MONDAY, "10:00") - off)


def test_the_last_slot_must_fit_before_closing() -> None:
    calendar = make_calendar("08:00-09:15")
    assert wall_clock(calendar.slot_starts(MONDAY)) == ["08:00", "08:30"]
    assert not calendar.is_slot_start(local(MONDAY, "09:00"))
    assert calendar.is_open(local(MONDAY, "09:00"))


def test_a_span_shorter_than_a_slot_has_none() -> None:
    assert make_calendar("08:00-08:25").slot_starts(MONDAY) == []


def test_slots_may_have_any_length() -> None:
    calendar = make_calendar("08:00-09:30", slot_minutes=45)
    assert wall_clock(calendar.slot_starts(MONDAY)) == ["08:00", "08:45"]


def test_a_span_may_end_at_midnight() -> None:
    calendar = make_calendar("23:00-24:00")
    assert wall_clock(calendar.slot_starts(MONDAY)) == ["23:00", "23:30"]
    assert not calendar.is_open(local(TUESDAY, "00:00"))


def test_days_that_end_at_midnight_and_start_there_join() -> None:
    calendar = make_calendar("00:00-24:00")
    starts = calendar.slot_starts(MONDAY) + calendar.slot_starts(TUESDAY)
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(minutes=30)}


@pytest.mark.parametrize(
    ("zone", "day", "slots"),
    [
        (MADRID, MONDAY, 48),
        (MADRID, MADRID_SPRING, 46),
        (MADRID, MADRID_AUTUMN, 50),
        (NEW_YORK, NEW_YORK_SPRING, 46),
        (NEW_YORK, NEW_YORK_AUTUMN, 50),
        (LORD_HOWE, date(2026, 10, 4), 47),
        (LORD_HOWE, date(2026, 4, 5), 49),
        (CAIRO, date(2026, 4, 24), 46),
        (CAIRO, date(2026, 10, 29), 50),
    ],
    ids=str,
)
def test_a_clinic_open_all_day_has_as_many_slots_as_the_day_has_half_hours(
    zone: ZoneInfo, day: date, slots: int
) -> None:
    starts = make_calendar("00:00-24:00", zone=zone).slot_starts(day)
    assert len(set(starts)) == len(starts) == slots


@pytest.mark.parametrize("day", [MADRID_SPRING, MADRID_AUTUMN], ids=["spring", "autumn"])
def test_a_changing_day_and_its_neighbours_have_no_gap_and_no_overlap(day: date) -> None:
    calendar = make_calendar("00:00-24:00")
    days = [day - timedelta(days=1), day, day + timedelta(days=1)]
    starts = [start for each in days for start in calendar.slot_starts(each)]
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(minutes=30)}


def test_opening_in_the_gap_is_when_the_clocks_go_forward() -> None:
    # 02:00 doesn't exist: clocks go from 01:59 to 03:00, which is 01:00 UTC.
    starts = make_calendar("02:00-04:00").slot_starts(MADRID_SPRING)
    assert wall_clock(starts) == ["03:00", "03:30"]


def test_a_span_inside_the_gap_has_no_slots() -> None:
    assert make_calendar("02:00-03:00").slot_starts(MADRID_SPRING) == []


def test_opening_in_the_fold_is_the_first_reading_of_the_clock() -> None:
    # 02:00 to 03:00 is shown twice.
    starts = make_calendar("02:00-04:00").slot_starts(MADRID_AUTUMN)
    assert wall_clock(starts) == ["02:00", "02:30", "02:00", "02:30", "03:00", "03:30"]
    assert starts[0] == datetime(2026, 10, 25, 0, tzinfo=UTC)


def test_closing_in_the_fold_is_the_second_reading_of_the_clock() -> None:
    starts = make_calendar("01:00-02:30").slot_starts(MADRID_AUTUMN)
    assert wall_clock(starts) == ["01:00", "01:30", "02:00", "02:30", "02:00"]
    assert starts[-1] == local(MADRID_AUTUMN, "02:00", fold=1)


def test_closing_in_the_gap_is_not_before_the_clocks_go_forward() -> None:
    starts = make_calendar("01:00-02:30").slot_starts(MADRID_SPRING)
    assert starts[0] == datetime(2026, 3, 29, 0, tzinfo=UTC)
    assert starts[-1] + timedelta(minutes=30) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "first_hour_utc"),
    [
        (MADRID, date(2026, 3, 28), 12),
        (MADRID, MADRID_SPRING, 11),
        (MADRID, date(2026, 10, 24), 11),
        (MADRID, MADRID_AUTUMN, 12),
        (NEW_YORK, date(2026, 3, 7), 18),
        (NEW_YORK, NEW_YORK_SPRING, 17),
        (NEW_YORK, date(2026, 10, 31), 17),
        (NEW_YORK, NEW_YORK_AUTUMN, 18),
    ],
    ids=str,
)
def test_an_afternoon_follows_the_clock_on_the_wall(
    zone: ZoneInfo, day: date, first_hour_utc: int
) -> None:
    starts = make_calendar("13:00-15:00", zone=zone).slot_starts(day)
    assert wall_clock(starts, zone) == ["13:00", "13:30", "14:00", "14:30"]
    assert starts[0].hour == first_hour_utc


@pytest.mark.parametrize("day", [MADRID_SPRING, MADRID_AUTUMN], ids=["spring", "autumn"])
def test_both_sides_of_the_change_keep_to_the_grid_of_the_opening(day: date) -> None:
    calendar = make_calendar("00:00-24:00", slot_minutes=60)
    starts = calendar.slot_starts(day)
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(hours=1)}
    assert calendar.is_slot_start(local(day, "13:00"))


@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    day=st.dates(date(2024, 1, 1), date(2032, 12, 31)),
    span=st.sampled_from(
        ["00:00-24:00", "00:00-03:00", "01:15-02:45", "22:30-24:00", "08:00-20:00"]
    ),
    slot_minutes=st.sampled_from([5, 15, 30, 45, 60, 90]),
)
@settings(max_examples=200, deadline=None)
def test_every_listed_start_is_a_start_and_is_open(
    zone: ZoneInfo, day: date, span: str, slot_minutes: int
) -> None:
    calendar = make_calendar(span, zone=zone, slot_minutes=slot_minutes)
    for start in calendar.slot_starts(day):
        assert calendar.is_slot_start(start)
        assert calendar.is_open(start)
        assert start.astimezone(zone).date() == day


@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    quarters=st.integers(0, 9 * 365 * 96),
    span=st.sampled_from(["00:00-24:00", "01:15-02:45", "08:00-20:00"]),
)
@settings(max_examples=200, deadline=None)
def test_a_start_is_listed_under_its_day(zone: ZoneInfo, quarters: int, span: str) -> None:
    calendar = make_calendar(span, zone=zone, slot_minutes=15)
    start = datetime(2024, 1, 2, tzinfo=UTC) + quarters * timedelta(minutes=15)
    listed = start in calendar.slot_starts(start.astimezone(zone).date())
    assert calendar.is_slot_start(start) is listed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "08:00",
        "08:00-",
        "-20:00",
        "20:00-08:00",
        "08:00-08:00",
        "24:00-24:00",
        "08:00-25:00",
        "8-20",
        "08:00–20:00",
        "08:00-20:00-21:00",
        "08:00-20:00Z",
        "08:00+01:00-20:00+01:00",
        "08:00+01:00-24:00",
        "always",
    ],
)
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        OpeningInterval.parse(text)


def test_a_span_may_have_spaces() -> None:
    assert OpeningInterval.parse(" 08:00 - 20:00 ") == OpeningInterval.parse("08:00-20:00")
