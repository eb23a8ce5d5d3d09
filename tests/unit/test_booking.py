from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from clinic.domain import booking as steps
from clinic.domain.booking import (
    ALLOWED_TRANSITIONS,
    MAX_RESCHEDULES,
    Attention,
    Booking,
    HistoryEntry,
    Status,
    Transition,
    date_at_version,
)
from clinic.errors import IllegalTransition
from tests.clinics import confirm_seat, in_seat, move_to

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SLOT = datetime(2026, 12, 1, 10, tzinfo=UTC)
FINAL = {Status.REJECTED, Status.CANCELLED}

#: Written out, so that a change of the product's own table doesn't change what is expected.
DOCUMENTED_STEPS = {
    (Status.PENDING, Status.CONFIRMED),
    (Status.PENDING, Status.REJECTED),
    (Status.PENDING, Status.CANCELLED),
    (Status.CONFIRMED, Status.CANCELLED),
}


def make_booking() -> Booking:
    return steps.create_booking(
        patient_name="Ana",
        patient_email="ana@example.com",
        language="es",
        date=SLOT,
        at=NOON,
        by="patient",
    )


def take(booking: Booking, status: Status, at: datetime = NOON, seat: int = 0) -> Transition:
    if status is Status.CONFIRMED:
        return confirm_seat(booking, seat, at=at, by="worker")
    if status is Status.REJECTED:
        return steps.reject(booking, reason="past", at=at, by="worker")
    return steps.cancel(booking, reason="cancelled_by_patient", at=at, by="patient")


def move(booking: Booking, date: datetime, seat: int = 0, at: datetime = NOON) -> Transition:
    return move_to(booking, date, seat, at=at, by="patient")


def confirmed() -> Booking:
    booking = make_booking()
    return steps.apply_transition(booking, take(booking, Status.CONFIRMED, seat=3))


class BookingLife(RuleBasedStateMachine):
    """Tries every step from every state that a booking can be brought into."""

    @initialize()
    def make_request(self) -> None:
        self.booking = make_booking()
        self.at = NOON

    @rule(status=st.sampled_from(sorted(set(Status) - {Status.PENDING})), seat=st.integers(0, 9))
    def try_step(self, status: Status, seat: int) -> None:
        before = self.booking
        self.at += timedelta(minutes=1)
        if (before.status, status) in DOCUMENTED_STEPS:
            self._expect_success(before, status, seat)
        else:
            self._expect_refusal(before, status, seat)

    @rule(days=st.integers(1, 9), seat=st.integers(0, 9))
    def try_to_move(self, days: int, seat: int) -> None:
        before, date = self.booking, self.booking.date + timedelta(days=days)
        self.at += timedelta(minutes=1)
        if before.status is Status.CONFIRMED:
            transition = move(before, date, seat, self.at)
            self.booking = steps.apply_transition(before, transition)
            assert (self.booking.status, self.booking.date) == (Status.CONFIRMED, date)
            assert transition.claims == in_seat(date, seat).claims
            assert self.booking.end == in_seat(date).end
            assert self.booking.version == before.version + 1
        else:
            with pytest.raises(IllegalTransition):
                move(before, date, seat, self.at)

    @invariant()
    def history_is_a_legal_path_from_the_request(self) -> None:
        rows = self.booking.history
        assert (rows[0].previous, rows[0].status) == (None, Status.PENDING)
        for earlier, later in pairwise(rows):
            assert later.previous is earlier.status
            if later.date is None:
                assert (later.previous, later.status) in DOCUMENTED_STEPS
            else:
                assert (later.previous, later.status) == (Status.CONFIRMED, Status.CONFIRMED)

    @invariant()
    def each_version_has_the_date_it_had(self) -> None:
        date = SLOT
        for version, row in enumerate(self.booking.history, start=1):
            assert row.previous_date in (None, date)
            date = row.date or date
            assert date_at_version(version, self.booking.history, self.booking.date) == date

    @invariant()
    def the_version_counts_the_rows(self) -> None:
        assert self.booking.version == len(self.booking.history)
        assert self.booking.history[-1].status is self.booking.status

    def _expect_success(self, before: Booking, status: Status, seat: int) -> None:
        transition = take(before, status, self.at, seat)
        assert transition.booking_id == before.id
        assert transition.version == before.version + 1
        assert transition.change.previous is before.status
        assert (transition.change.status, transition.change.at) == (status, self.at)
        is_confirmed = status is Status.CONFIRMED
        assert transition.claims == (in_seat(before.date, seat).claims if is_confirmed else ())
        assert transition.date == before.date
        self.booking = steps.apply_transition(before, transition)
        assert (self.booking.status, self.booking.reason) == (status, transition.change.reason)
        assert self.booking.end == (in_seat(before.date).end if is_confirmed else before.end)
        assert len(self.booking.history) == len(before.history) + 1

    def _expect_refusal(self, before: Booking, status: Status, seat: int) -> None:
        untouched = replace(before)
        with pytest.raises(IllegalTransition):
            take(before, status, self.at, seat)
        assert before == untouched
        if before.status in FINAL:
            assert not ALLOWED_TRANSITIONS[before.status]


TestBookingLife = BookingLife.TestCase
TestBookingLife.settings = settings(max_examples=60, stateful_step_count=8, deadline=None)


def test_a_request_is_pending_and_its_history_says_so() -> None:
    booking = make_booking()
    assert (booking.status, booking.version) == (Status.PENDING, 1)
    assert booking.history == (HistoryEntry(NOON, None, Status.PENDING, None, "patient"),)


def test_a_request_has_no_reason_seat_or_attention() -> None:
    booking = make_booking()
    assert (booking.reason, booking.end, booking.attention) == (None, None, None)


def test_a_request_gets_a_random_uuid_4() -> None:
    one, other = uuid.UUID(make_booking().id), uuid.UUID(make_booking().id)
    assert one != other
    assert (one.version, one.variant) == (4, uuid.RFC_4122)


@pytest.mark.parametrize("previous", Status)
@pytest.mark.parametrize("status", sorted(set(Status) - {Status.PENDING}))
def test_only_the_documented_steps_are_legal(previous: Status, status: Status) -> None:
    booking = replace(make_booking(), status=previous)
    if (previous, status) in DOCUMENTED_STEPS:
        assert take(booking, status).change.previous is previous
    else:
        with pytest.raises(IllegalTransition):
            take(booking, status)


def test_the_table_of_steps_knows_every_status() -> None:
    pairs = {(before, after) for before, steps_ in ALLOWED_TRANSITIONS.items() for after in steps_}
    assert set(ALLOWED_TRANSITIONS) == set(Status)
    assert pairs == DOCUMENTED_STEPS


def test_an_event_is_named_by_booking_and_version() -> None:
    booking = make_booking()
    assert take(booking, Status.CONFIRMED).event_id == f"{booking.id}:2"


def test_a_refused_step_names_no_patient() -> None:
    booking = replace(make_booking(), status=Status.CANCELLED)
    with pytest.raises(IllegalTransition) as caught:
        take(booking, Status.CONFIRMED)
    assert "Ana" not in str(caught.value)
    assert "example.com" not in str(caught.value)


def test_a_transition_carries_reason_and_author() -> None:
    change = take(make_booking(), Status.REJECTED).change
    assert (change.reason, change.by) == ("past", "worker")


def test_a_rescheduling_keeps_the_status_and_says_both_dates() -> None:
    other = SLOT + timedelta(days=1)
    transition = move(confirmed(), other, seat=5)
    assert (transition.version, transition.date) == (3, other)
    assert transition.claims == in_seat(other, 5).claims
    expected = HistoryEntry(
        NOON, Status.CONFIRMED, Status.CONFIRMED, None, "patient", date=other, previous_date=SLOT
    )
    assert transition.change == expected


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.CONFIRMED}))
def test_only_a_confirmed_booking_is_rescheduled(status: Status) -> None:
    with pytest.raises(IllegalTransition):
        move(replace(make_booking(), status=status), SLOT + timedelta(days=1))


def test_a_confirmed_booking_is_not_confirmed_again() -> None:
    with pytest.raises(IllegalTransition):
        take(confirmed(), Status.CONFIRMED)


def test_a_booking_is_not_rescheduled_without_end() -> None:
    booking = confirmed()
    for number in range(MAX_RESCHEDULES):
        booking = steps.apply_transition(booking, move(booking, SLOT + timedelta(days=number + 1)))
    with pytest.raises(IllegalTransition):
        move(booking, SLOT)
    assert take(booking, Status.CANCELLED).version == booking.version + 1


def test_a_step_ends_the_call_for_attention() -> None:
    booking = replace(make_booking(), attention=Attention("check_unavailable", NOON))
    assert steps.apply_transition(booking, take(booking, Status.CONFIRMED)).attention is None
