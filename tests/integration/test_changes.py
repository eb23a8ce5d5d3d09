"""Cancelling and rescheduling against a real database, also when several want it at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import eventlet
import pytest
from pymongo.database import Database

from booking_service.change import BookingChanges
from booking_service.seat_allocation import SeatAllocator
from booking_service.settings import booking_settings
from booking_service.slot_search import SlotSearch
from clinic.bookings.change_feed import ChangeFeed
from clinic.bookings.repository import BookingRepository
from clinic.contracts.messages import BookingRequested
from clinic.domain import booking as steps
from clinic.domain.booking import Booking, Status
from clinic.domain.clock import now
from clinic.errors import (
    BookingNotFound,
    ClinicError,
    ConcurrentModification,
    IllegalTransition,
    InvalidBooking,
    SlotUnavailable,
)
from clinic.outbox.outbox import Outbox
from tests.bookings import put_booking
from tests.use_cases import changes_of, decider_of

#: Noon of a day on which the default calendar is open.
TOMORROW = (now() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
LATER = TOMORROW + timedelta(days=1)
HALF_HOUR = timedelta(minutes=30)
BY_PATIENT = "cancelled_by_patient"


@pytest.fixture
def store(database: Database[Any]) -> BookingRepository:
    return BookingRepository(database, Outbox(database, 60))


@pytest.fixture
def seats(store: BookingRepository, config: dict[str, Any]) -> SeatAllocator:
    """The seats of the default calendar: one for each slot."""
    return SeatAllocator(store, booking_settings(config).calendar)


@pytest.fixture
def slots(store: BookingRepository, config: dict[str, Any]) -> SlotSearch:
    return SlotSearch(store, booking_settings(config).calendar)


@pytest.fixture
def changes(store: BookingRepository, seats: SeatAllocator) -> BookingChanges:
    return changes_of(store, seats, "patient")


def confirmed(store: BookingRepository, slot: datetime = TOMORROW, seat: int = 0) -> Booking:
    booking = put_booking(store, date=slot)
    store.apply(steps.confirm(booking, seat=seat, at=now(), by="test"))
    return store.get(booking.id)


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Start all calls at once; what each returned, or the error of ours that it raised."""

    def outcome(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except ClinicError as error:
            return error

    threads = [eventlet.spawn(outcome, call) for call in calls]
    return [thread.wait() for thread in threads]


def events(database: Database[Any], booking_id: str) -> list[dict[str, Any]]:
    return [each["body"] for each in database["bookings"].find_one(booking_id)["outbox"]]


def test_a_pending_booking_is_cancelled(changes: BookingChanges, store: BookingRepository) -> None:
    booking = put_booking(store)
    after = changes.cancel(booking.id, BY_PATIENT)
    assert (after.status, after.reason, after.version) == ("cancelled", BY_PATIENT, 2)
    assert after == store.get(booking.id)
    assert after.history[-1].by == "patient"


def test_a_confirmed_booking_is_cancelled_and_gives_its_seat_back(
    changes: BookingChanges, store: BookingRepository
) -> None:
    booking = confirmed(store)
    assert changes.cancel(booking.id, BY_PATIENT) == store.get(booking.id)
    assert store.taken_seats(TOMORROW) == set()
    confirmed(store)


def test_who_cancels_twice_is_answered_twice_and_tells_it_once(
    changes: BookingChanges, store: BookingRepository, database: Database[Any]
) -> None:
    booking = confirmed(store)
    first = changes.cancel(booking.id, BY_PATIENT)
    assert changes.cancel(booking.id, BY_PATIENT) == first
    assert len(events(database, booking.id)) == 2


def test_what_the_patient_has_cancelled_the_clinic_can_not(
    changes: BookingChanges, store: BookingRepository
) -> None:
    booking = confirmed(store)
    changes.cancel(booking.id, BY_PATIENT)
    with pytest.raises(IllegalTransition):
        replace(changes, by="staff").cancel(booking.id, "cancelled_by_clinic")


def test_a_rejected_booking_is_not_cancelled(
    changes: BookingChanges, store: BookingRepository
) -> None:
    booking = put_booking(store)
    store.apply(steps.reject(booking, reason="past", at=now(), by="test"))
    with pytest.raises(IllegalTransition):
        changes.cancel(booking.id, BY_PATIENT)


@pytest.mark.parametrize("reason", ["slot_full", "", "because"])
def test_a_cancellation_has_a_reason_of_its_own(
    changes: BookingChanges, store: BookingRepository, reason: str
) -> None:
    with pytest.raises(InvalidBooking):
        changes.cancel(put_booking(store).id, reason)


def test_nobody_else_changes_a_booking(store: BookingRepository, seats: SeatAllocator) -> None:
    with pytest.raises(InvalidBooking):
        changes_of(store, seats, "worker")


def test_an_unknown_booking_is_not_found(changes: BookingChanges) -> None:
    for change in (
        lambda: changes.cancel("nobody", BY_PATIENT),
        lambda: changes.reschedule("nobody", LATER),
    ):
        with pytest.raises(BookingNotFound):
            change()


def test_a_booking_is_moved_and_frees_its_seat_at_once(
    changes: BookingChanges, store: BookingRepository, database: Database[Any]
) -> None:
    booking = confirmed(store)
    after = changes.reschedule(booking.id, LATER)
    assert after == store.get(booking.id)
    assert (after.status, after.date, after.seat, after.version) == ("confirmed", LATER, 0, 3)
    document = database["bookings"].find_one(booking.id)
    assert document["slot"] == document["date"] == LATER
    assert (store.taken_seats(TOMORROW), store.taken_seats(LATER)) == (set(), {0})
    row = document["history"][-1]
    assert (row["from"], row["to"], row["by"]) == ("confirmed", "confirmed", "patient")
    assert (row["previousDate"], row["date"]) == (TOMORROW, LATER)


def test_a_move_is_announced_with_its_date_beside_what_came_before(
    changes: BookingChanges, store: BookingRepository, database: Database[Any]
) -> None:
    booking = confirmed(store)
    changes.reschedule(booking.id, LATER)
    _, event = events(database, booking.id)
    assert event["eventId"] == f"{booking.id}:3"
    assert (event["status"], event["previousStatus"]) == ("confirmed", "confirmed")
    assert datetime.fromisoformat(event["date"]) == LATER


def test_a_booking_that_is_moved_to_where_it_is_stays_as_it_is(
    changes: BookingChanges, store: BookingRepository
) -> None:
    booking = confirmed(store)
    assert changes.reschedule(booking.id, TOMORROW) == booking == store.get(booking.id)


@pytest.mark.parametrize(
    ("slot", "reason"),
    [
        pytest.param(now() - timedelta(seconds=1), "past", id="past"),
        pytest.param(TOMORROW + timedelta(days=800), "too_far", id="too far"),
        pytest.param(LATER.replace(hour=3), "closed", id="closed"),
        pytest.param(LATER + timedelta(minutes=7), "not_a_slot_start", id="off the grid"),
        pytest.param(LATER, "slot_full", id="full"),
    ],
)
def test_the_old_slot_stands_when_the_new_one_can_not_be_had(
    changes: BookingChanges, store: BookingRepository, slot: datetime, reason: str
) -> None:
    booking = confirmed(store)
    confirmed(store, LATER)
    with pytest.raises(SlotUnavailable, match=f"^{reason}$"):
        changes.reschedule(booking.id, slot)
    assert store.get(booking.id) == booking
    assert store.taken_seats(TOMORROW) == {0}


@pytest.mark.parametrize("status", ["pending", "rejected", "cancelled"])
def test_only_a_confirmed_booking_is_moved(
    changes: BookingChanges, store: BookingRepository, status: str
) -> None:
    booking = put_booking(store)
    if status == "rejected":
        store.apply(steps.reject(booking, reason="past", at=now(), by="test"))
    if status == "cancelled":
        changes.cancel(booking.id, BY_PATIENT)
    with pytest.raises(IllegalTransition):
        changes.reschedule(booking.id, LATER)


def test_a_move_takes_the_next_seat_when_the_first_is_gone(
    store: BookingRepository, seats: SeatAllocator
) -> None:
    several = replace(seats, calendar=replace(seats.calendar, seats_per_slot=3))
    booking = confirmed(store)
    for seat in (0, 1):
        confirmed(store, LATER, seat)
    assert changes_of(store, several, "patient").reschedule(booking.id, LATER).seat == 2


def test_of_twenty_who_want_one_seat_one_moves_and_all_others_stay(
    changes: BookingChanges, store: BookingRepository, database: Database[Any]
) -> None:
    bookings = [confirmed(store, TOMORROW, seat) for seat in range(20)]
    outcomes = together(
        *[lambda booking=each: changes.reschedule(booking.id, LATER) for each in bookings]
    )
    moved = [outcome for outcome in outcomes if isinstance(outcome, Booking)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, SlotUnavailable)]
    assert (len(moved), len(refused)) == (1, 19)
    assert {str(error) for error in refused} == {"slot_full"}
    for before in bookings:
        current = store.get(before.id)
        assert current == (moved[0] if current.id == moved[0].id else before)
    assert store.taken_seats(TOMORROW) == set(range(20)) - {
        each.seat for each in bookings if each.id == moved[0].id
    }
    assert sum(len(each["outbox"]) for each in database["bookings"].find()) == 21


def test_two_who_want_each_others_seat_keep_their_own(
    changes: BookingChanges, store: BookingRepository
) -> None:
    one, other = confirmed(store, TOMORROW), confirmed(store, LATER)
    outcomes = together(
        lambda: changes.reschedule(one.id, LATER), lambda: changes.reschedule(other.id, TOMORROW)
    )
    assert [str(each) for each in outcomes] == ["slot_full", "slot_full"]
    assert (store.get(one.id), store.get(other.id)) == (one, other)


def test_who_moves_and_who_cancels_at_once_leave_one_truth(
    changes: BookingChanges, store: BookingRepository
) -> None:
    for day in range(8):
        slot = TOMORROW + timedelta(days=2 * day)
        booking = confirmed(store, slot)
        calls = [
            lambda: changes.cancel(booking.id, BY_PATIENT),  # noqa: B023
            lambda: changes.reschedule(booking.id, slot + HALF_HOUR),  # noqa: B023
        ]
        cancelled, moved = together(*calls) if day % 2 else together(*calls[::-1])[::-1]
        assert isinstance(cancelled, Booking)  # it looks a second time, and finds where it is now
        assert isinstance(moved, Booking | IllegalTransition)
        current = store.get(booking.id)
        assert (current.status, current.version) == ("cancelled", 4 if current.date > slot else 3)
        assert isinstance(moved, Booking) is (current.date > slot)
        assert store.taken_seats(slot) == store.taken_seats(slot + HALF_HOUR) == set()


def test_the_decision_of_a_booking_that_is_cancelled_meanwhile_comes_too_late_or_first(
    changes: BookingChanges, store: BookingRepository, config: dict[str, Any]
) -> None:
    settings = booking_settings(config)
    decider = decider_of(store, settings.calendar, settings.check)
    bookings = [put_booking(store, date=TOMORROW + number * HALF_HOUR) for number in range(10)]
    together(
        *[lambda each=each: decider.decide(BookingRequested.of(each)) for each in bookings],
        *[lambda each=each: changes.cancel(each.id, BY_PATIENT) for each in bookings],
    )
    for booking in bookings:
        assert store.get(booking.id).status is Status.CANCELLED


def test_a_change_that_is_overtaken_twice_says_so(
    changes: BookingChanges, store: BookingRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = confirmed(store)
    get, looks = store.get, []

    def get_what_was(booking_id: str) -> Booking:
        looks.append(booking_id)
        return replace(get(booking_id), version=1)

    monkeypatch.setattr(store, "get", get_what_was)
    with pytest.raises(ConcurrentModification):
        changes.cancel(booking.id, BY_PATIENT)
    assert len(looks) == 2


def test_the_journal_gives_each_event_the_date_it_had(
    changes: BookingChanges, store: BookingRepository, database: Database[Any]
) -> None:
    booking = confirmed(store)
    changes.reschedule(booking.id, LATER)
    changes.reschedule(booking.id, LATER + HALF_HOUR)
    changes.cancel(booking.id, BY_PATIENT)
    page = ChangeFeed(database).read(now() - timedelta(hours=1), now())
    (told,) = page.bookings
    assert [each.to_body() for each in told.events] == events(database, booking.id)
    assert [each.date for each in told.events] == [
        *(TOMORROW, LATER),
        *(LATER + HALF_HOUR, LATER + HALF_HOUR),
    ]


def test_the_free_slots_of_a_day_are_those_that_can_be_had(
    slots: SlotSearch, store: BookingRepository
) -> None:
    day = TOMORROW.date()
    all_starts = slots.free_slots(day, now())
    confirmed(store, TOMORROW)
    assert len(all_starts) == 24
    assert set(all_starts) - set(slots.free_slots(day, now())) == {TOMORROW}
    assert slots.free_slots(day, TOMORROW)[0] == TOMORROW + HALF_HOUR


def test_the_free_slots_of_some_days_are_those_of_each_of_them(
    slots: SlotSearch, store: BookingRepository
) -> None:
    confirmed(store, TOMORROW)
    days = [TOMORROW.date() + timedelta(days=number) for number in range(-3, 4)]
    each = [start for day in days for start in slots.free_slots(day, now())]
    assert slots.free_slots(days[0], now(), len(days)) == each
    assert len(each) > 3 * 24


def test_a_slot_is_free_until_its_last_seat_is_taken(
    slots: SlotSearch, store: BookingRepository
) -> None:
    several = replace(slots, calendar=replace(slots.calendar, seats_per_slot=2))
    confirmed(store, TOMORROW, 1)
    assert TOMORROW in several.free_slots(TOMORROW.date(), now())
    confirmed(store, TOMORROW, 0)
    assert TOMORROW not in several.free_slots(TOMORROW.date(), now())


def test_a_seat_that_the_calendar_no_longer_has_takes_no_other(
    slots: SlotSearch, store: BookingRepository
) -> None:
    confirmed(store, TOMORROW, 7)
    assert TOMORROW in slots.free_slots(TOMORROW.date(), now())


@pytest.mark.parametrize(
    "day",
    [
        pytest.param(date(2020, 1, 2), id="past"),
        pytest.param((now() + timedelta(days=800)).date(), id="beyond the horizon"),
        pytest.param(date(1, 1, 3), id="the first day"),
        pytest.param(date(9999, 12, 28), id="the last day"),
    ],
)
def test_a_day_that_can_not_be_had_has_no_free_slots(slots: SlotSearch, day: date) -> None:
    assert slots.free_slots(day, now()) == []


def test_the_horizon_ends_the_free_slots_within_a_day(slots: SlotSearch) -> None:
    at = TOMORROW - slots.calendar.horizon
    assert slots.free_slots(TOMORROW.date(), at)[-1] == TOMORROW


# --- the key of the staff


def test_the_history_tells_which_key_it_was_done_with(
    changes: BookingChanges, store: BookingRepository
) -> None:
    moved, cancelled = confirmed(store), confirmed(store, TOMORROW + timedelta(minutes=30))
    staff = replace(changes, by="staff", key_id="00ff00ff")
    staff.reschedule(moved.id, TOMORROW + timedelta(minutes=60))
    staff.cancel(cancelled.id, "cancelled_by_clinic")
    for booking in (moved, cancelled):
        row = store.get(booking.id).history[-1]
        assert (row.by, row.key_id) == ("staff", "00ff00ff")


@pytest.mark.parametrize("by", ["patient", "rpc"])
def test_only_staff_have_keys(changes: BookingChanges, by: str) -> None:
    with pytest.raises(InvalidBooking, match="key_id"):
        replace(changes, by=by, key_id="00ff00ff")


@pytest.mark.parametrize(
    "key_id",
    ["", "0", "00FF00FF", "00ff00ff0", "00ff00ff\n", "<script>", 7, ["00ff00ff"], {}, True],
)
def test_what_is_no_id_of_a_key_is_refused(changes: BookingChanges, key_id: Any) -> None:
    with pytest.raises(InvalidBooking, match="key_id"):
        replace(changes, by="staff", key_id=key_id)
