"""Claim keys meet exactly when intervals overlap."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.domain.time_cells import CELL_MINUTES, cells_of, claim_keys, seat_of

#: Days of 23, 25, 23.5 and 24.5 hours, and a change of the clocks at midnight.
CLOCK_CHANGES = [
    ("Europe/Madrid", date(2027, 3, 28)),
    ("Europe/Madrid", date(2027, 10, 31)),
    ("Australia/Lord_Howe", date(2027, 4, 4)),
    ("Australia/Lord_Howe", date(2027, 10, 3)),
    ("America/Santiago", date(2027, 9, 5)),
    ("Africa/Cairo", date(2027, 10, 29)),
    ("Asia/Kathmandu", date(2027, 5, 1)),
]


def instants(zone: str, day: date) -> st.SearchStrategy[datetime]:
    """Every five minutes, from a day before the change of the clocks to a day after it."""
    midnight = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
    steps = st.integers(-24 * 12, 48 * 12)
    return steps.map(lambda step: midnight + timedelta(minutes=CELL_MINUTES * step))


def intervals(zone: str, day: date, grid: int) -> st.SearchStrategy[tuple[datetime, datetime]]:
    def aligned(start: datetime, length: int) -> tuple[datetime, datetime]:
        minutes = int(start.timestamp()) // 60 // grid * grid
        begin = datetime.fromtimestamp(60 * minutes, UTC)
        return begin, begin + timedelta(minutes=grid * length)

    return st.builds(aligned, instants(zone, day), st.integers(1, 600 // grid))


@given(data=st.data(), where=st.sampled_from(CLOCK_CHANGES), grid=st.sampled_from([5, 10, 15, 30]))
def test_claims_intersect_exactly_if_the_intervals_overlap(
    data: st.DataObject, where: tuple[str, date], grid: int
) -> None:
    one = data.draw(intervals(*where, grid))
    other = data.draw(intervals(*where, grid))
    keys, other_keys = (set(claim_keys("ana", 0, cells_of(*each, grid))) for each in (one, other))
    is_overlapping = one[0] < other[1] and other[0] < one[1]
    assert bool(keys & other_keys) == is_overlapping


@given(start=instants(*CLOCK_CHANGES[0]), minutes=st.integers(1, 100))
def test_bounds_off_the_grid_are_rounded_outward(start: datetime, minutes: int) -> None:
    start += timedelta(seconds=minutes)
    end = start + timedelta(minutes=minutes)
    cells = cells_of(start, end)
    first = datetime.fromtimestamp(60 * CELL_MINUTES * cells[0], UTC)
    last = datetime.fromtimestamp(60 * CELL_MINUTES * (cells[-1] + 1), UTC)
    assert first <= start < end <= last
    assert last - first < end - start + timedelta(minutes=2 * CELL_MINUTES)


def test_a_coarser_grid_names_the_same_instants() -> None:
    start = datetime(2027, 1, 4, 9, tzinfo=UTC)
    end = start + timedelta(hours=1)
    assert set(cells_of(start, end, 30)) < set(cells_of(start, end))
    assert len(cells_of(start, end, 30)) == 2


@pytest.mark.parametrize(("schedule", "seat"), [("ana", 0), ("default", 12)])
def test_a_key_names_its_seat(schedule: str, seat: int) -> None:
    (key,) = claim_keys(schedule, seat, [5987088])
    assert (key, seat_of(key)) == (f"{schedule}/{seat}/5987088", f"{schedule}/{seat}")


def test_other_schedules_and_seats_have_other_keys() -> None:
    cells = cells_of(datetime(2027, 1, 4, 9, tzinfo=UTC), datetime(2027, 1, 4, 10, tzinfo=UTC))
    keys = [claim_keys(*each, cells) for each in (("a", 0), ("a", 1), ("b", 0))]
    assert len(set().union(*keys)) == 3 * len(cells)
