"""Claim keys: the cells of a schedule's time that a booking occupies. Pure.

Two bookings of the same seat share a claim key exactly when their intervals overlap, provided that
their bounds lie on the grid of the schedule. Cells divide elapsed time since 1970 in UTC, so they
are unaffected by clock changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

#: The finest grid. Every time of a catalogue is a multiple of it, and so is every UTC offset.
CELL_MINUTES = 5

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


def cells_of(start: datetime, end: datetime, grid_minutes: int = CELL_MINUTES) -> Sequence[int]:
    """Return the cells of the half-open interval, each named by its first five minutes.

    A coarser grid, a multiple of five minutes, needs fewer cells. Bounds off the grid are rounded
    outward.
    """
    first = (start - _EPOCH) // _MINUTE // grid_minutes * grid_minutes
    end_minute = -((_EPOCH - end) // _MINUTE)
    last = -(-end_minute // grid_minutes) * grid_minutes
    return range(first // CELL_MINUTES, last // CELL_MINUTES, grid_minutes // CELL_MINUTES)


def claim_key(schedule: str, seat: int, cell: int) -> str:
    return f"{schedule}/{seat}/{cell}"


def claim_keys(schedule: str, seat: int, cells: Iterable[int]) -> tuple[str, ...]:
    return tuple(claim_key(schedule, seat, cell) for cell in cells)


def seat_of(key: str) -> str:
    """Return "<schedule>/<seat>", the part of a claim key that names the seat."""
    return key.rpartition("/")[0]


def schedule_of(key: str) -> str:
    return key.partition("/")[0]
