"""Cancelling and rescheduling against a real database, including concurrent changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import eventlet
import pytest
from pymongo.database import Database

from booking_service.change import BookingChanges
from booking_service.scheduling.openings import OpeningSearch
from booking_service.scheduling.working_hours import WorkingHours
from booking_service.settings import booking_settings
from clinic.bookings.change_feed import ChangeFeed
from clinic.bookings.repository import BookingRepository
from clinic.catalogue.from_configuration import POOL
from clinic.contracts.messages import BookingRequested
from clinic.domain import booking as steps
from clinic.domain.booking import NO_CHOICE, Booking, Status
from clinic.domain.catalogue import Catalogue
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
from tests.clinics import confirm_seat, seats_of, taken_seats
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
def catalogue(config: dict[str, Any]) -> Catalogue:
    """That of the default calendar, with one seat per slot."""
    return booking_settings(config).catalogue.default


@pytest.fixture
def slots(store: BookingRepository, catalogue: Catalogue) -> OpeningSearch:
    return OpeningSearch(store, WorkingHours(catalogue))


@pytest.fixture
def changes(store: BookingRepository, catalogue: Catalogue) -> BookingChanges:
    return changes_of(store, catalogue, "patient")


def with_seats(catalogue: Catalogue, seats: int) -> Catalogue:
    pool = replace(catalogue.schedules[POOL], capacity=seats)
    return replace(catalogue, schedules={POOL: pool})


def confirmed(store: BookingRepository, slot: datetime = TOMORROW, seat: int = 0) -> Booking:
    booking = put_booking(store, date=slot)
    store.apply(confirm_seat(booking, seat, at=now(), by="test"))
    return store.get(booking.id)


def run_concurrently(*calls: Callable[[], Any]) -> list[Any]:
    """Run all calls concurrently and return the result or the `ClinicError` of each."""

    def outcome(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except ClinicError as error:
            return error

    threads = [eventlet.spawn(outcome, call) for call in calls]
    return [thread.wait() for thread in threads]


def events(database: Database[Any], booking_id: str) -> list[dict[str, Any]]:
    return [each["body"] for each in database["bookings"].find_one(booking_id)["outbox"]]


def test_a_pending_booking_can_be_cancelled(
    changes: BookingChanges, store: BookingRepository
) -> None:
    booking = put_booking(store)
    after = changes.cancel(booking.id, BY_PATIENT)
    assert (after.status, after.reason, after.version) == ("cancelled", BY_PATIENT, 2)
    assert after == store.get(booking.id)
    assert after.history[-1].by == "patient"


def test_cancelling_a_confirmed_booking_releases_its_seat(
    changes: BookingChanges, store: BookingRepository
) -> None:
    booking = confirmed(store)
    assert changes.cancel(booking.id, BY_PATIENT) == store.get(booking.id)
    assert taken_seats(store, TOMORROW) == set()
    confirmed(store)


def test_repeated_cancellation_is_idempotent_and_publishes_one_event(
    changes: BookingChanges, store: BookingRepository, database: Database[Any]
) -> None:
    booking = confirmed(store)
    first = changes.cancel(booking.id, BY_PATIENT)
    assert changes.cancel(booking.id, BY_PATIENT) == first
    assert len(events(database, booking.id)) == 2


def test_staff_cannot_cancel_a_booking_the_patient_has_cancelled(
    changes: BookingChanges, store: BookingRepository
) -> None:
    booking = confirmed(store)
    changes.cancel(booking.id, BY_PATIENT)
    with pytest.raises(IllegalTransition):
        replace(changes, by="staff").cancel(booking.id, "cancelled_by_clinic")


def test_a_rejected_booking_cannot_be_cancelled(
    changes: BookingChanges, store: BookingRepository
) -> None:
    booking = put_booking(store)
    store.apply(steps.reject(booking, reason="past", at=now(), by="test"))
    with pytest.raises(IllegalTransition):
        changes.cancel(booking.id, BY_PATIENT)


@pytest.mark.parametrize("reason", ["slot_full", "", "because"])
def test_a_cancellation_accepts_only_cancellation_reasons(
    changes: BookingChanges, store: BookingRepository, reason: str
) -> None:
    with pytest.raises(InvalidBooking):
        changes.cancel(put_booking(store).id, reason)


def test_an_unknown_actor_cannot_change_a_booking(
    store: BookingRepository, catalogue: Catalogue
) -> None:
    with pytest.raises(InvalidBooking):
        changes_of(store, catalogue, "worker")


def test_an_unknown_booking_is_not_found(changes: BookingChanges) -> None:
    for change in (
        lambda: changes.cancel("nobody", BY_PATIENT),
        lambda: changes.reschedule("nobody", LATER),
    ):
        with pytest.raises(BookingNotFound):
            change()


def test_rescheduling_releases_the_old_seat_at_once(
    changes: BookingChanges, store: BookingRepository, database: Database[Any]
) -> None:
    booking = confirmed(store)
    after = changes.reschedule(booking.id, LATER)
    assert after == store.get(booking.id)
    assert (after.status, after.date, after.version) == ("confirmed", LATER, 3)
    assert seats_of(store, booking.id) == [0]
    document = database["bookings"].find_one(booking.id)
    assert (document["date"], document["end"]) == (LATER, LATER + HALF_HOUR)
    assert (taken_seats(store, TOMORROW), taken_seats(store, LATER)) == (set(), {0})
    row = document["history"][-1]
    assert (row["from"], row["to"], row["by"]) == ("confirmed", "confirmed", "patient")
    assert (row["previousDate"], row["date"]) == (TOMORROW, LATER)


def test_a_reschedule_event_carries_the_new_date_and_previous_status(
    changes: BookingChanges, store: BookingRepository, database: Database[Any]
) -> None:
    booking = confirmed(store)
    changes.reschedule(booking.id, LATER)
    _, event = events(database, booking.id)
    assert event["eventId"] == f"{booking.id}:3"
    assert (event["status"], event["previousStatus"]) == ("confirmed", "confirmed")
    assert datetime.fromisoformat(event["date"]) == LATER


def test_rescheduling_to_the_same_slot_has_no_effect(
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
def test_a_booking_keeps_its_slot_when_the_new_one_is_unavailable(
    changes: BookingChanges, store: BookingRepository, slot: datetime, reason: str
) -> None:
    booking = confirmed(store)
    confirmed(store, LATER)
    with pytest.raises(SlotUnavailable, match=f"^{reason}$"):
        changes.reschedule(booking.id, slot)
    assert store.get(booking.id) == booking
    assert taken_seats(store, TOMORROW) == {0}


@pytest.mark.parametrize("status", ["pending", "rejected", "cancelled"])
def test_only_a_confirmed_booking_can_be_rescheduled(
    changes: BookingChanges, store: BookingRepository, status: str
) -> None:
    booking = put_booking(store)
    if status == "rejected":
        store.apply(steps.reject(booking, reason="past", at=now(), by="test"))
    if status == "cancelled":
        changes.cancel(booking.id, BY_PATIENT)
    with pytest.raises(IllegalTransition):
        changes.reschedule(booking.id, LATER)


def test_rescheduling_takes_the_next_free_seat(
    store: BookingRepository, catalogue: Catalogue
) -> None:
    several = with_seats(catalogue, 3)
    booking = confirmed(store)
    for seat in (0, 1):
        confirmed(store, LATER, seat)
    changes_of(store, several, "patient").reschedule(booking.id, LATER)
    assert seats_of(store, booking.id) == [2]


def test_one_of_twenty_concurrent_reschedules_to_one_seat_succeeds(
    changes: BookingChanges, store: BookingRepository, database: Database[Any]
) -> None:
    bookings = [confirmed(store, TOMORROW, seat) for seat in range(20)]
    outcomes = run_concurrently(
        *[lambda booking=each: changes.reschedule(booking.id, LATER) for each in bookings]
    )
    rescheduled = [outcome for outcome in outcomes if isinstance(outcome, Booking)]
    rejected = [outcome for outcome in outcomes if isinstance(outcome, SlotUnavailable)]
    assert (len(rescheduled), len(rejected)) == (1, 19)
    assert {str(error) for error in rejected} == {"slot_full"}
    for before in bookings:
        current = store.get(before.id)
        assert current == (rescheduled[0] if current.id == rescheduled[0].id else before)
    moved = [each.id for each in bookings].index(rescheduled[0].id)
    assert taken_seats(store, TOMORROW) == set(range(20)) - {moved}
    assert sum(len(each["outbox"]) for each in database["bookings"].find()) == 21


def test_concurrent_reschedules_to_each_others_taken_seats_are_both_rejected(
    changes: BookingChanges, store: BookingRepository
) -> None:
    one, other = confirmed(store, TOMORROW), confirmed(store, LATER)
    outcomes = run_concurrently(
        lambda: changes.reschedule(one.id, LATER), lambda: changes.reschedule(other.id, TOMORROW)
    )
    assert [str(each) for each in outcomes] == ["slot_full", "slot_full"]
    assert (store.get(one.id), store.get(other.id)) == (one, other)


def test_concurrent_cancel_and_reschedule_leave_a_consistent_booking(
    changes: BookingChanges, store: BookingRepository
) -> None:
    for day in range(8):
        slot = TOMORROW + timedelta(days=2 * day)
        booking = confirmed(store, slot)
        calls = [
            lambda: changes.cancel(booking.id, BY_PATIENT),  # noqa: B023
            lambda: changes.reschedule(booking.id, slot + HALF_HOUR),  # noqa: B023
        ]
        cancelled, rescheduled = (
            run_concurrently(*calls) if day % 2 else run_concurrently(*calls[::-1])[::-1]
        )
        assert isinstance(cancelled, Booking)  # it retries on conflict, with the latest version
        assert isinstance(rescheduled, Booking | IllegalTransition)
        current = store.get(booking.id)
        assert (current.status, current.version) == ("cancelled", 4 if current.date > slot else 3)
        assert isinstance(rescheduled, Booking) is (current.date > slot)
        assert taken_seats(store, slot) == taken_seats(store, slot + HALF_HOUR) == set()


def test_a_cancellation_concurrent_with_the_decision_always_prevails(
    changes: BookingChanges, store: BookingRepository, config: dict[str, Any]
) -> None:
    settings = booking_settings(config)
    decider = decider_of(store, settings.catalogue.default, settings.check)
    bookings = [put_booking(store, date=TOMORROW + number * HALF_HOUR) for number in range(10)]
    run_concurrently(
        *[lambda each=each: decider.decide(BookingRequested.of(each)) for each in bookings],
        *[lambda each=each: changes.cancel(each.id, BY_PATIENT) for each in bookings],
    )
    for booking in bookings:
        assert store.get(booking.id).status is Status.CANCELLED


def test_a_change_that_conflicts_twice_raises_concurrent_modification(
    changes: BookingChanges, store: BookingRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = confirmed(store)
    get, reads = store.get, []

    def get_stale(booking_id: str) -> Booking:
        reads.append(booking_id)
        return replace(get(booking_id), version=1)

    monkeypatch.setattr(store, "get", get_stale)
    with pytest.raises(ConcurrentModification):
        changes.cancel(booking.id, BY_PATIENT)
    assert len(reads) == 2


def test_the_change_feed_returns_each_event_with_its_date(
    changes: BookingChanges, store: BookingRepository, database: Database[Any]
) -> None:
    booking = confirmed(store)
    changes.reschedule(booking.id, LATER)
    changes.reschedule(booking.id, LATER + HALF_HOUR)
    changes.cancel(booking.id, BY_PATIENT)
    page = ChangeFeed(database).read(now() - timedelta(hours=1), now())
    (changed,) = page.bookings
    assert [each.to_body() for each in changed.events] == events(database, booking.id)
    assert [each.date for each in changed.events] == [
        *(TOMORROW, LATER),
        *(LATER + HALF_HOUR, LATER + HALF_HOUR),
    ]


def test_free_slots_of_a_day_exclude_taken_and_past_slots(
    slots: OpeningSearch, store: BookingRepository
) -> None:
    day = TOMORROW.date()
    all_slots = slots.free_starts(NO_CHOICE, day, 1, now())
    confirmed(store, TOMORROW)
    assert len(all_slots) == 24
    assert set(all_slots) - set(slots.free_starts(NO_CHOICE, day, 1, now())) == {TOMORROW}
    assert slots.free_starts(NO_CHOICE, day, 1, TOMORROW)[0] == TOMORROW + HALF_HOUR


def test_free_slots_of_several_days_are_those_of_each_day(
    slots: OpeningSearch, store: BookingRepository
) -> None:
    confirmed(store, TOMORROW)
    days = [TOMORROW.date() + timedelta(days=number) for number in range(-3, 4)]
    each = [start for day in days for start in slots.free_starts(NO_CHOICE, day, 1, now())]
    assert slots.free_starts(NO_CHOICE, days[0], len(days), now()) == each
    assert len(each) > 3 * 24


def test_a_slot_is_free_until_its_last_seat_is_taken(
    catalogue: Catalogue, store: BookingRepository
) -> None:
    several = OpeningSearch(store, WorkingHours(with_seats(catalogue, 2)))
    confirmed(store, TOMORROW, 1)
    assert TOMORROW in several.free_starts(NO_CHOICE, TOMORROW.date(), 1, now())
    confirmed(store, TOMORROW, 0)
    assert TOMORROW not in several.free_starts(NO_CHOICE, TOMORROW.date(), 1, now())


def test_a_booking_in_a_removed_seat_does_not_occupy_another_seat(
    slots: OpeningSearch, store: BookingRepository
) -> None:
    confirmed(store, TOMORROW, 7)
    assert TOMORROW in slots.free_starts(NO_CHOICE, TOMORROW.date(), 1, now())


@pytest.mark.parametrize(
    "day",
    [
        pytest.param(date(2020, 1, 2), id="past"),
        pytest.param((now() + timedelta(days=800)).date(), id="beyond the booking window"),
        pytest.param(date(1, 1, 3), id="the first day"),
        pytest.param(date(9999, 12, 28), id="the last day"),
    ],
)
def test_a_day_outside_the_booking_window_has_no_free_slots(
    slots: OpeningSearch, day: date
) -> None:
    assert slots.free_starts(NO_CHOICE, day, 1, now()) == []


def test_the_booking_window_may_end_within_a_day(slots: OpeningSearch) -> None:
    at = TOMORROW - slots.hours.catalogue.horizon
    assert slots.free_starts(NO_CHOICE, TOMORROW.date(), 1, at)[-1] == TOMORROW


# --- staff key ids


def test_the_history_records_the_id_of_the_staff_key(
    changes: BookingChanges, store: BookingRepository
) -> None:
    rescheduled, cancelled = confirmed(store), confirmed(store, TOMORROW + timedelta(minutes=30))
    staff = replace(changes, by="staff", key_id="00ff00ff")
    staff.reschedule(rescheduled.id, TOMORROW + timedelta(minutes=60))
    staff.cancel(cancelled.id, "cancelled_by_clinic")
    for booking in (rescheduled, cancelled):
        row = store.get(booking.id).history[-1]
        assert (row.by, row.key_id) == ("staff", "00ff00ff")


@pytest.mark.parametrize("by", ["patient", "rpc"])
def test_only_staff_changes_accept_a_key_id(changes: BookingChanges, by: str) -> None:
    with pytest.raises(InvalidBooking, match="key_id"):
        replace(changes, by=by, key_id="00ff00ff")


@pytest.mark.parametrize(
    "key_id",
    ["", "0", "00FF00FF", "00ff00ff0", "00ff00ff\n", "<script>", 7, ["00ff00ff"], {}, True],
)
def test_an_invalid_key_id_is_rejected(changes: BookingChanges, key_id: Any) -> None:
    with pytest.raises(InvalidBooking, match="key_id"):
        replace(changes, by="staff", key_id=key_id)
