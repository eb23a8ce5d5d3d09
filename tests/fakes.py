"""Fakes for fast tests of use cases: they keep the contracts of the real ones, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from clinic.bookings.confirmed_appointments import ConfirmedAppointment
from clinic.contracts.messages import BookingStateChanged
from clinic.domain.booking import (
    Assignment,
    Booking,
    Status,
    Transition,
    apply_transition,
    confirm,
)
from clinic.domain.clock import now
from clinic.domain.manage_token import BookingCredentials
from clinic.errors import BookingNotFound, BrokerUnavailable, ClaimTaken, ConcurrentModification
from clinic.messaging.amqp_message import AmqpMessage
from tests.clinics import in_seat


class FakeBookings:
    """The bookings in a dict. `dispatch` applies transitions under the guards of the repository:
    status, version, date and choice must be those that were decided on, and a claim is given
    once. Confirmed bookings that it is made with hold the first seat."""

    def __init__(self, *bookings: Booking) -> None:
        self.by_id = {booking.id: booking for booking in bookings}
        self.events: list[BookingStateChanged] = []
        self.reads: list[str] = []
        self.scans = 0
        self.claims = {
            booking.id: in_seat(booking.date).claims if booking.end else () for booking in bookings
        }
        self.flagged: dict[str, str] = {}

    def get(self, booking_id: str) -> Booking:
        self.reads.append(booking_id)
        if booking_id not in self.by_id:
            raise BookingNotFound("no such booking")
        return self.by_id[booking_id]

    def appointments_between(
        self, clinic: str, first: datetime, last: datetime
    ) -> list[ConfirmedAppointment]:
        self.scans += 1
        return [
            ConfirmedAppointment(
                booking.id,
                booking.date,
                booking.end or booking.date,
                booking.choice.practitioner,
                self.claims[booking.id],
            )
            for booking in self.by_id.values()
            if booking.status is Status.CONFIRMED
            and booking.clinic == clinic
            and first <= booking.date < last
        ]

    def hold(self, booking: Booking, assignment: Assignment) -> None:
        """Store a booking as confirmed with the claims of the assignment."""
        confirmed = confirm(booking, assignment=assignment, at=now(), by="test")
        self.by_id[booking.id] = apply_transition(booking, confirmed)
        self.claims[booking.id] = assignment.claims

    def insert_confirmed(
        self, booking: Booking, confirmation: Transition, _access: BookingCredentials
    ) -> None:
        self._require_free(confirmation)
        self.by_id[booking.id] = apply_transition(booking, confirmation)
        self._record(confirmation)

    def flag_for_review(self, booking_id: str, code: str) -> None:
        self.flagged[booking_id] = code

    def dispatch(self, event_type: str, event_data: Transition) -> None:
        assert event_type == "booking_state_changed"
        booking = self.by_id.get(event_data.booking_id)
        expected = (event_data.change.previous, event_data.version - 1, event_data.decided_on)
        if booking is None or (booking.status, booking.version, booking.date) != expected:
            raise ConcurrentModification("the booking has changed")
        if booking.choice != event_data.decided_for:
            raise ConcurrentModification("another choice")
        self._require_free(event_data)
        self.by_id[booking.id] = apply_transition(booking, event_data)
        self._record(event_data)

    def _require_free(self, transition: Transition) -> None:
        others = (held for id_, held in self.claims.items() if id_ != transition.booking_id)
        held = set(chain.from_iterable(others))
        for claim in transition.claims:
            if claim in held:
                raise ClaimTaken(claim)

    def _record(self, transition: Transition) -> None:
        self.claims[transition.booking_id] = transition.claims
        self.events.append(BookingStateChanged.of(transition))


class FakePublisher:
    """A broker that takes messages, refuses those with a body in `refused`, or is away."""

    def __init__(self) -> None:
        self.published: list[AmqpMessage] = []
        self.refused: set[bytes] = set()
        self.is_away = False
        self.is_closed = False
        self.queue_depth = 0

    @property
    def is_connected(self) -> bool:
        return not self.is_away

    def publish(self, messages: Sequence[AmqpMessage]) -> list[AmqpMessage]:
        self.keep_alive()
        refused = [message for message in messages if message.body in self.refused]
        self.published += [message for message in messages if message not in refused]
        return refused

    def publish_one(self, message: AmqpMessage) -> None:
        if self.publish([message]):
            raise BrokerUnavailable("refused")

    def depth(self, _queue: str) -> int:
        return self.queue_depth

    def keep_alive(self) -> None:
        if self.is_away:
            raise BrokerUnavailable("away")

    def close(self) -> None:
        self.is_closed = True


class FakeChannel:
    """A notification channel that records what it sends, after raising the given errors."""

    audience = "patient"
    longest_send_seconds = 1.0

    def __init__(self, *errors: Exception) -> None:
        self.sent: list[Any] = []
        self._errors = list(errors)

    def send(self, content: Any) -> None:
        if self._errors:
            raise self._errors.pop(0)
        self.sent.append(content)


def bodies(messages: Iterable[AmqpMessage]) -> list[bytes]:
    return [message.body for message in messages]
