"""Which placement is tried, when the taken claims are read first, and who gets whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from booking_service.scheduling import allocator as module
from booking_service.scheduling.allocator import Allocator, Wanted
from booking_service.scheduling.working_hours import WorkingHours
from clinic.domain.booking import Assignment, Choice, Transition, confirm
from clinic.domain.catalogue import Absence, Catalogue, ScheduleKind
from clinic.domain.clock import now
from clinic.domain.time_cells import cells_of, claim_keys
from clinic.errors import AppointmentsContested, ClaimTaken
from tests.bookings import requested
from tests.clinics import in_seat, make_calendar, make_catalogue, make_schedule, make_service
from tests.fakes import FakeBookings

NINE = (now() + timedelta(days=7)).replace(hour=9, minute=0, second=0, microsecond=0)
ANY, ANA = Choice("visit"), Choice("visit", "ana")
ROOM = ScheduleKind.ROOM
STAFF = [make_schedule("ana"), make_schedule("luis"), make_schedule("eva")]


class Calls(FakeBookings):
    """Records each claim that is tried."""

    def __init__(self) -> None:
        super().__init__()
        self.tried: list[tuple[str, ...]] = []

    def dispatch(self, event_type: str, event_data: Transition) -> None:
        self.tried.append(event_data.claims)
        super().dispatch(event_type, event_data)


def allocator_for(bookings: FakeBookings, catalogue: Catalogue) -> Allocator:
    fake: Any = bookings
    return Allocator(fake, WorkingHours(catalogue))


def take(
    allocator: Allocator, date: datetime = NINE, choice: Choice = ANY, **fields: Any
) -> Transition:
    """Confirm a new booking."""
    bookings: Any = allocator.bookings
    booking = requested(date=date, choice=choice)
    bookings.by_id[booking.id] = booking

    def claim(assignment: Assignment) -> Transition:
        confirmed = confirm(booking, assignment=assignment, at=now(), by="test")
        bookings.dispatch("booking_state_changed", confirmed)
        return confirmed

    return allocator.allocate(Wanted.by(booking), claim, **fields)


def pool(bookings: FakeBookings, seats: int) -> Allocator:
    return allocator_for(bookings, make_calendar(seats_per_slot=seats).to_catalogue())


def seats(claims: Iterable[str]) -> list[str]:
    return sorted({claim.rpartition("/")[0] for claim in claims})


# --- the clinic without a catalogue: one pool


def test_the_first_seat_of_a_calm_start_is_taken_without_a_read() -> None:
    bookings = Calls()
    assert take(pool(bookings, 2), choice=Choice()).claims == in_seat(NINE).claims
    assert bookings.scans == 0


def test_a_free_seat_is_found_behind_taken_ones() -> None:
    bookings = Calls()
    for seat in (0, 1):
        bookings.hold(requested(date=NINE), in_seat(NINE, seat))
    taken = take(pool(bookings, 3), choice=Choice())
    assert taken.claims == in_seat(NINE, 2).claims
    assert (bookings.scans, len(bookings.tried)) == (1, 2)


def test_a_start_that_is_known_to_be_full_is_read_and_not_tried() -> None:
    bookings = Calls()
    bookings.hold(requested(date=NINE), in_seat(NINE))
    seats_of_clinic = pool(bookings, 1)
    for _ in range(2):
        with pytest.raises(ClaimTaken):
            take(seats_of_clinic, choice=Choice())
    assert (bookings.scans, len(bookings.tried)) == (2, 1)


def test_a_seat_that_becomes_free_at_a_contested_start_is_given() -> None:
    bookings = Calls()
    bookings.hold(requested(date=NINE), in_seat(NINE))
    seats_of_clinic = pool(bookings, 1)
    with pytest.raises(ClaimTaken):
        take(seats_of_clinic, choice=Choice())
    bookings.claims.clear()
    bookings.by_id.clear()
    assert take(seats_of_clinic, choice=Choice()).claims == in_seat(NINE).claims


def test_few_contested_starts_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_CONTESTED", 3)
    bookings = Calls()
    seats_of_clinic = pool(bookings, 1)
    for number in range(10):
        start = NINE + timedelta(hours=number)
        bookings.hold(requested(date=start), in_seat(start))
        with pytest.raises(ClaimTaken):
            take(seats_of_clinic, start, Choice())
        assert 1 <= len(seats_of_clinic.contested) <= 3


def test_an_appointment_may_change_seats_if_none_is_free_all_the_time() -> None:
    """Seat 0 is taken until 10:00 and seat 1 from 10:00: there is room from 09:30 to 10:30."""
    bookings = Calls()
    hour = make_service(minutes=60, start_every=30, needs=(ScheduleKind.POOL,), is_default=True)
    desk = make_schedule("desk", ScheduleKind.POOL, capacity=2)
    clinic = allocator_for(bookings, make_catalogue([desk], [hour]))
    half, ten = timedelta(minutes=30), NINE + timedelta(hours=1)
    for seat, start in ((0, NINE), (1, ten)):
        claims = claim_keys("desk", seat, cells_of(start, start + 2 * half))
        booking = requested(date=start, choice=ANY)
        bookings.hold(booking, Assignment(ANY, start + 2 * half, claims))
    taken = take(clinic, NINE + half)
    assert seats(taken.claims[:6]) == ["desk/1"]
    assert seats(taken.claims[6:]) == ["desk/0"]
    with pytest.raises(ClaimTaken):
        take(clinic, NINE + half)


# --- practitioners and rooms


def test_a_named_practitioner_is_tried_without_a_read() -> None:
    bookings = Calls()
    taken = take(allocator_for(bookings, make_catalogue(STAFF)), choice=ANA)
    assert taken.choice == Choice("visit", "ana", "centro")
    assert taken.end == NINE + timedelta(minutes=30)
    assert (bookings.scans, seats(taken.claims)) == (0, ["ana/0"])


def test_a_taken_practitioner_is_no_rejection_while_another_is_free() -> None:
    clinic = allocator_for(Calls(), make_catalogue(STAFF))
    people = [take(clinic).choice.practitioner for _ in range(3)]
    assert sorted(map(str, people)) == ["ana", "eva", "luis"]
    with pytest.raises(ClaimTaken):
        take(clinic)


def test_appointments_are_shared_fairly_by_booked_minutes_and_weight() -> None:
    people = [make_schedule("ana", weight=2), make_schedule("luis"), make_schedule("eva")]
    clinic = allocator_for(Calls(), make_catalogue(people))
    starts = [NINE + timedelta(minutes=30 * number) for number in range(8)]
    given = Counter(take(clinic, start).choice.practitioner for start in starts)
    assert given == {"ana": 4, "luis": 2, "eva": 2}


def test_the_same_request_gets_the_same_practitioner_at_each_delivery() -> None:
    booking = requested(date=NINE, choice=ANY)

    def first_choice() -> Any:
        bookings = Calls()
        bookings.by_id[booking.id] = booking
        clinic = allocator_for(bookings, make_catalogue(STAFF))
        return clinic.allocate(
            Wanted.by(booking),
            lambda assignment: confirm(booking, assignment=assignment, at=now(), by="test"),
        ).choice.practitioner

    assert len({first_choice() for _ in range(5)}) == 1


def test_equal_practitioners_are_drawn_evenly() -> None:
    def drawn() -> Any:
        return take(allocator_for(Calls(), make_catalogue(STAFF))).choice.practitioner

    assert {drawn() for _ in range(60)} == {"ana", "luis", "eva"}


def test_practitioner_and_room_are_claimed_together() -> None:
    needs = (ScheduleKind.PRACTITIONER, ROOM)
    service = make_service(needs=needs, is_default=True)
    rooms = [make_schedule("room-1", ROOM)]
    clinic = allocator_for(Calls(), make_catalogue([*STAFF, *rooms], [service]))
    taken = take(clinic, choice=ANA)
    assert seats(taken.claims) == ["ana/0", "room-1/0"]
    with pytest.raises(ClaimTaken):  # two are free, and no room is
        take(clinic)


def test_buffers_are_claimed_and_may_lie_outside_working_hours() -> None:
    service = make_service(before=10, after=15, is_default=True)
    clinic = allocator_for(Calls(), make_catalogue([make_schedule("ana")], [service]))
    assert len(take(clinic).claims) == (10 + 30 + 15) // 5
    with pytest.raises(ClaimTaken):
        take(clinic, NINE + timedelta(minutes=30))
    take(clinic, NINE + timedelta(minutes=60))
    take(clinic, NINE + timedelta(hours=4, minutes=30))  # the last before closing


def test_only_who_is_there_is_tried() -> None:
    away = Absence(NINE, NINE + timedelta(hours=1))
    people = [make_schedule("ana", absences=(away,)), make_schedule("luis")]
    clinic = allocator_for(Calls(), make_catalogue(people))
    assert take(clinic).choice.practitioner == "luis"
    with pytest.raises(ClaimTaken):
        take(clinic)
    with pytest.raises(ClaimTaken):
        take(clinic, choice=ANA)


def test_staff_may_use_the_seats_for_overbooking() -> None:
    clinic = allocator_for(Calls(), make_catalogue([make_schedule("ana", overbook=1)]))
    take(clinic)
    with pytest.raises(ClaimTaken):
        take(clinic)
    assert seats(take(clinic, may_overbook=True).claims) == ["ana/1"]
    with pytest.raises(ClaimTaken):
        take(clinic, may_overbook=True)


def test_who_is_always_too_late_is_told_to_try_later() -> None:
    """A read shows free time, and each time somebody takes it before it is claimed."""

    class Contested(Calls):
        def dispatch(self, event_type: str, event_data: Transition) -> None:
            self.tried.append(event_data.claims)
            raise ClaimTaken(event_data.claims[0])

    bookings = Contested()
    with pytest.raises(AppointmentsContested):
        take(allocator_for(bookings, make_catalogue(STAFF)))
    assert bookings.scans == 3


def test_a_longer_appointment_of_before_a_change_is_noticed() -> None:
    """It starts further back than any service lasts today."""
    bookings = Calls()
    start = NINE - timedelta(hours=3)
    claims = claim_keys("ana", 0, cells_of(start, NINE + timedelta(hours=1)))
    long_ago = Assignment(ANA, NINE + timedelta(hours=1), claims)
    bookings.hold(requested(date=start), long_ago)
    with pytest.raises(ClaimTaken):
        take(allocator_for(bookings, make_catalogue([make_schedule("ana")])))


def test_moving_onto_ones_own_time_is_possible() -> None:
    bookings = Calls()
    clinic = allocator_for(bookings, make_catalogue([make_schedule("ana")]))
    moved = take(clinic)
    wanted = Wanted(moved.booking_id, "default", NINE, ANA)
    clinic.contested.add(module._Start("default", "ana", NINE))
    taken: list[Assignment] = []

    def claim(assignment: Assignment) -> Any:
        taken.append(assignment)
        return moved

    clinic.allocate(wanted, claim)
    assert taken[0].claims == moved.claims
