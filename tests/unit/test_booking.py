from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from clinic import booking as steps
from clinic.booking import LEGAL_STEPS, Booking, Change, Status, Transition
from clinic.errors import IllegalTransition

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
    return steps.request(
        patient_name="Ana",
        patient_email="ana@example.com",
        language="es",
        date=SLOT,
        at=NOON,
        by="patient",
    )


def take(booking: Booking, status: Status, at: datetime = NOON, seat: int = 0) -> Transition:
    if status is Status.CONFIRMED:
        return steps.confirm(booking, seat=seat, at=at, by="worker")
    if status is Status.REJECTED:
        return steps.reject(booking, reason="past", at=at, by="worker")
    return steps.cancel(booking, reason="cancelled_by_patient", at=at, by="patient")


def applied(booking: Booking, transition: Transition) -> Booking:
    """The booking as the store has it after the transition."""
    change = transition.change
    return replace(
        booking,
        status=change.status,
        reason=change.reason,
        version=transition.version,
        updated_at=change.at,
        history=(*booking.history, change),
        seat=booking.seat if transition.seat is None else transition.seat,
    )


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

    @invariant()
    def history_is_a_legal_path_from_the_request(self) -> None:
        rows = self.booking.history
        assert (rows[0].previous, rows[0].status) == (None, Status.PENDING)
        for earlier, later in pairwise(rows):
            assert later.previous is earlier.status
            assert (later.previous, later.status) in DOCUMENTED_STEPS

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
        assert transition.seat == (seat if status is Status.CONFIRMED else None)
        self.booking = applied(before, transition)
        assert len(self.booking.history) == len(before.history) + 1

    def _expect_refusal(self, before: Booking, status: Status, seat: int) -> None:
        untouched = replace(before)
        with pytest.raises(IllegalTransition):
            take(before, status, self.at, seat)
        assert before == untouched
        if before.status in FINAL:
            assert not LEGAL_STEPS[before.status]


TestBookingLife = BookingLife.TestCase
TestBookingLife.settings = settings(max_examples=60, stateful_step_count=8, deadline=None)


def test_a_request_is_pending_and_its_history_says_so() -> None:
    booking = make_booking()
    assert (booking.status, booking.version) == (Status.PENDING, 1)
    assert booking.history == (Change(NOON, None, Status.PENDING, None, "patient"),)


def test_a_request_has_no_reason_seat_or_attention() -> None:
    booking = make_booking()
    assert (booking.reason, booking.seat, booking.attention) == (None, None, None)


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
    pairs = {(before, after) for before, steps_ in LEGAL_STEPS.items() for after in steps_}
    assert set(LEGAL_STEPS) == set(Status)
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
