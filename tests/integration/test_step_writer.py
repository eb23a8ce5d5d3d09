"""Steps that share a write: each learns what became of it, and of it alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import AutoReconnect, BulkWriteError

from clinic.bookings.repository import BookingRepository
from clinic.domain import booking as steps
from clinic.domain.booking import Booking, Status, Transition
from clinic.domain.clock import now
from clinic.errors import ConcurrentModification, DatabaseUnavailable, SeatTaken
from clinic.outbox.outbox import Outbox
from tests.bookings import put_booking, requested
from tests.operations import Operations

SLOT = (now() + timedelta(days=1)).replace(microsecond=0)


@pytest.fixture
def store(counted: Database[Any]) -> BookingRepository:
    return BookingRepository(counted, Outbox(counted))


def announced(store: BookingRepository) -> list[str]:
    """The bookings of which something has become ready to be sent since the last look."""
    return [entry.booking_id for entry in store.outbox.pending.take(1000, 0).values()]


@pytest.fixture
def together(store: BookingRepository, operations: Operations) -> Callable[..., list[Any]]:
    """Applies steps that have come together; None or an error for each."""

    def apply(*taken: Transition) -> list[Any]:
        leader = rejected(put_booking(store))
        announced(store)
        operations.clear()
        calls = [partial(store.apply, each) for each in (leader, *taken)]
        first, *others = operations.crowd(calls)
        assert first is None
        # The leader's own, one for all, and one for each of those that are left, in one command.
        assert operations.names.count("update") <= 3
        return others

    return apply


def confirmed(booking: Booking, seat: int = 0, by: str = "test") -> Transition:
    return steps.confirm(booking, seat=seat, at=now(), by=by)


def rejected(booking: Booking, by: str = "test") -> Transition:
    return steps.reject(booking, reason="past", at=now(), by=by)


def put(store: BookingRepository, hours: int = 0) -> Booking:
    return put_booking(store, date=SLOT + timedelta(hours=hours))


def kinds(outcomes: list[Any]) -> list[type]:
    return [type(each) for each in outcomes]


Together = Callable[..., list[Any]]


def test_each_step_learns_of_itself(store: BookingRepository, together: Together) -> None:
    holder, rival, late, good = (put(store, hours) for hours in (0, 0, 1, 2))
    store.apply(confirmed(holder))
    store.apply(rejected(late))
    unknown = requested(date=SLOT)
    outcomes = together(confirmed(rival), confirmed(late), confirmed(good), rejected(unknown))
    assert kinds(outcomes) == [
        SeatTaken,
        ConcurrentModification,
        type(None),
        ConcurrentModification,
    ]
    assert announced(store)[1:] == [good.id]
    states = [store.get(each.id).status for each in (holder, rival, late, good)]
    assert states == ["confirmed", "pending", "rejected", "confirmed"]


def test_when_all_are_stored_nothing_is_read_again(
    store: BookingRepository, together: Together, operations: Operations
) -> None:
    bookings = [put(store, hours) for hours in range(20)]
    assert set(together(*map(confirmed, bookings))) == {None}
    assert operations.names == ["update", "update"]


def test_one_taken_seat_hinders_no_other_booking(
    store: BookingRepository, together: Together, operations: Operations
) -> None:
    store.apply(confirmed(put(store, 7)))
    bookings = [put(store, hours) for hours in range(15)]
    outcomes = together(*map(confirmed, bookings))
    assert [each is None for each in outcomes] == [hours != 7 for hours in range(15)]
    statuses = [store.get(each.id).status for each in bookings]
    assert [each is Status.CONFIRMED for each in statuses] == [hours != 7 for hours in range(15)]
    assert all(len(store.get(each.id).history) <= 2 for each in bookings)


def test_steps_of_several_kinds_share_a_write(store: BookingRepository, together: Together) -> None:
    bookings = [put(store, hours) for hours in range(6)]
    ways = [confirmed(each) if hours % 2 else rejected(each) for hours, each in enumerate(bookings)]
    assert set(together(*ways)) == {None}
    for step, booking in zip(ways, bookings, strict=True):
        read = store.get(booking.id)
        assert (read.status, read.reason, read.seat, read.history[1]) == (
            step.change.status,
            step.change.reason,
            step.seat,
            step.change,
        )


def test_cancellations_keep_their_seats_and_what_is_in_the_outbox(
    store: BookingRepository, together: Together
) -> None:
    bookings = [put(store, hours) for hours in range(3)]
    assert set(together(*map(confirmed, bookings))) == {None}
    current = [store.get(each.id) for each in bookings]
    ways = [steps.cancel(each, reason="past", at=now(), by="test") for each in current]
    assert set(together(*ways)) == {None}
    for booking in bookings:
        found: Any = store._bookings.find_one({"_id": booking.id})
        assert (found["status"], found["seat"], found["version"]) == ("cancelled", 0, 3)
        assert [each["eventId"][-1] for each in found["outbox"]] == ["2", "3"]
    assert store.taken_seats(SLOT) == set()


def test_of_two_for_one_seat_one_gets_it(store: BookingRepository, together: Together) -> None:
    one, other = put(store), put(store)
    outcomes = together(confirmed(one), confirmed(other))
    assert sorted(map(str, kinds(outcomes))) == sorted(map(str, [type(None), SeatTaken]))
    assert sorted(store.get(each.id).status for each in (one, other)) == ["confirmed", "pending"]


def test_of_two_steps_of_one_booking_one_is_stale(
    store: BookingRepository, together: Together
) -> None:
    booking = put(store)
    ways = [confirmed(booking), rejected(booking)]
    outcomes = together(*ways)
    (taken,) = (step for step, error in zip(ways, outcomes, strict=True) if error is None)
    assert ConcurrentModification in kinds(outcomes)
    read = store.get(booking.id)
    assert (read.status, read.version) == (taken.change.status, 2)
    assert read.history[1:] == (taken.change,)


def test_of_the_same_step_twice_one_is_stale(store: BookingRepository, together: Together) -> None:
    booking = put(store)
    step = confirmed(booking)
    outcomes = together(step, step)
    assert sorted(map(str, kinds(outcomes))) == sorted(
        map(str, [type(None), ConcurrentModification])
    )
    # The one that is told of is the one that is stored.
    ready = store.outbox.pending.take(10, 0)
    (number,) = (each for each, entry in ready.items() if entry.booking_id == booking.id)
    (kept,) = store._bookings.find_one({"_id": booking.id})["outbox"]
    assert kept["number"] == number
    assert len(store.get(booking.id).history) == 2


def test_a_seat_that_is_gone_hinders_no_other_step_of_the_booking(
    store: BookingRepository, together: Together
) -> None:
    store.apply(confirmed(put(store)))
    booking = put(store)
    assert kinds(together(confirmed(booking), rejected(booking))) == [SeatTaken, type(None)]
    assert store.get(booking.id).status is Status.REJECTED


class Meddling:
    """Bookings that are written through `write`, which is given the real method."""

    def __init__(self, bookings: Any, write: Callable[..., Any]) -> None:
        self._bookings = bookings
        self.update_many = partial(write, bookings.update_many)
        self.bulk_write = partial(write, bookings.bulk_write)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bookings, name)


def meddle(store: BookingRepository, write: Callable[..., Any]) -> None:
    store._transitions._bookings = Meddling(store._transitions._bookings, write)  # type: ignore[assignment]


def test_a_step_is_recognised_when_a_later_one_has_followed(
    store: BookingRepository, database: Database[Any], together: Together
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

    meddle(store, write)
    assert kinds(together(confirmed(good), confirmed(late))) == [type(None), ConcurrentModification]
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
def test_an_outcome_that_nobody_knows_is_promised_to_nobody(
    store: BookingRepository, operations: Operations, error: Exception
) -> None:
    bookings = [put(store, hours) for hours in range(3)]
    announced(store)
    meddle(store, raising(error))
    calls = [partial(store.apply, confirmed(each)) for each in bookings]
    assert set(kinds(operations.crowd(calls))) == {DatabaseUnavailable}
    assert announced(store) == []
    assert len(store.outbox.pending) == 6  # three of them in doubt


def test_what_can_not_be_encoded_fails_nobody_else(
    store: BookingRepository, together: Together
) -> None:
    wrong = confirmed(put(store), by="\ud800")
    with pytest.raises(UnicodeEncodeError):
        store.apply(wrong)
    assert together(confirmed(put(store, 1))) == [None]
