"""Transitions batched into one write: each call gets its own outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import AutoReconnect, BulkWriteError

from clinic.bookings.repository import BookingRepository
from clinic.domain import booking as steps
from clinic.domain.booking import NO_CHOICE, Booking, Choice, Status, Transition
from clinic.domain.clock import now
from clinic.errors import ClaimTaken, ConcurrentModification, DatabaseUnavailable
from clinic.outbox.outbox import Outbox
from tests.bookings import put_booking, requested
from tests.clinics import confirm_seat, taken_seats
from tests.operations import Operations

SLOT = (now() + timedelta(days=1)).replace(microsecond=0)


@pytest.fixture
def store(counted: Database[Any]) -> BookingRepository:
    return BookingRepository(counted, Outbox(counted))


def take_pending(store: BookingRepository) -> list[str]:
    """Take the pending outbox messages and return their booking ids."""
    return [entry.booking_id for entry in store.outbox.pending.take(1000, 0).values()]


@pytest.fixture
def apply_together(store: BookingRepository, operations: Operations) -> Callable[..., list[Any]]:
    """Applies concurrent transitions; returns None or an error for each."""

    def apply(*taken: Transition) -> list[Any]:
        leader = rejected(put_booking(store))
        take_pending(store)
        operations.clear()
        calls = [partial(store.apply, each) for each in (leader, *taken)]
        first, *others = operations.crowd(calls)
        assert first is None
        # One for the leader, one for the batch, and one bulk command for those that failed in it.
        assert operations.names.count("update") <= 3
        return others

    return apply


def confirmed(booking: Booking, seat: int = 0, by: str = "test") -> Transition:
    return confirm_seat(booking, seat, at=now(), by=by)


def rejected(booking: Booking, by: str = "test") -> Transition:
    return steps.reject(booking, reason="past", at=now(), by=by)


def put(store: BookingRepository, hours: int = 0) -> Booking:
    return put_booking(store, date=SLOT + timedelta(hours=hours))


def error_types(outcomes: list[Any]) -> list[type]:
    return [type(each) for each in outcomes]


ApplyTogether = Callable[..., list[Any]]


def test_each_transition_gets_its_own_outcome(
    store: BookingRepository, apply_together: ApplyTogether
) -> None:
    holder, rival, late, good = (put(store, hours) for hours in (0, 0, 1, 2))
    store.apply(confirmed(holder))
    store.apply(rejected(late))
    unknown = requested(date=SLOT)
    outcomes = apply_together(confirmed(rival), confirmed(late), confirmed(good), rejected(unknown))
    assert error_types(outcomes) == [
        ClaimTaken,
        ConcurrentModification,
        type(None),
        ConcurrentModification,
    ]
    assert take_pending(store)[1:] == [good.id]
    states = [store.get(each.id).status for each in (holder, rival, late, good)]
    assert states == ["confirmed", "pending", "rejected", "confirmed"]


def test_a_fully_stored_batch_is_not_read_back(
    store: BookingRepository, apply_together: ApplyTogether, operations: Operations
) -> None:
    bookings = [put(store, hours) for hours in range(20)]
    assert set(apply_together(*map(confirmed, bookings))) == {None}
    assert operations.names == ["update", "update"]


def test_one_taken_seat_does_not_fail_the_other_bookings(
    store: BookingRepository, apply_together: ApplyTogether, operations: Operations
) -> None:
    store.apply(confirmed(put(store, 7)))
    bookings = [put(store, hours) for hours in range(15)]
    outcomes = apply_together(*map(confirmed, bookings))
    assert [each is None for each in outcomes] == [hours != 7 for hours in range(15)]
    statuses = [store.get(each.id).status for each in bookings]
    assert [each is Status.CONFIRMED for each in statuses] == [hours != 7 for hours in range(15)]
    assert all(len(store.get(each.id).history) <= 2 for each in bookings)


def test_different_transitions_share_a_write(
    store: BookingRepository, apply_together: ApplyTogether
) -> None:
    bookings = [put(store, hours) for hours in range(6)]
    transitions = [
        confirmed(each) if hours % 2 else rejected(each) for hours, each in enumerate(bookings)
    ]
    assert set(apply_together(*transitions)) == {None}
    for transition, booking in zip(transitions, bookings, strict=True):
        read = store.get(booking.id)
        assert (read.status, read.reason, read.history[1]) == (
            transition.change.status,
            transition.change.reason,
            transition.change,
        )
        stored: Any = store._bookings.find_one({"_id": booking.id})
        assert tuple(stored.get("claims", ())) == transition.claims


def test_cancellations_clear_the_claims_and_keep_the_outbox(
    store: BookingRepository, apply_together: ApplyTogether
) -> None:
    bookings = [put(store, hours) for hours in range(3)]
    assert set(apply_together(*map(confirmed, bookings))) == {None}
    current = [store.get(each.id) for each in bookings]
    transitions = [steps.cancel(each, reason="past", at=now(), by="test") for each in current]
    assert set(apply_together(*transitions)) == {None}
    for booking in bookings:
        found: Any = store._bookings.find_one({"_id": booking.id})
        assert (found["status"], found["claims"], found["version"]) == ("cancelled", [], 3)
        assert [each["eventId"][-1] for each in found["outbox"]] == ["2", "3"]
    assert taken_seats(store, SLOT) == set()


def test_one_of_two_bookings_gets_a_contested_seat(
    store: BookingRepository, apply_together: ApplyTogether
) -> None:
    one, other = put(store), put(store)
    outcomes = apply_together(confirmed(one), confirmed(other))
    assert sorted(map(str, error_types(outcomes))) == sorted(map(str, [type(None), ClaimTaken]))
    assert sorted(store.get(each.id).status for each in (one, other)) == ["confirmed", "pending"]


def test_one_of_two_transitions_of_a_booking_is_stale(
    store: BookingRepository, apply_together: ApplyTogether
) -> None:
    booking = put(store)
    transitions = [confirmed(booking), rejected(booking)]
    outcomes = apply_together(*transitions)
    (taken,) = (
        transition for transition, error in zip(transitions, outcomes, strict=True) if error is None
    )
    assert ConcurrentModification in error_types(outcomes)
    read = store.get(booking.id)
    assert (read.status, read.version) == (taken.change.status, 2)
    assert read.history[1:] == (taken.change,)


def test_one_of_two_identical_transitions_is_stale(
    store: BookingRepository, apply_together: ApplyTogether
) -> None:
    booking = put(store)
    transition = confirmed(booking)
    outcomes = apply_together(transition, transition)
    assert sorted(map(str, error_types(outcomes))) == sorted(
        map(str, [type(None), ConcurrentModification])
    )
    # The pending message is that of the stored transition.
    ready = store.outbox.pending.take(10, 0)
    (number,) = (each for each, entry in ready.items() if entry.booking_id == booking.id)
    (kept,) = store._bookings.find_one({"_id": booking.id})["outbox"]
    assert kept["number"] == number
    assert len(store.get(booking.id).history) == 2


def test_a_taken_seat_does_not_fail_another_transition_of_the_booking(
    store: BookingRepository, apply_together: ApplyTogether
) -> None:
    store.apply(confirmed(put(store)))
    booking = put(store)
    assert error_types(apply_together(confirmed(booking), rejected(booking))) == [
        ClaimTaken,
        type(None),
    ]
    assert store.get(booking.id).status is Status.REJECTED


class PatchedCollection:
    """A collection whose writes go through `write`, which gets the original method."""

    def __init__(self, bookings: Any, write: Callable[..., Any]) -> None:
        self._bookings = bookings
        self.update_many = partial(write, bookings.update_many)
        self.bulk_write = partial(write, bookings.bulk_write)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bookings, name)


def patch_writes(store: BookingRepository, write: Callable[..., Any]) -> None:
    store._transitions._bookings = PatchedCollection(store._transitions._bookings, write)  # type: ignore[assignment]


def test_a_stored_transition_is_recognised_after_a_later_one(
    store: BookingRepository, database: Database[Any], apply_together: ApplyTogether
) -> None:
    good, late = put(store), put(store, 1)
    store.apply(rejected(late))
    elsewhere = BookingRepository(database, Outbox(database))

    def write(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = method(*args, **kwargs)
        current = elsewhere.get(good.id)
        if current.status is Status.CONFIRMED:
            elsewhere.apply(steps.cancel(current, reason="past", at=now(), by="test"))
        return result

    patch_writes(store, write)
    assert error_types(apply_together(confirmed(good), confirmed(late))) == [
        type(None),
        ConcurrentModification,
    ]
    assert store.get(good.id).version == 3


def raising(error: Exception) -> Callable[..., Any]:
    def write(_method: Callable[..., Any], *_args: Any, **_kwargs: Any) -> Any:
        raise error

    return write


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("x"),
        BulkWriteError({"nModified": 2, "writeErrors": [], "writeConcernErrors": [{"code": 64}]}),
    ],
)
def test_an_unknown_outcome_raises_for_every_call(
    store: BookingRepository, operations: Operations, error: Exception
) -> None:
    bookings = [put(store, hours) for hours in range(3)]
    take_pending(store)
    patch_writes(store, raising(error))
    calls = [partial(store.apply, confirmed(each)) for each in bookings]
    assert set(error_types(operations.crowd(calls))) == {DatabaseUnavailable}
    assert take_pending(store) == []
    assert len(store.outbox.pending) == 6  # three of them in doubt


def test_an_unencodable_transition_fails_alone(
    store: BookingRepository, apply_together: ApplyTogether
) -> None:
    wrong = confirmed(put(store), by="\ud800")
    with pytest.raises(UnicodeEncodeError):
        store.apply(wrong)
    assert apply_together(confirmed(put(store, 1))) == [None]


CHOICE = Choice("visit", "ana-lopez", "centro")


@pytest.mark.parametrize(
    "forged",
    [
        NO_CHOICE,
        replace(CHOICE, service="scan"),
        replace(CHOICE, practitioner=None),
        replace(CHOICE, practitioner="luis-vega"),
        replace(CHOICE, site="norte"),
    ],
)
def test_a_decision_for_another_choice_is_stale(store: BookingRepository, forged: Choice) -> None:
    booking = put_booking(store, date=SLOT, choice=CHOICE)
    with pytest.raises(ConcurrentModification):
        store.apply(rejected(replace(booking, choice=forged)))
    store.apply(rejected(booking))
    assert store.get(booking.id).status is Status.REJECTED


def test_bookings_with_and_without_a_choice_share_a_write(
    store: BookingRepository, apply_together: ApplyTogether
) -> None:
    plain, chosen = put(store, 1), put_booking(store, date=SLOT, choice=CHOICE)
    wrong = put_booking(store, date=SLOT, choice=CHOICE)
    outcomes = apply_together(
        confirmed(plain), rejected(chosen), rejected(replace(wrong, choice=NO_CHOICE))
    )
    assert error_types(outcomes) == [type(None), type(None), ConcurrentModification]
    assert store.get(wrong.id).status is Status.PENDING
