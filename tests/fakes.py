"""Fakes for fast tests of use cases: they keep the contracts of the real ones, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from clinic.contracts.messages import BookingStateChanged
from clinic.domain.booking import Booking, Status, Transition, apply_transition
from clinic.errors import BookingNotFound, BrokerUnavailable, ClaimTaken, ConcurrentModification
from clinic.messaging.amqp_message import AmqpMessage


class FakeBookings:
    """The bookings in a dict. `dispatch` applies transitions under the guards of the repository:
    status, version and date must be those that were decided on, and a seat is given once."""

    def __init__(self, *bookings: Booking) -> None:
        self.by_id = {booking.id: booking for booking in bookings}
        self.events: list[BookingStateChanged] = []
        self.reads: list[str] = []
        self.flagged: dict[str, str] = {}

    def get(self, booking_id: str) -> Booking:
        self.reads.append(booking_id)
        if booking_id not in self.by_id:
            raise BookingNotFound("no such booking")
        return self.by_id[booking_id]

    def taken_seats(self, slot: datetime) -> set[int]:
        return self.taken_seats_between(slot, slot).get(slot, set())

    def taken_seats_between(self, first: datetime, last: datetime) -> dict[datetime, set[int]]:
        taken: dict[datetime, set[int]] = {}
        for booking in self.by_id.values():
            if booking.status is Status.CONFIRMED and first <= booking.date <= last:
                taken.setdefault(booking.date, set()).add(booking.seat or 0)
        return taken

    def flag_for_review(self, booking_id: str, code: str) -> None:
        self.flagged[booking_id] = code

    def dispatch(self, event_type: str, event_data: Transition) -> None:
        assert event_type == "booking_state_changed"
        booking = self.by_id.get(event_data.booking_id)
        expected = (event_data.change.previous, event_data.version - 1, event_data.decided_on)
        if booking is None or (booking.status, booking.version, booking.date) != expected:
            raise ConcurrentModification("the booking has changed")
        if event_data.seat is not None and event_data.seat in self.taken_seats(event_data.date):
            raise ClaimTaken("the seat is taken")
        self.by_id[booking.id] = apply_transition(booking, event_data)
        self.events.append(BookingStateChanged.of(event_data))


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
