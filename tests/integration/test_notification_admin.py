"""What staff sees of a booking's notifications, and that what they send again arrives."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import eventlet
import pytest
from pymongo.database import Database

from clinic.bookings.bootstrap import create_repository
from clinic.bookings.change_feed import ChangeFeed
from clinic.bookings.repository import BookingRepository
from clinic.config import settings
from clinic.contracts.messages import BookingStateChanged
from clinic.domain import booking as steps
from clinic.domain.clock import now, to_wire
from clinic.errors import (
    BookingNotFound,
    BrokerUnavailable,
    ChannelUnavailable,
    DeliveryExpired,
    DeliveryOutcomeUnknown,
    InvalidBooking,
    ResendRejected,
)
from clinic.messaging import topology
from clinic.messaging.publisher import Publisher
from clinic.messaging.topology import EMAIL, NOTIFICATION_ADMIN, WEBHOOK
from clinic.observability.metrics import MANUAL_RESENDS
from clinic.outbox.outbox import Outbox
from clinic.rpc.rpc_client import RpcPool
from gateway.app import create_app
from gateway.settings import GatewaySettings
from notification_service.delivery import Delivery
from notification_service.delivery_log import DeliveryLog, State
from notification_service.delivery_status import Notifications
from notification_service.email.composer import EmailComposer
from notification_service.email.outgoing_email import OutgoingEmail
from notification_service.notification_admin import PAUSE, NotificationAdmin
from notification_service.reconciliation.reconciler import Reconciler
from notification_service.reconciliation.watermark import Watermark
from notification_service.service import (
    NotificationAdminService,
    NotificationService,
    WebhookService,
)
from notification_service.settings import notification_settings
from tests.amqp import body_of, depth, subscriber, take
from tests.bookings import put_booking
from tests.conftest import eventually
from tests.mailbox import Mailbox, running_mailbox
from tests.proxy import Proxy
from tests.receiver import Receiver, receiving
from tests.rpc import NO_SERVICE

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def mailbox(tmp_path: Path, config: dict[str, Any]) -> Iterator[Mailbox]:
    for mailbox in running_mailbox(tmp_path):
        config["SMTP"] |= {"host": "127.0.0.1", "port": mailbox.port}
        yield mailbox


@pytest.fixture
def receiver(config: dict[str, Any]) -> Iterator[Receiver]:
    """The receiver of webhooks; they are off in tests that don't ask for it."""
    with receiving() as receiver:
        config["WEBHOOK"] = {"url": receiver.url, "secret": "known to the receiver"}
        yield receiver


@pytest.fixture
def bookings(database: Database[Any]) -> BookingRepository:
    return BookingRepository(database, Outbox(database, 60))


@pytest.fixture
def delivery_log(database: Database[Any]) -> DeliveryLog:
    return DeliveryLog(database, "email", lease_seconds=60)


@pytest.fixture
def notifications(database: Database[Any]) -> Notifications:
    return Notifications(database)


@pytest.fixture
def delivery(
    bookings: BookingRepository, delivery_log: DeliveryLog, config: dict[str, Any], mailbox: Mailbox
) -> Delivery[OutgoingEmail]:
    own = notification_settings(config)
    writer = EmailComposer(own.sender, own.zone, own.slot)
    return Delivery(bookings, delivery_log, own.channel, writer.compose, OutgoingEmail.for_resend)


@pytest.fixture
def admin(
    bookings: BookingRepository, notifications: Notifications, broker_link: Proxy
) -> NotificationAdmin:
    uri = f"amqp://guest:guest@127.0.0.1:{broker_link.port}/"
    return NotificationAdmin(
        bookings, notifications, Publisher(uri, topology.declare), has_webhook=True
    )


@pytest.fixture
def start(config: dict[str, Any], container_factory: Any) -> Iterator[Callable[..., None]]:
    containers: list[Any] = []

    def start(*services: type) -> None:
        config["max_workers"] = 5
        for service in services:
            containers.append(container_factory(service, config))
            containers[-1].start()

    yield start
    for container in containers:
        container.stop()


@pytest.fixture
def call(amqp_uri: str) -> Iterator[Callable[..., Any]]:
    """Call the admin as the gateway does."""
    pool = RpcPool(amqp_uri, NOTIFICATION_ADMIN)
    yield lambda method, **given: pool.call(method, until=time.monotonic() + 30, **given)
    pool.close()


def confirmed(
    bookings: BookingRepository,
    address: str = "ana@example.com",
    at: datetime | None = None,
    seat: int = 0,
) -> tuple[str, BookingStateChanged]:
    booking = put_booking(bookings, patient_name="Ana García", patient_email=address)
    step = steps.confirm(booking, seat=seat, at=at or now(), by="test")
    return booking.id, take_step(bookings, step)


def take_step(bookings: BookingRepository, transition: steps.Transition) -> BookingStateChanged:
    bookings.apply(transition)
    return BookingStateChanged.of(transition)


def cancelled(bookings: BookingRepository, booking_id: str) -> BookingStateChanged:
    current = bookings.get(booking_id)
    step = steps.cancel(current, reason="cancelled_by_patient", at=now(), by="patient")
    return take_step(bookings, step)


def moved(bookings: BookingRepository, booking_id: str) -> BookingStateChanged:
    current = bookings.get(booking_id)
    date = current.date + timedelta(days=1)
    return take_step(bookings, steps.reschedule(current, date=date, seat=0, at=now(), by="patient"))


def record_outcome(delivery_log: DeliveryLog, event: BookingStateChanged, state: State) -> None:
    claim = delivery_log.claim(event)
    assert claim is not None
    delivery_log.record_outcome(claim, state)


def told(admin: NotificationAdmin, booking_id: str) -> list[tuple[Any, ...]]:
    """What the list says of each notification, in short."""
    fields = ("version", "channel", "state", "canResend")
    return [tuple(each[field] for field in fields) for each in admin.read(booking_id)]


def references(mailbox: Mailbox) -> list[str]:
    """What the Message-IDs of all letters are made of, without the booking and the domain."""
    ids = [letter["Message-ID"].strip("<>").partition("@")[0] for letter in mailbox.letters()]
    return [each.partition(".")[2] for each in ids]


def resent(channel: str = "email") -> float:
    return float(MANUAL_RESENDS.labels(channel)._value.get())


def sent(admin: NotificationAdmin, booking_id: str, tries: int, channel: str = "email") -> bool:
    rows = [each for each in admin.read(booking_id) if each["channel"] == channel]
    return (rows[-1]["state"], rows[-1]["tries"]) == ("sent", tries)


def test_each_step_is_listed_over_each_channel_in_order(
    admin: NotificationAdmin, bookings: BookingRepository, database: Database[Any]
) -> None:
    booking_id, confirmation = confirmed(bookings)
    cancelled(bookings, booking_id)
    for channel in ("webhook", "reminder", "email"):
        record_outcome(DeliveryLog(database, channel, 60), confirmation, State.SENT)
    assert told(admin, booking_id) == [
        (2, "email", "sent", False),
        (2, "reminder", "sent", False),
        (2, "webhook", "sent", True),
        (3, "email", "waiting", True),
    ]


def test_each_step_is_listed_of_a_booking_that_was_moved_again_and_again(
    admin: NotificationAdmin, bookings: BookingRepository, database: Database[Any]
) -> None:
    booking_id, confirmation = confirmed(bookings)
    other_id, other = confirmed(bookings, seat=1)
    events = [confirmation, *(moved(bookings, booking_id) for _ in range(3))]
    events.append(cancelled(bookings, booking_id))
    channels = ("email", "reminder", "webhook")
    for channel in channels:
        for event in (*events, other):
            record_outcome(DeliveryLog(database, channel, 60), event, State.SENT)
    listed = [(version, channel) for version, channel, *_ in told(admin, booking_id)]
    assert listed == [(version, channel) for version in range(2, 7) for channel in channels]
    assert len(told(admin, other_id)) == 3


def test_a_step_that_was_taken_since_the_booking_was_read_is_listed_the_next_time(
    notifications: Notifications, bookings: BookingRepository, delivery_log: DeliveryLog
) -> None:
    booking_id, _ = confirmed(bookings)
    read = bookings.get(booking_id)
    record_outcome(delivery_log, cancelled(bookings, booking_id), State.SENT)
    assert [each.version for each in notifications.of(read)] == [2]
    assert [each.version for each in notifications.of(bookings.get(booking_id))] == [2, 3]


def test_a_row_says_what_became_of_a_step_and_when(
    admin: NotificationAdmin,
    bookings: BookingRepository,
    delivery_log: DeliveryLog,
    database: Database[Any],
) -> None:
    booking_id, event = confirmed(bookings)
    record_outcome(delivery_log, event, State.FAILED)
    at = database["notifications"].find_one({"bookingId": booking_id})["updatedAt"]
    assert admin.read(booking_id) == [
        {
            "version": 2,
            "status": "confirmed",
            "channel": "email",
            "state": "failed",
            "tries": 1,
            "at": to_wire(at),
            "canResend": True,
        }
    ]


def test_a_step_that_nobody_has_begun_to_tell_waits_since_it_was_taken(
    admin: NotificationAdmin, bookings: BookingRepository
) -> None:
    booking_id, event = confirmed(bookings)
    (row,) = admin.read(booking_id)
    assert (row["state"], row["tries"], row["at"]) == ("waiting", 0, to_wire(event.occurred_at))


def test_of_a_request_nobody_is_told(admin: NotificationAdmin, bookings: BookingRepository) -> None:
    assert admin.read(put_booking(bookings).id) == []


@pytest.mark.parametrize("booking_id", [NOBODY, "nobody", {"$ne": None}, 7])
def test_of_no_booking_nothing_is_told(admin: NotificationAdmin, booking_id: Any) -> None:
    with pytest.raises(BookingNotFound):
        admin.read(booking_id)
    with pytest.raises(BookingNotFound):
        admin.resend(booking_id, 2, "email", "staff")


def test_a_letter_that_was_sent_is_sent_again_under_another_message_id(
    start: Callable[..., None],
    call: Callable[..., Any],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    booking_id, event = confirmed(bookings)
    asked, before = {"booking_id": booking_id, "version": 2, "channel": "email"}, resent()
    start(NotificationService, NotificationAdminService)
    call("resend", **asked, by="staff")
    eventually(lambda: sent(admin, booking_id, tries=1))
    monkeypatch.setattr("notification_service.notification_admin.PAUSE", timedelta(0))
    for tries in (2, 3):
        row = call("resend", **asked, by="staff")
        assert (row["version"], row["state"], row["canResend"]) == (2, "postponed", True)
        eventually(lambda tries=tries: sent(admin, booking_id, tries))
    assert references(mailbox) == ["2", "2.resend1", "2.resend2"]
    first, *copies = mailbox.letters()
    texts = [each.get_body(("plain",)).get_content() for each in (first, *copies)]
    assert texts == texts[:1] * 3
    assert resent() == before + 3
    asking = [each for each in caplog.records if "requested a resend" in each.getMessage()]
    assert asking[0].getMessage() == "staff requested a resend: email"
    assert asking[0].event_id == event.event_id  # type: ignore[attr-defined]
    assert "ana@" not in caplog.text.lower()
    assert "garc" not in caplog.text.lower()
    (row,) = call("list_notifications", booking_id=booking_id)
    assert (row["state"], row["tries"], row["canResend"]) == ("sent", 3, True)


def test_a_letter_that_was_given_up_is_sent_once_its_fault_is_mended(
    start: Callable[..., None],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    database: Database[Any],
    mailbox: Mailbox,
    amqp_uri: str,
) -> None:
    booking_id, _ = confirmed(bookings, address="refused@example.com")
    start(NotificationService)
    admin.resend(booking_id, 2, "email", "staff")  # its own event is not on its way in this test
    eventually(lambda: told(admin, booking_id) == [(2, "email", "failed", True)])
    database["bookings"].update_one(
        {"_id": booking_id}, {"$set": {"patientEmail": "ana@example.com"}}
    )
    admin.resend(booking_id, 2, "email", "staff")
    eventually(lambda: sent(admin, booking_id, tries=2))
    assert references(mailbox) == ["2.resend1"]


def test_the_event_of_what_is_sent_again_is_that_of_the_step_and_goes_to_its_channel_only(
    admin: NotificationAdmin, bookings: BookingRepository, delivery_log: DeliveryLog, amqp_uri: str
) -> None:
    booking_id, event = confirmed(bookings)
    record_outcome(delivery_log, event, State.SENT)
    with subscriber(amqp_uri, "booking_notifications") as heard:
        admin.resend(booking_id, 2, "email", "staff")
        message = eventually(lambda: take(amqp_uri, EMAIL.name))
        assert heard() == []
    assert body_of(message) == event.to_body()
    assert depth(amqp_uri, EMAIL.name) == depth(amqp_uri, WEBHOOK.name) == 0


def test_tries_of_one_sending_have_one_message_id(
    delivery: Delivery[OutgoingEmail],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    database: Database[Any],
    mailbox: Mailbox,
) -> None:
    booking_id, event = confirmed(bookings, address="silent@example.com")
    delivery.delivery_log = DeliveryLog(database, "email", lease_seconds=0)
    for asks in (False, False, True, False):
        if asks:
            admin.resend(booking_id, 2, "email", "staff")
        with pytest.raises(DeliveryOutcomeUnknown):
            delivery.deliver(event)
    assert references(mailbox) == ["2", "2", "2.resend1", "2.resend1"]


def test_of_two_who_ask_at_once_one_is_heard(
    admin: NotificationAdmin, bookings: BookingRepository, delivery_log: DeliveryLog, amqp_uri: str
) -> None:
    booking_id, event = confirmed(bookings)
    record_outcome(delivery_log, event, State.SENT)
    (read,) = admin.notifications.of(bookings.get(booking_id))
    admin.notifications.reset_for_resend(read)
    with pytest.raises(ResendRejected):
        admin.notifications.reset_for_resend(read)


def test_a_crowd_that_asks_at_once_makes_one_letter_more(
    start: Callable[..., None],
    call: Callable[..., Any],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    delivery_log: DeliveryLog,
    mailbox: Mailbox,
    database: Database[Any],
    amqp_uri: str,
) -> None:
    booking_id, event = confirmed(bookings)
    record_outcome(delivery_log, event, State.SENT)
    start(NotificationAdminService)

    def ask() -> bool:
        try:
            call("resend", booking_id=booking_id, version=2, channel="email")
        except ResendRejected:
            return False
        return True

    crowd = [eventlet.spawn(ask) for _ in range(8)]
    heard = [each.wait() for each in crowd]
    assert any(heard)
    start(NotificationService)
    eventually(lambda: sent(admin, booking_id, tries=2))
    eventually(lambda: depth(amqp_uri, EMAIL.name) == 0)
    assert len(mailbox.letters()) == 1


def test_who_asks_again_a_moment_later_makes_no_second_letter(
    delivery: Delivery[OutgoingEmail],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    database: Database[Any],
    mailbox: Mailbox,
) -> None:
    booking_id, event = confirmed(bookings)
    delivery.deliver(event)
    admin.resend(booking_id, 2, "email", "staff")
    delivery.deliver(event)
    assert told(admin, booking_id) == [(2, "email", "sent", False)]
    with pytest.raises(ResendRejected):
        admin.resend(booking_id, 2, "email", "staff")
    database["notifications"].update_one({}, {"$set": {"updatedAt": now() - PAUSE}})
    assert told(admin, booking_id) == [(2, "email", "sent", True)]


def test_who_dies_before_the_event_is_published_leaves_a_row_that_may_be_asked_for_again(
    start: Callable[..., None],
    call: Callable[..., Any],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    delivery_log: DeliveryLog,
    mailbox: Mailbox,
) -> None:
    booking_id, event = confirmed(bookings)
    record_outcome(delivery_log, event, State.SENT)
    admin.notifications.reset_for_resend(*admin.notifications.of(bookings.get(booking_id)))
    assert told(admin, booking_id) == [(2, "email", "postponed", True)]
    start(NotificationService, NotificationAdminService)
    call("resend", booking_id=booking_id, version=2, channel="email")
    eventually(lambda: sent(admin, booking_id, tries=2))
    assert references(mailbox) == ["2.resend2"]


def test_of_a_step_of_late_a_reconciler_sends_what_was_opened_and_not_published(
    admin: NotificationAdmin,
    bookings: BookingRepository,
    delivery_log: DeliveryLog,
    database: Database[Any],
    amqp_uri: str,
) -> None:
    booking_id, event = confirmed(bookings, at=now() - timedelta(seconds=30))
    record_outcome(delivery_log, event, State.SENT)
    admin.notifications.reset_for_resend(*admin.notifications.of(bookings.get(booking_id)))
    publisher = Publisher(amqp_uri, topology.declare)
    reconciler = Reconciler(
        ChangeFeed(database), delivery_log, Watermark(database, "email"), publisher, EMAIL.name, 1
    )
    time.sleep(1.1)  # for so long it is nobody's
    reconciler.run_once()
    publisher.close()
    assert body_of(eventually(lambda: take(amqp_uri, EMAIL.name))) == event.to_body()


def test_while_the_broker_is_away_the_asker_is_told_and_may_ask_again(
    admin: NotificationAdmin,
    bookings: BookingRepository,
    delivery_log: DeliveryLog,
    broker_link: Proxy,
    amqp_uri: str,
) -> None:
    booking_id, event = confirmed(bookings)
    record_outcome(delivery_log, event, State.SENT)
    broker_link.refuse()
    with pytest.raises(BrokerUnavailable):
        admin.resend(booking_id, 2, "email", "staff")
    broker_link.restore()
    assert told(admin, booking_id) == [(2, "email", "postponed", True)]
    admin.resend(booking_id, 2, "email", "staff")
    eventually(lambda: take(amqp_uri, EMAIL.name))


def test_a_letter_about_an_earlier_step_is_not_sent_again(
    admin: NotificationAdmin, bookings: BookingRepository, delivery_log: DeliveryLog, amqp_uri: str
) -> None:
    booking_id, confirmation = confirmed(bookings)
    record_outcome(delivery_log, confirmation, State.SENT)
    cancelled(bookings, booking_id)
    with pytest.raises(ResendRejected):
        admin.resend(booking_id, 2, "email", "staff")
    assert told(admin, booking_id)[0] == (2, "email", "sent", False)
    assert depth(amqp_uri, EMAIL.name) == 0


def test_what_is_being_sent_is_not_sent_again_before_its_lease_is_over(
    admin: NotificationAdmin,
    bookings: BookingRepository,
    delivery_log: DeliveryLog,
    database: Database[Any],
    amqp_uri: str,
) -> None:
    booking_id, event = confirmed(bookings)
    delivery_log.claim(event)
    assert told(admin, booking_id) == [(2, "email", "sending", False)]
    with pytest.raises(ResendRejected):
        admin.resend(booking_id, 2, "email", "staff")
    database["notifications"].update_one({}, {"$set": {"leaseUntil": now()}})
    assert told(admin, booking_id) == [(2, "email", "sending", True)]
    admin.resend(booking_id, 2, "email", "staff")
    eventually(lambda: take(amqp_uri, EMAIL.name))


def test_a_reminder_is_not_sent_again(
    admin: NotificationAdmin, bookings: BookingRepository, database: Database[Any]
) -> None:
    booking_id, event = confirmed(bookings)
    record_outcome(DeliveryLog(database, "reminder", 60), event, State.SENT)
    with pytest.raises(ResendRejected):
        admin.resend(booking_id, 2, "reminder", "staff")


@pytest.mark.parametrize("version", [-1, 0, 1, 3, 2**70])
def test_no_step_that_nobody_is_told_of_is_sent_again(
    admin: NotificationAdmin, bookings: BookingRepository, version: int
) -> None:
    booking_id, _ = confirmed(bookings)
    for channel in ("email", "webhook", "reminder"):
        with pytest.raises(ResendRejected):
            admin.resend(booking_id, version, channel, "staff")


@pytest.mark.parametrize(
    ("version", "channel", "by"),
    [
        ("2", "email", "staff"),
        (True, "email", "staff"),
        ({"$gt": 0}, "email", "staff"),
        (2, "pigeon", "staff"),
        (2, {"$ne": "email"}, "staff"),
        (2, "email", "Ana García"),  # it would be in the log
    ],
)
def test_what_can_not_be_understood_is_refused(
    admin: NotificationAdmin, bookings: BookingRepository, version: Any, channel: Any, by: Any
) -> None:
    booking_id, _ = confirmed(bookings)
    with pytest.raises(InvalidBooking) as caught:
        admin.resend(booking_id, version, channel, by)
    assert "Ana" not in str(caught.value)


def test_a_webhook_is_sent_again_as_it_was_and_no_letter_with_it(
    receiver: Receiver,
    start: Callable[..., None],
    call: Callable[..., Any],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    mailbox: Mailbox,
) -> None:
    booking_id, confirmation = confirmed(bookings)
    cancelled(bookings, booking_id)
    start(NotificationService, WebhookService, NotificationAdminService)
    asked = {"booking_id": booking_id, "version": 2, "channel": "webhook"}
    for count in (1, 2):
        call("resend", **asked)
        eventually(lambda count=count: len(receiver.calls) == count)
        eventually(lambda count=count: (2, "webhook", "sent", True) in told(admin, booking_id))
    first, second = receiver.calls
    assert first.raw == second.raw
    assert first.event == confirmation.to_body()
    assert mailbox.letters() == []


def test_while_webhooks_are_off_none_is_sent_again(
    start: Callable[..., None],
    call: Callable[..., Any],
    bookings: BookingRepository,
    database: Database[Any],
    amqp_uri: str,
) -> None:
    booking_id, event = confirmed(bookings)
    record_outcome(DeliveryLog(database, "webhook", 60), event, State.SENT)
    start(NotificationAdminService)
    rows = call("list_notifications", booking_id=booking_id)
    assert [(each["channel"], each["canResend"]) for each in rows] == [
        ("email", True),
        ("webhook", False),
    ]
    with pytest.raises(ResendRejected):
        call("resend", booking_id=booking_id, version=2, channel="webhook")
    assert depth(amqp_uri, WEBHOOK.name) == 0


def test_an_earlier_letter_does_not_slip_in_while_a_later_one_is_sent_again(
    delivery: Delivery[OutgoingEmail],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    mailbox: Mailbox,
) -> None:
    booking_id, confirmation = confirmed(bookings)
    delivery.deliver(cancelled(bookings, booking_id))
    admin.resend(booking_id, 3, "email", "staff")
    delivery.deliver(confirmation)
    assert references(mailbox) == ["3"]
    assert told(admin, booking_id)[0] == (2, "email", "superseded", False)


def test_a_sender_who_was_waited_out_does_not_settle_what_is_sent_again(
    admin: NotificationAdmin, bookings: BookingRepository, database: Database[Any]
) -> None:
    booking_id, event = confirmed(bookings)
    slow = DeliveryLog(database, "email", lease_seconds=0)
    claim = slow.claim(event)
    assert claim is not None
    admin.resend(booking_id, 2, "email", "staff")
    slow.record_outcome(claim, State.SENT)
    assert told(admin, booking_id) == [(2, "email", "postponed", True)]


def test_an_old_letter_that_is_sent_again_waits_for_the_mail_server_as_a_new_one_does(
    delivery: Delivery[OutgoingEmail],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    database: Database[Any],
    mailbox: Mailbox,
) -> None:
    booking_id, event = confirmed(
        bookings, address="later@example.com", at=now() - timedelta(days=3)
    )
    with pytest.raises(DeliveryExpired):
        delivery.deliver(event)
    delivery.give_up(event, DeliveryExpired.code)
    admin.resend(booking_id, 2, "email", "staff")
    with pytest.raises(ChannelUnavailable):
        delivery.deliver(event)
    mailbox.open()
    delivery.deliver(event)
    assert references(mailbox) == ["2.resend1"]


def test_a_replay_of_what_was_sent_again_since_changes_nothing(
    delivery: Delivery[OutgoingEmail],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    mailbox: Mailbox,
) -> None:
    booking_id, event = confirmed(bookings)
    delivery.deliver(event)
    admin.resend(booking_id, 2, "email", "staff")
    delivery.deliver(event)
    delivery.deliver(event, is_replay=True)
    assert references(mailbox) == ["2", "2.resend1"]


def test_the_gateway_reaches_the_desk_and_tells_what_it_refuses_as_a_conflict(
    start: Callable[..., None],
    config: dict[str, Any],
    bookings: BookingRepository,
    database: Database[Any],
    amqp_uri: str,
) -> None:
    booking_id, _ = confirmed(bookings)
    cancelled(bookings, booking_id)
    start(NotificationAdminService)
    pool = RpcPool(amqp_uri, NOTIFICATION_ADMIN)
    parts = create_repository(database, settings(config))
    app = create_app(*parts, GatewaySettings(), NO_SERVICE, pool)
    admin = app.config["NOTIFICATION_ADMIN"]
    asked = {"booking_id": booking_id, "version": 2, "channel": "email", "by": "staff"}
    with app.test_request_context(), pytest.raises(ResendRejected) as caught:
        admin.call("resend", until=time.monotonic() + 30, **asked)
    with app.test_request_context(f"/booking/{booking_id}"):
        answer: Any = app.handle_user_exception(caught.value)
    pool.close()
    assert (answer.status_code, answer.get_json()["code"]) == (409, "not_resendable")
