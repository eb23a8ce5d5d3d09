"""Slots of another length: no two appointments overlap, whichever length each was booked with."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from booking_service.scheduling.allocator import Wanted
from booking_service.scheduling.current_allocators import CurrentAllocators
from clinic.bookings.claim_grids import ClaimGrids
from clinic.bookings.repository import BookingRepository
from clinic.catalogue.cache import CatalogueCache
from clinic.domain.booking import Assignment, Booking, Transition, cancel, confirm
from clinic.domain.clock import now
from clinic.errors import ClaimGridChanging, ClaimTaken
from clinic.outbox.outbox import Outbox
from tests.bookings import put_booking
from tests.clinics import make_calendar

NINE = (now() + timedelta(days=7)).replace(hour=9, minute=0, second=0, microsecond=0)
NO_WAIT = timedelta(0)


@pytest.fixture
def store(database: Database[Any]) -> BookingRepository:
    return BookingRepository(database, Outbox(database))


def process(
    store: BookingRepository, slot_minutes: int, seats: int = 1, settle: timedelta = NO_WAIT
) -> CurrentAllocators:
    """A booking service that was started with slots of this length."""
    slot = timedelta(minutes=slot_minutes)
    catalogue = make_calendar(slot=slot, seats_per_slot=seats).to_catalogue()
    cache = CatalogueCache(lambda _clinic: None, catalogue, 60)
    return CurrentAllocators(store, cache, ClaimGrids(store.database, settle))


def book(store: BookingRepository, allocators: CurrentAllocators, minutes: int) -> Booking:
    """Confirm a booking that starts so many minutes after nine. Raises: ClaimTaken."""
    booking = put_booking(store, date=NINE + timedelta(minutes=minutes))

    def claim(assignment: Assignment) -> Transition:
        confirmed = confirm(booking, assignment=assignment, at=now(), by="test")
        store.apply(confirmed)
        return confirmed

    allocators.of("default").allocate(Wanted.by(booking), claim)
    return store.get(booking.id)


def claims(store: BookingRepository, booking: Booking) -> list[str]:
    found: Any = store.database["bookings"].find_one({"_id": booking.id})
    return list(found["claims"])


def test_a_booking_of_the_default_clinic_has_one_claim(store: BookingRepository) -> None:
    assert len(claims(store, book(store, process(store, 30), 0))) == 1


@pytest.mark.parametrize(("before", "after"), [(30, 20), (30, 15), (20, 30), (45, 30), (60, 50)])
def test_slots_of_another_length_do_not_overlap_with_those_before(
    store: BookingRepository, before: int, after: int
) -> None:
    book(store, process(store, before), 0)
    later = process(store, after)
    starts = [minutes for minutes in range(120) if (9 * 60 + minutes) % after == 0]
    free = []
    for minutes in starts:
        with suppress(ClaimTaken):
            book(store, later, minutes)
            free.append(minutes)
    assert free == [minutes for minutes in starts if minutes >= before]


def test_seats_are_kept_when_claims_are_rewritten(store: BookingRepository) -> None:
    first = process(store, 30, seats=2)
    one, other = book(store, first, 0), book(store, first, 0)
    book(store, process(store, 20, seats=2), 40)
    keys = [claims(store, one), claims(store, other)]
    assert [len(each) for each in keys] == [3, 3]
    assert {key.split("/")[1] for key in keys[0]} == {"0"}
    assert {key.split("/")[1] for key in keys[1]} == {"1"}


def test_nothing_is_claimed_while_others_may_use_the_previous_grid(
    store: BookingRepository,
) -> None:
    old = process(store, 30)
    book(store, old, 0)
    with pytest.raises(ClaimGridChanging):
        book(store, process(store, 20, settle=timedelta(hours=1)), 40)
    stored: Any = store.database["claim_grids"].find_one()
    assert (stored["minutes"], stored["isApplied"]) == (10, False)
    # Whoever comes by when the time is over does it.
    book(store, process(store, 30), 60)
    assert store.database["claim_grids"].find_one({"isApplied": True}) is not None
    with pytest.raises(ClaimTaken):
        book(store, process(store, 20), 20)


def test_a_process_with_the_previous_length_uses_the_finer_grid(store: BookingRepository) -> None:
    process(store, 30).of("default")
    process(store, 20).of("default")
    booking = book(store, process(store, 30), 0)
    assert len(claims(store, booking)) == 3
    with pytest.raises(ClaimTaken):
        book(store, process(store, 20), 20)


def test_a_longer_slot_needs_no_other_grid(store: BookingRepository) -> None:
    process(store, 30).of("default")
    process(store, 60).of("default")
    stored: Any = store.database["claim_grids"].find_one()
    assert (stored["minutes"], stored["isApplied"]) == (30, True)


def test_bookings_without_claims_keep_none(store: BookingRepository) -> None:
    booking = book(store, process(store, 30), 0)
    store.apply(cancel(booking, reason="cancelled_by_clinic", at=now(), by="test"))
    process(store, 20).of("default")
    assert claims(store, booking) == []
