from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
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
from runner.ports import free_port
from tests.amqp import depth, put, take
from tests.bookings import put_booking, requested
from tests.conftest import eventually
from tests.mailbox import Mailbox, running_mailbox

QUEUE = "notification_service.email"


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    yield from running_mailbox(tmp_path)


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
    return delivery_by_mail(config, bookings, delivery_log)


def writer(settings: NotificationSettings) -> EmailComposer:
    return EmailComposer(settings.sender, settings.zone, settings.slot)


@pytest.fixture
def service(config: dict[str, Any], mailbox: Mailbox, container_factory: Any) -> Iterator[Any]:
    config["SMTP"] |= {"host": "127.0.0.1", "port": mailbox.port}
    container = container_factory(NotificationService, config)
    container.start()
    yield container
    container.stop()


def delivery_by_mail(
    config: dict[str, Any], bookings: BookingRepository, delivery_log: DeliveryLog
) -> Delivery[OutgoingEmail]:
    settings = notification_settings(config)
    return Delivery(bookings, delivery_log, settings.channel, writer(settings).compose)


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
    return booking, take_step(bookings, steps.confirm(booking, seat=0, at=now(), by="test"))


def take_step(bookings: BookingRepository, transition: steps.Transition) -> BookingStateChanged:
    bookings.apply(transition)
    return BookingStateChanged.of(transition)


def rows(database: Database[Any]) -> dict[str, str]:
    return {row["_id"]: row["state"] for row in database["notifications"].find()}


def send(uri: str, event: BookingStateChanged) -> None:
    put(uri, QUEUE, strict_json.dumps(event.to_body()), content_type="application/json")


def test_a_patient_is_told_in_their_language_and_in_both_forms(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, mailbox: Mailbox
) -> None:
    booking, event = confirmed(bookings)
    delivery.deliver(event)
    (letter,) = mailbox.letters()
    plain, html = (letter.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert letter["X-Recipient"] == letter["To"] == "ana@example.com"
    assert letter["Subject"] == "Su cita está confirmada"
    assert booking.id in plain
    assert "Hola, Ana <García>:" in plain
    assert "Hola, Ana &lt;García&gt;:" in html


def test_english_is_spoken_to_those_who_prefer_it(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, mailbox: Mailbox
) -> None:
    _, event = confirmed(bookings, language="en")
    delivery.deliver(event)
    (letter,) = mailbox.letters()
    assert letter["Subject"] == "Your appointment is confirmed"


def test_a_cancellation_says_why(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, mailbox: Mailbox
) -> None:
    booking, _ = confirmed(bookings)
    current = bookings.get(booking.id)
    event = take_step(
        bookings, steps.cancel(current, reason="cancelled_by_clinic", at=now(), by="staff")
    )
    delivery.deliver(event)
    (letter,) = mailbox.letters()
    assert "La clínica anuló la cita." in letter.get_body(("plain",)).get_content()


def test_a_duplicate_event_mails_nobody_twice(
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    _, event = confirmed(bookings)
    for _ in range(3):
        delivery.deliver(event)
    assert len(mailbox.letters()) == 1
    assert rows(database) == {f"{event.event_id}:email": "sent"}


def test_racing_deliveries_of_one_event_send_one_letter(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, mailbox: Mailbox
) -> None:
    _, event = confirmed(bookings)

    def deliver() -> None:
        try:
            delivery.deliver(event)
        except LeaseHeld:
            return

    for racer in [eventlet.spawn(deliver) for _ in range(10)]:
        racer.wait()
    assert len(mailbox.letters()) == 1


def test_every_step_of_a_booking_is_told(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, mailbox: Mailbox
) -> None:
    booking, event = confirmed(bookings)
    delivery.deliver(event)
    current = bookings.get(booking.id)
    delivery.deliver(
        take_step(
            bookings, steps.cancel(current, reason="cancelled_by_patient", at=now(), by="patient")
        )
    )
    assert len({letter["Message-ID"] for letter in mailbox.letters()}) == 2


def test_an_older_step_is_not_told_after_a_later_one(
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    booking, confirmation = confirmed(bookings)
    current = bookings.get(booking.id)
    cancellation = take_step(
        bookings, steps.cancel(current, reason="cancelled_by_patient", at=now(), by="patient")
    )
    delivery.deliver(cancellation)
    delivery.deliver(confirmation)
    assert len(mailbox.letters()) == 1
    assert rows(database)[f"{confirmation.event_id}:email"] == "superseded"


@pytest.mark.parametrize(
    ("version", "channel", "state", "is_superseded"),
    [
        (2, "email", State.SENT, False),
        (3, "email", State.SENT, False),
        (4, "email", State.SENT, True),
        (5, "email", State.SENT, True),
        (6, "email", State.SENT, False),  # taken since the booking was read
        (5, "email", State.FAILED, False),
        (5, "email", State.POSTPONED, False),
        (5, "webhook", State.SENT, False),
        (5, "reminder", State.SENT, False),
    ],
)
def test_a_step_is_superseded_by_a_later_one_that_was_told_over_its_channel(
    delivery_log: DeliveryLog,
    database: Database[Any],
    version: int,
    channel: str,
    state: State,
    is_superseded: bool,
) -> None:
    step = steps.confirm(requested(), seat=0, at=now(), by="test")
    asked, told = (BookingStateChanged.of(replace(step, version=each)) for each in (3, version))
    other = DeliveryLog(database, channel, lease_seconds=60)
    claim = other.claim(told)
    assert claim is not None
    other.record_outcome(claim, state)
    assert delivery_log.is_superseded(asked, present=5) is is_superseded


@pytest.mark.parametrize("first", [0, 1], ids=["the earlier one", "the later one"])
def test_two_steps_are_never_told_at_the_same_time(
    first: int,
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    booking, confirmation = confirmed(bookings)
    steps_taken = [confirmation, moved(bookings, booking.id)]
    being_told, waiting = steps_taken[first], steps_taken[1 - first]
    claim = delivery.delivery_log.claim(being_told)
    assert claim is not None
    with pytest.raises(LeaseHeld):
        delivery.deliver(waiting)
    assert mailbox.letters() == []
    assert rows(database)[f"{waiting.event_id}:email"] == "postponed"
    delivery.delivery_log.record_outcome(claim, State.SENT)
    delivery.deliver(waiting)
    assert len(mailbox.letters()) == 1 - first  # a later step makes an earlier one old


def test_a_notifier_that_died_holds_up_no_other_step_for_longer_than_its_lease(
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    booking, confirmation = confirmed(bookings)
    move = moved(bookings, booking.id)
    assert DeliveryLog(database, "email", lease_seconds=0).claim(confirmation) is not None
    delivery.deliver(move)
    assert len(mailbox.letters()) == 1


def test_another_date_is_told(
    delivery: Delivery, bookings: BookingRepository, mailbox: Mailbox
) -> None:
    booking, event = confirmed(bookings, language="en")
    delivery.deliver(event)
    delivery.deliver(moved(bookings, booking.id))
    first, second = mailbox.letters()
    assert second["Subject"] == "Your appointment was moved"
    assert second["Message-ID"] != first["Message-ID"]
    was = first.get_body(("plain",)).get_content().partition("Date: ")[2].splitlines()[0]
    assert f"It was before: {was}." in second.get_body(("plain",)).get_content()


def moved(bookings: BookingRepository, booking_id: str) -> BookingStateChanged:
    current = bookings.get(booking_id)
    date = current.date + timedelta(days=1)
    return take_step(bookings, steps.reschedule(current, date=date, seat=0, at=now(), by="patient"))


def test_a_confirmation_is_not_told_after_the_date_has_changed(
    delivery: Delivery, bookings: BookingRepository, mailbox: Mailbox, database: Database[Any]
) -> None:
    booking, confirmation = confirmed(bookings)
    delivery.deliver(moved(bookings, booking.id))
    delivery.deliver(confirmation)
    assert [letter["Subject"] for letter in mailbox.letters()] == ["Su cita ha cambiado de fecha"]
    assert rows(database)[f"{confirmation.event_id}:email"] == "superseded"


def test_an_event_with_another_date_than_the_step_had_is_poison(
    delivery: Delivery, bookings: BookingRepository, mailbox: Mailbox
) -> None:
    booking, confirmation = confirmed(bookings)
    move = moved(bookings, booking.id)
    for forged in (
        replace(confirmation, date=move.date),
        replace(move, date=confirmation.date),
        replace(move, previous_status=Status.PENDING),
    ):
        with pytest.raises(PoisonMessage):
            delivery.deliver(forged)
    assert mailbox.letters() == []


def test_a_forged_event_is_poison(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, mailbox: Mailbox
) -> None:
    booking, _ = confirmed(bookings)
    current = bookings.get(booking.id)
    never = steps.cancel(current, reason="cancelled_by_clinic", at=now(), by="nobody")
    with pytest.raises(PoisonMessage):
        delivery.deliver(BookingStateChanged.of(never))
    assert mailbox.letters() == []


def test_a_refused_address_is_final(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, database: Database[Any]
) -> None:
    _, event = confirmed(bookings, address="refused@example.com")
    with pytest.raises(RecipientRejected):
        delivery.deliver(event)
    # Whoever dies before the message is dead_lettered has not given the letter up.
    assert rows(database) == {f"{event.event_id}:email": "sending"}
    delivery.give_up(event, RecipientRejected.code)
    assert rows(database) == {f"{event.event_id}:email": "failed"}


def test_a_refused_address_is_tried_again_only_when_a_person_replays_its_event(
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


def test_a_server_that_gives_no_verdict_leaves_the_letter_uncertain(
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    _, event = confirmed(bookings, address="silent@example.com")
    with pytest.raises(DeliveryOutcomeUnknown):
        delivery.deliver(event)
    assert len(mailbox.letters()) == 1
    # Nobody sends it again before the lease has run out, and then under the same Message-ID.
    with pytest.raises(LeaseHeld):
        delivery.deliver(event)
    assert rows(database) == {f"{event.event_id}:email": "sending"}


def test_who_lost_the_lease_can_not_overwrite_what_came_after(
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


def test_of_a_crowd_each_learns_of_its_own_notification(
    delivery_log: DeliveryLog, database: Database[Any]
) -> None:
    settled, held, fresh = (
        BookingStateChanged.of(steps.reject(requested(), reason="past", at=now(), by="test"))
        for _ in range(3)
    )
    done = delivery_log.claim(settled)
    assert done is not None
    delivery_log.record_outcome(done, State.SENT)
    delivery_log.claim(held)
    events = [settled, held, fresh, fresh]
    claims = [eventlet.spawn(outcome, delivery_log.claim, event) for event in events]
    found = [each.wait() for each in claims]
    assert [type(each) for each in found] == [type(None), LeaseHeld, Claim, LeaseHeld]


def test_of_a_crowd_only_those_with_their_claim_settle(
    delivery_log: DeliveryLog, database: Database[Any]
) -> None:
    lost, kept, other = (
        BookingStateChanged.of(steps.reject(requested(), reason="past", at=now(), by="test"))
        for _ in range(3)
    )
    for event in (lost, kept, other):
        delivery_log.claim(event)
    database["notifications"].update_one({"_id": f"{lost.event_id}:email"}, {"$set": {"tries": 2}})
    before = settled_count("sent")
    ends = [(lost, State.SENT), (kept, State.SENT), (other, State.FAILED), (lost, State.SENT)]
    settling = [
        eventlet.spawn(delivery_log.record_outcome, Claim(event, 1), state) for event, state in ends
    ]
    for each in settling:
        each.wait()
    assert rows(database) == {
        f"{lost.event_id}:email": "sending",
        f"{kept.event_id}:email": "sent",
        f"{other.event_id}:email": "failed",
    }
    assert settled_count("sent") == before + 1


def outcome(call: Any, *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except LeaseHeld as error:
        return error


def settled_count(state: str) -> float:
    return float(NOTIFICATIONS.labels("email", state)._value.get())


def test_a_database_that_is_away_for_a_moment_costs_no_second_letter(
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
    assert len(mailbox.letters()) == 1


def test_a_server_that_says_later_is_tried_later(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, mailbox: Mailbox
) -> None:
    _, event = confirmed(bookings, address="later@example.com")
    with pytest.raises(ChannelUnavailable):
        delivery.deliver(event)
    mailbox.open()
    delivery.deliver(event)
    assert len(mailbox.letters()) == 1


def test_a_server_that_is_away_for_a_day_is_given_up(
    delivery: Delivery[OutgoingEmail], bookings: BookingRepository, database: Database[Any]
) -> None:
    booking, _ = confirmed(bookings, address="later@example.com")
    current = bookings.get(booking.id)
    long_ago = now() - timedelta(hours=25)
    event = take_step(
        bookings, steps.cancel(current, reason="cancelled_by_clinic", at=long_ago, by="staff")
    )
    with pytest.raises(DeliveryExpired):
        delivery.deliver(event)
    delivery.give_up(event, DeliveryExpired.code)
    assert rows(database) == {f"{event.event_id}:email": "failed"}


def test_a_server_that_nobody_reaches_is_unavailable() -> None:
    channel = SmtpChannel("127.0.0.1", free_port(), "citas@clinica.example")
    letter = EmailContent("Subject", "Text", "<p>Text</p>")
    envelope = OutgoingEmail("ana@example.com", "the-id.2", "es", letter)
    with pytest.raises(ChannelUnavailable):
        channel.send(envelope)


def test_a_sender_that_died_is_waited_out_and_then_replaced(
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    _, event = confirmed(bookings)
    DeliveryLog(database, "email", lease_seconds=1).claim(event)  # and here it dies
    with pytest.raises(LeaseHeld):
        delivery.deliver(event)

    def delivered() -> bool:
        try:
            delivery.deliver(event)
        except LeaseHeld:
            return False
        return True

    eventually(delivered)
    assert len(mailbox.letters()) == 1


def test_a_second_copy_has_the_message_id_of_the_first(
    delivery: Delivery[OutgoingEmail],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    booking, event = confirmed(bookings)
    delivery.deliver(event)
    # The window that SMTP leaves open: sent, and the process died before it was written down.
    database["notifications"].update_one({}, {"$set": {"state": "sending", "leaseUntil": now()}})
    delivery.deliver(event)
    first, second = mailbox.letters()
    assert first["Message-ID"] == second["Message-ID"] == f"<{booking.id}.2@clinica.example>"


def test_the_log_channel_hides_who_it_is(
    bookings: BookingRepository,
    delivery_log: DeliveryLog,
    config: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, event = confirmed(bookings)
    with caplog.at_level(logging.INFO):
        delivery_by_mail(config, bookings, delivery_log).deliver(event)
    assert "a***@e***.com" in caplog.text
    assert "ana@example.com" not in caplog.text
    assert "García" not in caplog.text


def test_the_entrypoint_delivers_the_event() -> None:
    service = worker_factory(NotificationService)
    event = object()
    service.handle_booking_state_changed(event)
    service.email.deliver.assert_called_once_with(event, is_replay=service.is_replay)


def test_an_event_on_the_queue_becomes_a_letter(
    service: Any, bookings: BookingRepository, mailbox: Mailbox, amqp_uri: str
) -> None:
    booking, event = confirmed(bookings)
    send(amqp_uri, event)
    (letter,) = eventually(mailbox.letters)
    assert booking.id in letter.get_body(("plain",)).get_content()
    eventually(lambda: depth(amqp_uri, QUEUE) == 0)


def test_a_refused_letter_is_dead_lettered_and_holds_up_nobody(
    service: Any, bookings: BookingRepository, mailbox: Mailbox, amqp_uri: str
) -> None:
    send(amqp_uri, confirmed(bookings, address="refused@example.com")[1])
    booking = put_booking(bookings, patient_name="Bea", patient_email="bea@example.com", date=now())
    send(amqp_uri, take_step(bookings, steps.reject(booking, reason="past", at=now(), by="test")))
    dead_lettered = eventually(lambda: take(amqp_uri, f"{QUEUE}.dead_letter"))
    (letter,) = eventually(mailbox.letters)
    assert dead_lettered.headers["x-error-code"] == "recipient_rejected"
    assert letter["To"] == "bea@example.com"


def test_a_letter_waits_for_its_server_longer_than_all_attempts(
    service: Any, bookings: BookingRepository, mailbox: Mailbox, amqp_uri: str
) -> None:
    send(amqp_uri, confirmed(bookings, address="later@example.com")[1])
    # With a second between them, five rounds are more than the three attempts of a fault.
    eventlet.sleep(5)
    assert mailbox.letters() == []
    mailbox.open()
    eventually(mailbox.letters)
    assert depth(amqp_uri, f"{QUEUE}.dead_letter") == 0


# --- invitations and free slots


def test_an_invitation_arrives_as_it_was_written(
    delivery: Delivery, bookings: BookingRepository, mailbox: Mailbox
) -> None:
    booking, event = confirmed(bookings)
    delivery.deliver(event)
    current = bookings.get(booking.id)
    step = steps.cancel(current, reason="cancelled_by_clinic", at=now(), by="staff")
    delivery.deliver(take_step(bookings, step))
    invited, cancelled = (_calendars(letter) for letter in mailbox.letters())
    for alternative, attachment in (invited, cancelled):
        assert alternative.serialize() == attachment.serialize()
    assert [each.method.value for each, _ in (invited, cancelled)] == ["REQUEST", "CANCEL"]
    assert [each.vevent.sequence.value for each, _ in (invited, cancelled)] == ["0", "1"]
    assert invited[0].vevent.uid.value == cancelled[0].vevent.uid.value
    assert invited[0].vevent.dtstart.value == booking.date


def _calendars(letter: EmailMessage) -> list[Any]:
    """The calendar of a letter, read from its last alternative and from its attachment."""
    *_, alternative, attachment = letter.walk()
    return [
        vobject.readOne(alternative.get_content()),
        vobject.readOne(attachment.get_content().decode()),
    ]


#: Noon of a day on which the default calendar is open.
SOON = (now() + timedelta(days=3)).replace(hour=12, minute=0, second=0, microsecond=0)


def rejected(bookings: BookingRepository) -> BookingStateChanged:
    booking = put_booking(bookings, date=SOON)
    step = steps.reject(booking, reason="slot_full", at=now(), by="test")
    return take_step(bookings, step)


def free_times(letter: EmailMessage) -> list[str]:
    text = letter.get_body(("plain",)).get_content()
    return [line for line in text.splitlines() if line.startswith("- ")]


def test_a_rejection_names_free_times_that_the_booking_service_knows(
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
    take_step(bookings, steps.confirm(taken, seat=0, at=now(), by="test"))
    send(amqp_uri, rejected(bookings))
    (letter,) = eventually(mailbox.letters)
    container.stop()
    assert [line.rpartition(", ")[2] for line in free_times(letter)] == [
        "11:00 (UTC)",
        "11:30 (UTC)",
        "12:30 (UTC)",
    ]


def test_a_rejection_waits_for_no_booking_service_that_is_away(
    service: Any, bookings: BookingRepository, mailbox: Mailbox, amqp_uri: str
) -> None:
    send(amqp_uri, rejected(bookings))
    (letter,) = eventually(mailbox.letters, timeout_seconds=15)
    assert free_times(letter) == []
    assert "Puede pedir otra fecha" in letter.get_body(("plain",)).get_content()


class Hangs:
    """Stands in for a booking service that takes its time."""

    name = "booking_service"

    @rpc
    def list_nearest_slots(self, date: str, count: int, notice_minutes: int) -> list[str]:
        eventlet.sleep(20)
        return []


def test_a_rejection_waits_for_no_booking_service_that_hangs(
    service: Any,
    bookings: BookingRepository,
    mailbox: Mailbox,
    config: dict[str, Any],
    container_factory: Any,
    amqp_uri: str,
) -> None:
    container = container_factory(Hangs, config)
    container.start()
    for _ in range(6):  # more than may ask at once
        send(amqp_uri, rejected(bookings))
    eventually(lambda: len(mailbox.letters()) == 6, timeout_seconds=15)
    container.kill()
    assert [free_times(letter) for letter in mailbox.letters()] == [[]] * 6


def test_letters_have_links_when_both_settings_are_there(
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
        (letter,) = eventually(mailbox.letters)
        container.stop()
    code = link_code(secret, booking.id, bookings.access(booking.id).salt)
    text = letter.get_body(("plain",)).get_content()
    assert f"https://citas.clinica.example/cita/{booking.id}#{code}" in text
    assert code not in caplog.text
    assert secret not in caplog.text + letter.as_string()
