"""How one event is delivered, with a delivery log and a channel in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from nameko.testing.services import worker_factory

from clinic.contracts.messages import BookingStateChanged
from clinic.domain.booking import Booking, apply_transition, cancel
from clinic.domain.clock import now
from clinic.errors import (
    BookingNotFound,
    ChannelUnavailable,
    DatabaseUnavailable,
    DeliveryExpired,
    DeliveryOutcomeUnknown,
    LeaseHeld,
    PoisonMessage,
    RecipientRejected,
)
from notification_service.delivery import Delivery
from notification_service.delivery_log import Claim, State
from notification_service.email.composer import EmailComposer
from notification_service.service import NotificationService
from tests.bookings import requested
from tests.clinics import confirm_seat
from tests.fakes import FakeBookings, FakeChannel


class FakeDeliveryLog:
    """The records in a dict, without leases: one that is SENDING is held by somebody else."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}
        self.tries: dict[str, int] = {}
        self.failures = 0

    def claim(
        self, event: BookingStateChanged, *, is_replay: bool = False, limited: str | None = None
    ) -> Claim | None:
        state = self.states.get(event.event_id)
        if state is State.SENDING:
            raise LeaseHeld("somebody else is sending it")
        is_open = state in (None, State.POSTPONED) or (is_replay and state is State.FAILED)
        if not is_open:
            return None
        self.states[event.event_id] = State.SENDING
        self.tries[event.event_id] = self.tries.get(event.event_id, 0) + 1
        return Claim(event, self.tries[event.event_id])

    def record_outcome(self, claim: Claim, state: State) -> None:
        if self.failures:
            self.failures -= 1
            raise DatabaseUnavailable("away")
        self.states[claim.event.event_id] = state

    record_outcome_with_retry = record_outcome

    def is_superseded(self, event: BookingStateChanged, present: int) -> bool:
        later = [
            f"{event.booking_id}:{version}" for version in range(event.version + 1, present + 1)
        ]
        return any(self.states.get(each) is State.SENT for each in later)


@pytest.fixture
def log() -> FakeDeliveryLog:
    return FakeDeliveryLog()


def confirmed() -> tuple[Booking, BookingStateChanged]:
    booking = requested()
    transition = confirm_seat(booking, at=now(), by="test")
    return apply_transition(booking, transition), BookingStateChanged.of(transition)


def cancelled(booking: Booking) -> tuple[Booking, BookingStateChanged]:
    transition = cancel(booking, reason="clinic_closed", at=now(), by="test")
    return apply_transition(booking, transition), BookingStateChanged.of(transition)


def delivery(
    booking: Booking, log: FakeDeliveryLog, channel: FakeChannel, **options: Any
) -> Delivery[str]:
    return Delivery(
        cast(Any, FakeBookings(booking)),
        cast(Any, log),
        cast(Any, channel),
        lambda _booking, event: str(event.status),
        lambda content, resends: f"{content} again {resends}",
        **options,
    )


def test_an_event_is_sent_once_however_often_it_arrives(log: FakeDeliveryLog) -> None:
    booking, event = confirmed()
    channel = FakeChannel()
    for _ in range(3):
        service = worker_factory(NotificationService, email=delivery(booking, log, channel))
        service.handle_booking_state_changed(event)
    assert (channel.sent, log.states) == (["confirmed"], {event.event_id: State.SENT})


def test_a_patient_without_an_address_is_sent_nothing_and_nothing_is_tried_again(
    log: FakeDeliveryLog,
) -> None:
    booking = requested(patient_email=None, patient_phone="+34600000000")
    transition = confirm_seat(booking, at=now(), by="staff")
    channel, event = FakeChannel(), BookingStateChanged.of(transition)
    composer = EmailComposer("citas@clinica.example", ZoneInfo("UTC"), timedelta(minutes=30))
    to_patients = replace(
        delivery(apply_transition(booking, transition), log, channel),
        render=cast(Any, composer.compose),
    )
    for _ in range(2):
        to_patients.deliver(event)
        to_patients.deliver(event, is_replay=True)
    assert channel.sent == []
    assert log.states == {event.event_id: State.NO_ADDRESS}
    assert log.tries == {event.event_id: 1}


def test_an_event_that_is_not_in_the_history_is_poison(log: FakeDeliveryLog) -> None:
    booking, event = confirmed()
    channel = FakeChannel()
    for forged in (
        replace(event, version=7),
        replace(event, reason="past"),
        replace(event, date=event.date + timedelta(hours=1)),
    ):
        with pytest.raises(PoisonMessage):
            delivery(booking, log, channel).deliver(forged)
    assert channel.sent == []
    assert log.states == {}


def test_an_event_of_an_unknown_booking_is_an_error(log: FakeDeliveryLog) -> None:
    _, event = confirmed()
    with pytest.raises(BookingNotFound):
        delivery(requested(), log, FakeChannel()).deliver(event)


def test_an_unavailable_channel_is_tried_again_later(log: FakeDeliveryLog) -> None:
    booking, event = confirmed()
    channel = FakeChannel(ChannelUnavailable("later"))
    with pytest.raises(ChannelUnavailable):
        delivery(booking, log, channel).deliver(event)
    assert log.states[event.event_id] is State.POSTPONED
    delivery(booking, log, channel).deliver(event)
    assert channel.sent == ["confirmed"]


def test_a_channel_that_was_unavailable_for_a_day_is_given_up(log: FakeDeliveryLog) -> None:
    booking = requested(at=now() - timedelta(hours=30))
    transition = confirm_seat(booking, at=now() - timedelta(hours=25), by="test")
    booking, event = apply_transition(booking, transition), BookingStateChanged.of(transition)
    with pytest.raises(DeliveryExpired):
        delivery(booking, log, FakeChannel(ChannelUnavailable("later"))).deliver(event)


def test_after_an_unknown_outcome_the_claim_keeps_its_lease(log: FakeDeliveryLog) -> None:
    booking, event = confirmed()
    with pytest.raises(DeliveryOutcomeUnknown):
        delivery(booking, log, FakeChannel(DeliveryOutcomeUnknown("?"))).deliver(event)
    assert log.states[event.event_id] is State.SENDING
    with pytest.raises(LeaseHeld):
        delivery(booking, log, FakeChannel()).deliver(event)


def test_a_rejected_recipient_is_recorded_when_it_is_given_up(log: FakeDeliveryLog) -> None:
    booking, event = confirmed()
    one = delivery(booking, log, FakeChannel(RecipientRejected("no such mailbox")))
    with pytest.raises(RecipientRejected):
        one.deliver(event)
    one.give_up(event, RecipientRejected.code)
    assert log.states[event.event_id] is State.FAILED
    channel = FakeChannel()
    delivery(booking, log, channel).deliver(event)
    assert channel.sent == []
    delivery(booking, log, channel).deliver(event, is_replay=True)
    assert channel.sent == ["confirmed"]


def test_a_poison_message_leaves_no_record(log: FakeDeliveryLog) -> None:
    booking, event = confirmed()
    delivery(booking, log, FakeChannel()).give_up(event, PoisonMessage.code)
    assert log.states == {}


def test_a_superseded_event_is_skipped(log: FakeDeliveryLog) -> None:
    booking, first = confirmed()
    booking, second = cancelled(booking)
    channel = FakeChannel()
    delivery(booking, log, channel).deliver(second)
    delivery(booking, log, channel).deliver(first)
    assert channel.sent == ["cancelled"]
    assert log.states[first.event_id] is State.SUPERSEDED


def test_a_channel_may_send_superseded_events_too(log: FakeDeliveryLog) -> None:
    booking, first = confirmed()
    booking, second = cancelled(booking)
    channel = FakeChannel()
    for event in (second, first):
        delivery(booking, log, channel, skip_superseded=False).deliver(event)
    assert channel.sent == ["cancelled", "confirmed"]


def test_an_outcome_that_is_not_recorded_is_raised(log: FakeDeliveryLog) -> None:
    booking, event = confirmed()
    log.failures = 1
    channel = FakeChannel()
    with pytest.raises(DatabaseUnavailable):
        delivery(booking, log, channel).deliver(event)
    assert channel.sent == ["confirmed"]
