from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import eventlet
import pytest
import vobject
from nameko.rpc import rpc
from nameko.testing.services import worker_factory
from pymongo.database import Database

from booking_service.service import BookingService
from clinic.bookings.repository import BookingRepository
from clinic.contracts import strict_json
from clinic.contracts.messages import BookingStateChanged
from clinic.domain import booking as steps
from clinic.domain.booking import Booking, Status
from clinic.domain.clock import now
from clinic.domain.manage_link import link_code
from clinic.errors import (
    ChannelUnavailable,
    DatabaseUnavailable,
    DeliveryExpired,
    DeliveryOutcomeUnknown,
    LeaseHeld,
    PoisonMessage,
    RecipientRejected,
)
from clinic.observability.metrics import NOTIFICATIONS
from clinic.outbox.outbox import Outbox
from notification_service.channels.email_channel import SmtpChannel
from notification_service.delivery import Delivery
from notification_service.delivery_log import Claim, DeliveryLog, State
from notification_service.email.composer import EmailComposer
from notification_service.email.content import EmailContent
from notification_service.email.outgoing_email import OutgoingEmail
from notification_service.service import NotificationService
from notification_service.settings import NotificationSettings, notification_settings
from runner.backends.ports import free_port
from tests.amqp import depth, put, take
from tests.bookings import put_booking, requested
from tests.clinics import confirm_seat, move_to
from tests.conftest import eventually
from tests.mailbox import Mailbox

QUEUE = "notification_service.email"


@pytest.fixture
def bookings(database: Database[Any]) -> BookingRepository:
    return BookingRepository(database, Outbox(database, 60))


@pytest.fixture
def delivery_log(database: Database[Any]) -> DeliveryLog:
    return DeliveryLog(database, "email", lease_seconds=60)


@pytest.fixture
def delivery(
    bookings: BookingRepository, delivery_log: DeliveryLog, config: dict[str, Any], mailbox: Mailbox
) -> Delivery[OutgoingEmail]:
    config["SMTP"] |= {"host": "127.0.0.1", "port": mailbox.port}
    return email_delivery(config, bookings, delivery_log)


def composer(settings: NotificationSettings) -> EmailComposer:
    return EmailComposer(settings.sender, settings.zone, settings.slot)


@pytest.fixture
def service(config: dict[str, Any], mailbox: Mailbox, container_factory: Any) -> Iterator[Any]:
    config["SMTP"] |= {"host": "127.0.0.1", "port": mailbox.port}
    container = container_factory(NotificationService, config)
    container.start()
    yield container
    container.stop()


def email_delivery(
    config: dict[str, Any], bookings: BookingRepository, delivery_log: DeliveryLog
) -> Delivery[OutgoingEmail]:
    settings = notification_settings(config)
    return Delivery(bookings, delivery_log, settings.channel, composer(settings).compose)


def confirmed(
    bookings: BookingRepository, address: str = "ana@example.com", language: str = "es"
) -> tuple[Booking, BookingStateChanged]:
    booking = put_booking(
        bookings,
        patient_name="Ana <García>",
        patient_email=address,
        language=language,
        date=(now() + timedelta(days=1)).replace(microsecond=0),
    )
    return booking, apply(bookings, confirm_seat(booking, at=now(), by="test"))


def apply(bookings: BookingRepository, transition: steps.Transition) -> BookingStateChanged:
    bookings.apply(transition)
    return BookingStateChanged.of(transition)


def rows(database: Database[Any]) -> dict[str, str]:
    return {row["_id"]: row["state"] for row in database["notifications"].find()}


def send(uri: str, event: BookingStateChanged) -> None:
    put(uri, QUEUE, strict_json.dumps(event.to_body()), content_type="application/json")


def test_a_patient_receives_plain_text_and_html_in_their_language(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, mailbox: Mailbox
) -> None:
    booking, event = confirmed(bookings)
    delivery.deliver(event)
    (email,) = mailbox.emails()
    plain, html = (email.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert email["X-Recipient"] == email["To"] == "ana@example.com"
    assert email["Subject"] == "Su cita está confirmada"
    assert booking.id in plain
    assert "Hola, Ana <García>:" in plain
    assert "Hola, Ana &lt;García&gt;:" in html


def test_a_patient_without_an_address_has_a_final_record_and_no_email(
    service: Any,
    database: Database[Any],
    bookings: BookingRepository,
    mailbox: Mailbox,
    amqp_uri: str,
) -> None:
    date = now() + timedelta(days=2)
    booking = put_booking(bookings, date=date, patient_email=None, patient_phone="+34600000000")
    event = apply(bookings, confirm_seat(booking, at=now(), by="staff"))
    send(amqp_uri, event)
    expected = {f"{event.event_id}:email": "no_address"}
    eventually(lambda: rows(database) == expected)
    _, marker = confirmed(bookings)
    send(amqp_uri, event)
    send(amqp_uri, marker)
    eventually(lambda: rows(database).get(f"{marker.event_id}:email") == "sent")
    assert [each["X-Recipient"] for each in mailbox.emails()] == ["ana@example.com"]
    assert rows(database)[f"{event.event_id}:email"] == "no_address"


def test_a_patient_who_prefers_english_receives_english(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, mailbox: Mailbox
) -> None:
    _, event = confirmed(bookings, language="en")
    delivery.deliver(event)
    (email,) = mailbox.emails()
    assert email["Subject"] == "Your appointment is confirmed"


def test_a_cancellation_email_gives_the_reason(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, mailbox: Mailbox
) -> None:
    booking, _ = confirmed(bookings)
    current = bookings.get(booking.id)
    event = apply(
        bookings, steps.cancel(current, reason="cancelled_by_clinic", at=now(), by="staff")
    )
    delivery.deliver(event)
    (email,) = mailbox.emails()
    assert "La clínica anuló la cita." in email.get_body(("plain",)).get_content()


def test_a_duplicate_event_sends_one_email(
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    _, event = confirmed(bookings)
    for _ in range(3):
        delivery.deliver(event)
    assert len(mailbox.emails()) == 1
    assert rows(database) == {f"{event.event_id}:email": "sent"}


def test_concurrent_deliveries_of_one_event_send_one_email(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, mailbox: Mailbox
) -> None:
    _, event = confirmed(bookings)

    def deliver() -> None:
        try:
            delivery.deliver(event)
        except LeaseHeld:
            return

    for delivering in [eventlet.spawn(deliver) for _ in range(10)]:
        delivering.wait()
    assert len(mailbox.emails()) == 1


def test_every_transition_of_a_booking_is_emailed(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, mailbox: Mailbox
) -> None:
    booking, event = confirmed(bookings)
    delivery.deliver(event)
    current = bookings.get(booking.id)
    delivery.deliver(
        apply(
            bookings, steps.cancel(current, reason="cancelled_by_patient", at=now(), by="patient")
        )
    )
    assert len({email["Message-ID"] for email in mailbox.emails()}) == 2


def test_an_older_event_is_not_emailed_after_a_later_one(
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    booking, confirmation = confirmed(bookings)
    current = bookings.get(booking.id)
    cancellation = apply(
        bookings, steps.cancel(current, reason="cancelled_by_patient", at=now(), by="patient")
    )
    delivery.deliver(cancellation)
    delivery.deliver(confirmation)
    assert len(mailbox.emails()) == 1
    assert rows(database)[f"{confirmation.event_id}:email"] == "superseded"


@pytest.mark.parametrize(
    ("version", "channel", "state", "is_superseded"),
    [
        (2, "email", State.SENT, False),
        (3, "email", State.SENT, False),
        (4, "email", State.SENT, True),
        (5, "email", State.SENT, True),
        (6, "email", State.SENT, False),  # later than the booking that was read
        (5, "email", State.FAILED, False),
        (5, "email", State.POSTPONED, False),
        (5, "webhook", State.SENT, False),
        (5, "reminder", State.SENT, False),
    ],
)
def test_an_event_is_superseded_by_a_later_one_sent_over_its_channel(
    delivery_log: DeliveryLog,
    database: Database[Any],
    version: int,
    channel: str,
    state: State,
    is_superseded: bool,
) -> None:
    transition = confirm_seat(requested(), at=now(), by="test")
    earlier, other_event = (
        BookingStateChanged.of(replace(transition, version=each)) for each in (3, version)
    )
    other = DeliveryLog(database, channel, lease_seconds=60)
    claim = other.claim(other_event)
    assert claim is not None
    other.record_outcome(claim, state)
    assert delivery_log.is_superseded(earlier, present=5) is is_superseded


@pytest.mark.parametrize("first", [0, 1], ids=["the earlier one", "the later one"])
def test_two_events_of_a_booking_are_never_sent_concurrently(
    first: int,
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    booking, confirmation = confirmed(bookings)
    events = [confirmation, rescheduled(bookings, booking.id)]
    in_flight, waiting = events[first], events[1 - first]
    claim = delivery.delivery_log.claim(in_flight)
    assert claim is not None
    with pytest.raises(LeaseHeld):
        delivery.deliver(waiting)
    assert mailbox.emails() == []
    assert rows(database)[f"{waiting.event_id}:email"] == "postponed"
    delivery.delivery_log.record_outcome(claim, State.SENT)
    delivery.deliver(waiting)
    assert len(mailbox.emails()) == 1 - first  # a later event supersedes an earlier one


def test_a_crashed_notifier_blocks_other_events_no_longer_than_its_lease(
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    booking, confirmation = confirmed(bookings)
    reschedule_event = rescheduled(bookings, booking.id)
    assert DeliveryLog(database, "email", lease_seconds=0).claim(confirmation) is not None
    delivery.deliver(reschedule_event)
    assert len(mailbox.emails()) == 1


def test_a_reschedule_email_names_the_previous_date(
    delivery: Delivery, bookings: BookingRepository, mailbox: Mailbox
) -> None:
    booking, event = confirmed(bookings, language="en")
    delivery.deliver(event)
    delivery.deliver(rescheduled(bookings, booking.id))
    first, second = mailbox.emails()
    assert second["Subject"] == "Your appointment was moved"
    assert second["Message-ID"] != first["Message-ID"]
    was = first.get_body(("plain",)).get_content().partition("Date: ")[2].splitlines()[0]
    assert f"It was before: {was}." in second.get_body(("plain",)).get_content()


def rescheduled(bookings: BookingRepository, booking_id: str) -> BookingStateChanged:
    current = bookings.get(booking_id)
    date = current.date + timedelta(days=1)
    return apply(
        bookings,
        move_to(current, date, at=now(), by="patient"),
    )


def test_a_confirmation_is_not_emailed_after_a_reschedule(
    delivery: Delivery, bookings: BookingRepository, mailbox: Mailbox, database: Database[Any]
) -> None:
    booking, confirmation = confirmed(bookings)
    delivery.deliver(rescheduled(bookings, booking.id))
    delivery.deliver(confirmation)
    assert [email["Subject"] for email in mailbox.emails()] == ["Su cita ha cambiado de fecha"]
    assert rows(database)[f"{confirmation.event_id}:email"] == "superseded"


def test_an_event_that_contradicts_its_transition_is_poison(
    delivery: Delivery, bookings: BookingRepository, mailbox: Mailbox
) -> None:
    booking, confirmation = confirmed(bookings)
    reschedule_event = rescheduled(bookings, booking.id)
    for forged in (
        replace(confirmation, date=reschedule_event.date),
        replace(reschedule_event, date=confirmation.date),
        replace(reschedule_event, previous_status=Status.PENDING),
    ):
        with pytest.raises(PoisonMessage):
            delivery.deliver(forged)
    assert mailbox.emails() == []


def test_a_forged_event_is_poison(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, mailbox: Mailbox
) -> None:
    booking, _ = confirmed(bookings)
    current = bookings.get(booking.id)
    unrecorded = steps.cancel(current, reason="cancelled_by_clinic", at=now(), by="nobody")
    with pytest.raises(PoisonMessage):
        delivery.deliver(BookingStateChanged.of(unrecorded))
    assert mailbox.emails() == []


def test_a_rejected_recipient_is_a_final_failure(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, database: Database[Any]
) -> None:
    _, event = confirmed(bookings, address="refused@example.com")
    with pytest.raises(RecipientRejected):
        delivery.deliver(event)
    # A crash before the message is dead-lettered leaves the delivery open.
    assert rows(database) == {f"{event.event_id}:email": "sending"}
    delivery.give_up(event, RecipientRejected.code)
    assert rows(database) == {f"{event.event_id}:email": "failed"}


def test_a_rejected_recipient_is_retried_only_by_a_replay(
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    _, event = confirmed(bookings, address="refused@example.com")
    with pytest.raises(RecipientRejected):
        delivery.deliver(event)
    delivery.give_up(event, RecipientRejected.code)
    delivery.deliver(event)
    assert database["notifications"].find_one({})["tries"] == 1
    with pytest.raises(RecipientRejected):
        delivery.deliver(event, is_replay=True)
    assert database["notifications"].find_one({})["tries"] == 2


def test_a_missing_smtp_response_leaves_the_delivery_outcome_unknown(
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    _, event = confirmed(bookings, address="silent@example.com")
    with pytest.raises(DeliveryOutcomeUnknown):
        delivery.deliver(event)
    assert len(mailbox.emails()) == 1
    # It is sent again only after the lease has expired, under the same Message-ID.
    with pytest.raises(LeaseHeld):
        delivery.deliver(event)
    assert rows(database) == {f"{event.event_id}:email": "sending"}


def test_a_notifier_that_lost_its_lease_cannot_overwrite_the_outcome(
    bookings: BookingRepository, database: Database[Any]
) -> None:
    _, event = confirmed(bookings)
    late, quick = (DeliveryLog(database, "email", lease_seconds=seconds) for seconds in (0, 60))
    lost, taken = late.claim(event), quick.claim(event)
    assert lost is not None
    assert taken is not None
    quick.record_outcome(taken, State.SENT)
    late.record_outcome(lost, State.FAILED)
    assert rows(database) == {f"{event.event_id}:email": "sent"}


def test_each_concurrent_claim_gets_its_own_result(
    delivery_log: DeliveryLog, database: Database[Any]
) -> None:
    recorded, held, unclaimed = (
        BookingStateChanged.of(steps.reject(requested(), reason="past", at=now(), by="test"))
        for _ in range(3)
    )
    done = delivery_log.claim(recorded)
    assert done is not None
    delivery_log.record_outcome(done, State.SENT)
    delivery_log.claim(held)
    events = [recorded, held, unclaimed, unclaimed]
    claims = [eventlet.spawn(outcome, delivery_log.claim, event) for event in events]
    found = [each.wait() for each in claims]
    assert [type(each) for each in found] == [type(None), LeaseHeld, Claim, LeaseHeld]


def test_only_valid_claims_record_their_outcome_concurrently(
    delivery_log: DeliveryLog, database: Database[Any]
) -> None:
    lost, kept, other = (
        BookingStateChanged.of(steps.reject(requested(), reason="past", at=now(), by="test"))
        for _ in range(3)
    )
    for event in (lost, kept, other):
        delivery_log.claim(event)
    database["notifications"].update_one({"_id": f"{lost.event_id}:email"}, {"$set": {"tries": 2}})
    before = recorded_count("sent")
    ends = [(lost, State.SENT), (kept, State.SENT), (other, State.FAILED), (lost, State.SENT)]
    recordings = [
        eventlet.spawn(delivery_log.record_outcome, Claim(event, 1), state) for event, state in ends
    ]
    for each in recordings:
        each.wait()
    assert rows(database) == {
        f"{lost.event_id}:email": "sending",
        f"{kept.event_id}:email": "sent",
        f"{other.event_id}:email": "failed",
    }
    assert recorded_count("sent") == before + 1


def outcome(call: Any, *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except LeaseHeld as error:
        return error


def recorded_count(state: str) -> float:
    return float(NOTIFICATIONS.labels("email", state)._value.get())


def test_a_brief_database_outage_causes_no_second_email(
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, event = confirmed(bookings)
    record, faults = DeliveryLog.record_outcome, [DatabaseUnavailable("away")]

    def fail_once(delivery_log: DeliveryLog, claim: Any, state: State) -> None:
        if faults:
            raise faults.pop()
        record(delivery_log, claim, state)

    monkeypatch.setattr(DeliveryLog, "record_outcome", fail_once)
    delivery.deliver(event)
    delivery.deliver(event)
    assert len(mailbox.emails()) == 1


def test_a_temporary_smtp_failure_is_retried(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, mailbox: Mailbox
) -> None:
    _, event = confirmed(bookings, address="later@example.com")
    with pytest.raises(ChannelUnavailable):
        delivery.deliver(event)
    mailbox.open()
    delivery.deliver(event)
    assert len(mailbox.emails()) == 1


def test_a_delivery_expires_after_a_day_of_smtp_failures(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, database: Database[Any]
) -> None:
    booking, _ = confirmed(bookings, address="later@example.com")
    current = bookings.get(booking.id)
    long_ago = now() - timedelta(hours=25)
    event = apply(
        bookings, steps.cancel(current, reason="cancelled_by_clinic", at=long_ago, by="staff")
    )
    with pytest.raises(DeliveryExpired):
        delivery.deliver(event)
    delivery.give_up(event, DeliveryExpired.code)
    assert rows(database) == {f"{event.event_id}:email": "failed"}


def test_an_unreachable_smtp_server_is_unavailable() -> None:
    channel = SmtpChannel("127.0.0.1", free_port(), "citas@clinica.example")
    email = EmailContent("Subject", "Text", "<p>Text</p>")
    outgoing = OutgoingEmail("ana@example.com", "the-id.2", "es", email)
    with pytest.raises(ChannelUnavailable):
        channel.send(outgoing)


def test_the_email_of_a_crashed_notifier_is_sent_after_its_lease_expires(
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    _, event = confirmed(bookings)
    DeliveryLog(database, "email", lease_seconds=1).claim(event)  # and here it crashes
    with pytest.raises(LeaseHeld):
        delivery.deliver(event)

    def delivered() -> bool:
        try:
            delivery.deliver(event)
        except LeaseHeld:
            return False
        return True

    eventually(delivered)
    assert len(mailbox.emails()) == 1


def test_a_duplicate_email_has_the_same_message_id(
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    booking, event = confirmed(bookings)
    delivery.deliver(event)
    # The window that SMTP leaves open: sent, but a crash prevents recording the outcome.
    database["notifications"].update_one({}, {"$set": {"state": "sending", "leaseUntil": now()}})
    delivery.deliver(event)
    first, second = mailbox.emails()
    assert first["Message-ID"] == second["Message-ID"] == f"<{booking.id}.2@clinica.example>"


def test_the_log_channel_masks_personal_data(
    bookings: BookingRepository,
    delivery_log: DeliveryLog,
    config: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, event = confirmed(bookings)
    with caplog.at_level(logging.INFO):
        email_delivery(config, bookings, delivery_log).deliver(event)
    assert "a***@e***.com" in caplog.text
    assert "ana@example.com" not in caplog.text
    assert "García" not in caplog.text


def test_the_entrypoint_delivers_the_event() -> None:
    service = worker_factory(NotificationService)
    event = object()
    service.handle_booking_state_changed(event)
    service.email.deliver.assert_called_once_with(event, is_replay=service.is_replay)


def test_an_event_on_the_queue_is_sent_as_an_email(
    service: Any, bookings: BookingRepository, mailbox: Mailbox, amqp_uri: str
) -> None:
    booking, event = confirmed(bookings)
    send(amqp_uri, event)
    (email,) = eventually(mailbox.emails)
    assert booking.id in email.get_body(("plain",)).get_content()
    eventually(lambda: depth(amqp_uri, QUEUE) == 0)


def test_a_rejected_email_is_dead_lettered_and_does_not_block_others(
    service: Any, bookings: BookingRepository, mailbox: Mailbox, amqp_uri: str
) -> None:
    send(amqp_uri, confirmed(bookings, address="refused@example.com")[1])
    booking = put_booking(bookings, patient_name="Bea", patient_email="bea@example.com", date=now())
    send(amqp_uri, apply(bookings, steps.reject(booking, reason="past", at=now(), by="test")))
    dead_lettered = eventually(lambda: take(amqp_uri, f"{QUEUE}.dead_letter"))
    (email,) = eventually(mailbox.emails)
    assert dead_lettered.headers["x-error-code"] == "recipient_rejected"
    assert email["To"] == "bea@example.com"


def test_an_email_waits_for_its_server_beyond_the_attempt_limit(
    service: Any, bookings: BookingRepository, mailbox: Mailbox, amqp_uri: str
) -> None:
    send(amqp_uri, confirmed(bookings, address="later@example.com")[1])
    # At one second apart, five tries exceed the three attempts of a fault.
    eventlet.sleep(5)
    assert mailbox.emails() == []
    mailbox.open()
    eventually(mailbox.emails)
    assert depth(amqp_uri, f"{QUEUE}.dead_letter") == 0


# --- invitations and free slots


def test_an_invitation_arrives_unaltered(
    delivery: Delivery, bookings: BookingRepository, mailbox: Mailbox
) -> None:
    booking, event = confirmed(bookings)
    delivery.deliver(event)
    current = bookings.get(booking.id)
    transition = steps.cancel(current, reason="cancelled_by_clinic", at=now(), by="staff")
    delivery.deliver(apply(bookings, transition))
    invited, cancelled = (_calendars(email) for email in mailbox.emails())
    for alternative, attachment in (invited, cancelled):
        assert alternative.serialize() == attachment.serialize()
    assert [each.method.value for each, _ in (invited, cancelled)] == ["REQUEST", "CANCEL"]
    assert [each.vevent.sequence.value for each, _ in (invited, cancelled)] == ["0", "1"]
    assert invited[0].vevent.uid.value == cancelled[0].vevent.uid.value
    assert invited[0].vevent.dtstart.value == booking.date


def _calendars(email: EmailMessage) -> list[Any]:
    """The calendar of an email, read from its last alternative and from its attachment."""
    *_, alternative, attachment = email.walk()
    return [
        vobject.readOne(alternative.get_content()),
        vobject.readOne(attachment.get_content().decode()),
    ]


#: Noon of a day on which the default calendar is open.
SOON = (now() + timedelta(days=3)).replace(hour=12, minute=0, second=0, microsecond=0)


def rejected(bookings: BookingRepository) -> BookingStateChanged:
    booking = put_booking(bookings, date=SOON)
    transition = steps.reject(booking, reason="slot_full", at=now(), by="test")
    return apply(bookings, transition)


def suggested_slots(email: EmailMessage) -> list[str]:
    text = email.get_body(("plain",)).get_content()
    return [line for line in text.splitlines() if line.startswith("- ")]


def test_a_rejection_email_suggests_free_slots_of_the_booking_service(
    service: Any,
    bookings: BookingRepository,
    mailbox: Mailbox,
    config: dict[str, Any],
    container_factory: Any,
    amqp_uri: str,
) -> None:
    container = container_factory(BookingService, config)
    container.start()
    taken = put_booking(bookings, date=SOON)
    apply(bookings, confirm_seat(taken, at=now(), by="test"))
    send(amqp_uri, rejected(bookings))
    (email,) = eventually(mailbox.emails)
    container.stop()
    assert [line.rpartition(", ")[2] for line in suggested_slots(email)] == [
        "11:00 (UTC)",
        "11:30 (UTC)",
        "12:30 (UTC)",
    ]


def test_a_rejection_email_does_not_wait_for_an_unavailable_booking_service(
    service: Any, bookings: BookingRepository, mailbox: Mailbox, amqp_uri: str
) -> None:
    send(amqp_uri, rejected(bookings))
    (email,) = eventually(mailbox.emails, timeout_seconds=15)
    assert suggested_slots(email) == []
    assert "Puede pedir otra fecha" in email.get_body(("plain",)).get_content()


class HangingBookingService:
    """A booking service that does not reply in time."""

    name = "booking_service"

    @rpc
    def list_nearest_slots(self, date: str, count: int, notice_minutes: int) -> list[str]:
        eventlet.sleep(20)
        return []


def test_a_rejection_email_does_not_wait_for_a_hanging_booking_service(
    service: Any,
    bookings: BookingRepository,
    mailbox: Mailbox,
    config: dict[str, Any],
    container_factory: Any,
    amqp_uri: str,
) -> None:
    container = container_factory(HangingBookingService, config)
    container.start()
    for _ in range(6):  # more than may call at once
        send(amqp_uri, rejected(bookings))
    eventually(lambda: len(mailbox.emails()) == 6, timeout_seconds=15)
    container.kill()
    assert [suggested_slots(email) for email in mailbox.emails()] == [[]] * 6


def test_emails_contain_links_when_both_settings_are_set(
    config: dict[str, Any],
    bookings: BookingRepository,
    mailbox: Mailbox,
    container_factory: Any,
    amqp_uri: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config["SMTP"] |= {"host": "127.0.0.1", "port": mailbox.port}
    secret = "a secret of the clinic"
    config |= {"PUBLIC_URL": "https://citas.clinica.example", "LINK_SECRET": secret}
    container = container_factory(NotificationService, config)
    with caplog.at_level(logging.DEBUG):
        container.start()
        booking, event = confirmed(bookings)
        send(amqp_uri, event)
        (email,) = eventually(mailbox.emails)
        container.stop()
    code = link_code(secret, booking.id, bookings.access(booking.id).salt)
    text = email.get_body(("plain",)).get_content()
    assert f"https://citas.clinica.example/cita/{booking.id}#{code}" in text
    assert code not in caplog.text
    assert secret not in caplog.text + email.as_string()
