"""Which seat is tried, and when the taken ones are read first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from booking_service.seat_allocation import SeatAllocator

from booking_service import seat_allocation
from clinic.errors import ClaimTaken

SLOT = datetime(2026, 12, 1, 10, tzinfo=UTC)


class Repository:
    """Holds the taken seats of one slot, and records its calls."""

    def __init__(self, *taken: int) -> None:
        self.taken = set(taken)
        self.calls: list[Any] = []

    def taken_seats(self, _slot: datetime) -> set[int]:
        self.calls.append("read")
        return set(self.taken)

    def claim(self, seat: int) -> int:
        self.calls.append(seat)
        if seat in self.taken:
            raise ClaimTaken("taken")
        self.taken.add(seat)
        return seat


def allocator(repository: Repository, seats: int) -> SeatAllocator:
    calendar = SimpleNamespace(seats_per_slot=seats)
    return SeatAllocator(cast(Any, repository), cast(Any, calendar))


def take(seats: SeatAllocator, slot: datetime = SLOT) -> Any:
    return seats.allocate(slot, cast(Any, seats.bookings).claim)


def test_the_first_seat_of_a_calm_slot_is_taken_without_a_read() -> None:
    repository = Repository()
    assert take(allocator(repository, 2)) == 0
    assert repository.calls == [0]


def test_a_free_seat_is_found_behind_taken_ones() -> None:
    repository = Repository(0, 1)
    assert take(allocator(repository, 3)) == 2
    assert repository.calls == [0, "read", 2]


def test_a_slot_that_is_known_to_be_full_is_read_and_not_tried() -> None:
    repository = Repository(0)
    seats = allocator(repository, 1)
    for _ in range(2):
        with pytest.raises(ClaimTaken):
            take(seats)
    assert repository.calls == [0, "read", "read"]


def test_a_seat_that_becomes_free_in_a_contested_slot_is_given() -> None:
    repository = Repository(0)
    seats = allocator(repository, 1)
    with pytest.raises(ClaimTaken):
        take(seats)
    repository.taken.clear()
    assert take(seats) == 0


def test_few_contested_slots_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seat_allocation, "_MAX_CONTESTED", 3)
    seats = allocator(Repository(0), 1)
    for number in range(10):
        with pytest.raises(ClaimTaken):
            take(seats, SLOT + timedelta(hours=number))
        assert 1 <= len(seats.contested) <= 3
