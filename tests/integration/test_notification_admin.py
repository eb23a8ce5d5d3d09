"""The notifications of a booking as staff see them, and their manual resends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
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
from tests.clinics import confirm_seat, move_to
from tests.conftest import eventually
from tests.mailbox import Mailbox
from tests.proxy import Proxy
from tests.receiver import Receiver, receiving
from tests.rpc import NO_SERVICE

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def mailbox(mailbox: Mailbox, config: dict[str, Any]) -> Mailbox:
    config["SMTP"] |= {"host": "127.0.0.1", "port": mailbox.port}
    return mailbox


@pytest.fixture
def endpoint(config: dict[str, Any]) -> Iterator[Receiver]:
    """The webhook endpoint; webhooks are disabled in tests that do not use it."""
    with receiving() as endpoint:
        config["WEBHOOK"] = {"url": endpoint.url, "secret": "known to the receiver"}
        yield endpoint


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
    composer = EmailComposer(own.sender, own.zone, own.slot)
    return Delivery(bookings, delivery_log, own.channel, composer.compose, OutgoingEmail.for_resend)


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
    """Call the notification admin as the gateway does."""
    pool = RpcPool(amqp_uri, NOTIFICATION_ADMIN)
    yield lambda method, **arguments: pool.call(method, until=time.monotonic() + 30, **arguments)
    pool.close()


def confirmed(
    bookings: BookingRepository,
    address: str = "ana@example.com",
    at: datetime | None = None,
    seat: int = 0,
) -> tuple[str, BookingStateChanged]:
    booking = put_booking(bookings, patient_name="Ana García", patient_email=address)
    transition = confirm_seat(booking, seat, at=at or now(), by="test")
    return booking.id, apply(bookings, transition)


def apply(bookings: BookingRepository, transition: steps.Transition) -> BookingStateChanged:
    bookings.apply(transition)
    return BookingStateChanged.of(transition)


def cancelled(bookings: BookingRepository, booking_id: str) -> BookingStateChanged:
    current = bookings.get(booking_id)
    transition = steps.cancel(current, reason="cancelled_by_patient", at=now(), by="patient")
    return apply(bookings, transition)


def rescheduled(bookings: BookingRepository, booking_id: str) -> BookingStateChanged:
    current = bookings.get(booking_id)
    date = current.date + timedelta(days=1)
    return apply(
        bookings,
        move_to(current, date, at=now(), by="patient"),
    )


def record_outcome(delivery_log: DeliveryLog, event: BookingStateChanged, state: State) -> None:
    claim = delivery_log.claim(event)
    assert claim is not None
    delivery_log.record_outcome(claim, state)


def summarized(admin: NotificationAdmin, booking_id: str) -> list[tuple[Any, ...]]:
    """A summary of each listed notification."""
    fields = ("version", "channel", "state", "canResend")
    return [tuple(each[field] for field in fields) for each in admin.read(booking_id)]


def message_ids(mailbox: Mailbox) -> list[str]:
    """The Message-IDs of all emails, without the booking and the domain."""
    ids = [email["Message-ID"].strip("<>").partition("@")[0] for email in mailbox.emails()]
    return [each.partition(".")[2] for each in ids]


def resent(channel: str = "email") -> float:
    return float(MANUAL_RESENDS.labels(channel)._value.get())


def is_sent(admin: NotificationAdmin, booking_id: str, tries: int, channel: str = "email") -> bool:
    rows = [each for each in admin.read(booking_id) if each["channel"] == channel]
    return (rows[-1]["state"], rows[-1]["tries"]) == ("sent", tries)


def test_each_transition_is_listed_per_channel_in_order(
    admin: NotificationAdmin, bookings: BookingRepository, database: Database[Any]
) -> None:
    booking_id, confirmation = confirmed(bookings)
    cancelled(bookings, booking_id)
    for channel in ("webhook", "reminder", "email"):
        record_outcome(DeliveryLog(database, channel, 60), confirmation, State.SENT)
    assert summarized(admin, booking_id) == [
        (2, "email", "sent", False),
        (2, "reminder", "sent", False),
        (2, "webhook", "sent", True),
        (3, "email", "waiting", True),
    ]


def test_each_transition_of_a_repeatedly_rescheduled_booking_is_listed(
    admin: NotificationAdmin, bookings: BookingRepository, database: Database[Any]
) -> None:
    booking_id, confirmation = confirmed(bookings)
    other_id, other = confirmed(bookings, seat=1)
    events = [confirmation, *(rescheduled(bookings, booking_id) for _ in range(3))]
    events.append(cancelled(bookings, booking_id))
    channels = ("email", "reminder", "webhook")
    for channel in channels:
        for event in (*events, other):
            record_outcome(DeliveryLog(database, channel, 60), event, State.SENT)
    listed = [(version, channel) for version, channel, *_ in summarized(admin, booking_id)]
    assert listed == [(version, channel) for version in range(2, 7) for channel in channels]
    assert len(summarized(admin, other_id)) == 3


def test_a_transition_after_the_booking_was_read_is_listed_at_the_next_read(
    notifications: Notifications, bookings: BookingRepository, delivery_log: DeliveryLog
) -> None:
    booking_id, _ = confirmed(bookings)
    read = bookings.get(booking_id)
    record_outcome(delivery_log, cancelled(bookings, booking_id), State.SENT)
    assert [each.version for each in notifications.of(read)] == [2]
    assert [each.version for each in notifications.of(bookings.get(booking_id))] == [2, 3]


def test_a_row_reports_the_outcome_of_a_notification_and_its_time(
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


def test_an_unclaimed_notification_is_waiting_since_its_transition(
    admin: NotificationAdmin, bookings: BookingRepository
) -> None:
    booking_id, event = confirmed(bookings)
    (row,) = admin.read(booking_id)
    assert (row["state"], row["tries"], row["at"]) == ("waiting", 0, to_wire(event.occurred_at))


def test_a_pending_request_has_no_notifications(
    admin: NotificationAdmin, bookings: BookingRepository
) -> None:
    assert admin.read(put_booking(bookings).id) == []


@pytest.mark.parametrize("booking_id", [UNKNOWN, "nobody", {"$ne": None}, 7])
def test_notifications_of_an_unknown_booking_are_not_found(
    admin: NotificationAdmin, booking_id: Any
) -> None:
    with pytest.raises(BookingNotFound):
        admin.read(booking_id)
    with pytest.raises(BookingNotFound):
        admin.resend(booking_id, 2, "email", "staff")


def test_a_sent_email_is_resent_under_another_message_id(
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
    arguments, before = {"booking_id": booking_id, "version": 2, "channel": "email"}, resent()
    start(NotificationService, NotificationAdminService)
    call("resend", **arguments, by="staff")
    eventually(lambda: is_sent(admin, booking_id, tries=1))
    monkeypatch.setattr("notification_service.notification_admin.PAUSE", timedelta(0))
    for tries in (2, 3):
        row = call("resend", **arguments, by="staff")
        assert (row["version"], row["state"], row["canResend"]) == (2, "postponed", True)
        eventually(lambda tries=tries: is_sent(admin, booking_id, tries))
    assert message_ids(mailbox) == ["2", "2.resend1", "2.resend2"]
    first, *copies = mailbox.emails()
    texts = [each.get_body(("plain",)).get_content() for each in (first, *copies)]
    assert texts == texts[:1] * 3
    assert resent() == before + 3
    log_records = [each for each in caplog.records if "requested a resend" in each.getMessage()]
    assert log_records[0].getMessage() == "staff requested a resend: email"
    assert log_records[0].event_id == event.event_id  # type: ignore[attr-defined]
    assert "ana@" not in caplog.text.lower()
    assert "garc" not in caplog.text.lower()
    (row,) = call("list_notifications", booking_id=booking_id)
    assert (row["state"], row["tries"], row["canResend"]) == ("sent", 3, True)


def test_a_failed_email_is_sent_by_a_resend_once_its_address_is_fixed(
    start: Callable[..., None],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    database: Database[Any],
    mailbox: Mailbox,
) -> None:
    booking_id, _ = confirmed(bookings, address="refused@example.com")
    start(NotificationService)
    admin.resend(booking_id, 2, "email", "staff")  # this test does not publish the event itself
    eventually(lambda: summarized(admin, booking_id) == [(2, "email", "failed", True)])
    database["bookings"].update_one(
        {"_id": booking_id}, {"$set": {"patientEmail": "ana@example.com"}}
    )
    admin.resend(booking_id, 2, "email", "staff")
    eventually(lambda: is_sent(admin, booking_id, tries=2))
    assert message_ids(mailbox) == ["2.resend1"]


def test_a_resend_publishes_the_original_event_to_its_channel_only(
    admin: NotificationAdmin, bookings: BookingRepository, delivery_log: DeliveryLog, amqp_uri: str
) -> None:
    booking_id, event = confirmed(bookings)
    record_outcome(delivery_log, event, State.SENT)
    with subscriber(amqp_uri, "booking_notifications") as received:
        admin.resend(booking_id, 2, "email", "staff")
        message = eventually(lambda: take(amqp_uri, EMAIL.name))
        assert received() == []
    assert body_of(message) == event.to_body()
    assert depth(amqp_uri, EMAIL.name) == depth(amqp_uri, WEBHOOK.name) == 0


def test_all_tries_of_one_resend_share_a_message_id(
    delivery: Delivery[OutgoingEmail],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    database: Database[Any],
    mailbox: Mailbox,
) -> None:
    booking_id, event = confirmed(bookings, address="silent@example.com")
    delivery.delivery_log = DeliveryLog(database, "email", lease_seconds=0)
    for is_resend in (False, False, True, False):
        if is_resend:
            admin.resend(booking_id, 2, "email", "staff")
        with pytest.raises(DeliveryOutcomeUnknown):
            delivery.deliver(event)
    assert message_ids(mailbox) == ["2", "2", "2.resend1", "2.resend1"]


def test_one_of_two_concurrent_resends_is_accepted(
    admin: NotificationAdmin, bookings: BookingRepository, delivery_log: DeliveryLog
) -> None:
    booking_id, event = confirmed(bookings)
    record_outcome(delivery_log, event, State.SENT)
    (read,) = admin.notifications.of(bookings.get(booking_id))
    admin.notifications.reset_for_resend(read)
    with pytest.raises(ResendRejected):
        admin.notifications.reset_for_resend(read)


def test_concurrent_resend_requests_send_one_more_email(
    start: Callable[..., None],
    call: Callable[..., Any],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    delivery_log: DeliveryLog,
    mailbox: Mailbox,
    amqp_uri: str,
) -> None:
    booking_id, event = confirmed(bookings)
    record_outcome(delivery_log, event, State.SENT)
    start(NotificationAdminService)

    def request_resend() -> bool:
        try:
            call("resend", booking_id=booking_id, version=2, channel="email")
        except ResendRejected:
            return False
        return True

    resends = [eventlet.spawn(request_resend) for _ in range(8)]
    accepted = [each.wait() for each in resends]
    assert any(accepted)
    start(NotificationService)
    eventually(lambda: is_sent(admin, booking_id, tries=2))
    eventually(lambda: depth(amqp_uri, EMAIL.name) == 0)
    assert len(mailbox.emails()) == 1


def test_a_resend_right_after_another_is_rejected(
    delivery: Delivery[OutgoingEmail],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    database: Database[Any],
) -> None:
    booking_id, event = confirmed(bookings)
    delivery.deliver(event)
    admin.resend(booking_id, 2, "email", "staff")
    delivery.deliver(event)
    assert summarized(admin, booking_id) == [(2, "email", "sent", False)]
    with pytest.raises(ResendRejected):
        admin.resend(booking_id, 2, "email", "staff")
    database["notifications"].update_one({}, {"$set": {"updatedAt": now() - PAUSE}})
    assert summarized(admin, booking_id) == [(2, "email", "sent", True)]


def test_a_crash_before_publishing_leaves_a_notification_that_can_be_resent(
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
    assert summarized(admin, booking_id) == [(2, "email", "postponed", True)]
    start(NotificationService, NotificationAdminService)
    call("resend", booking_id=booking_id, version=2, channel="email")
    eventually(lambda: is_sent(admin, booking_id, tries=2))
    assert message_ids(mailbox) == ["2.resend2"]


def test_the_reconciler_publishes_a_recent_resend_that_was_not_published(
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
    time.sleep(1.1)  # until then it counts as in progress
    reconciler.run_once()
    publisher.close()
    assert body_of(eventually(lambda: take(amqp_uri, EMAIL.name))) == event.to_body()


def test_a_resend_raises_while_the_broker_is_down_and_can_be_repeated(
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
    assert summarized(admin, booking_id) == [(2, "email", "postponed", True)]
    admin.resend(booking_id, 2, "email", "staff")
    eventually(lambda: take(amqp_uri, EMAIL.name))


def test_an_email_about_an_earlier_transition_cannot_be_resent(
    admin: NotificationAdmin, bookings: BookingRepository, delivery_log: DeliveryLog, amqp_uri: str
) -> None:
    booking_id, confirmation = confirmed(bookings)
    record_outcome(delivery_log, confirmation, State.SENT)
    cancelled(bookings, booking_id)
    with pytest.raises(ResendRejected):
        admin.resend(booking_id, 2, "email", "staff")
    assert summarized(admin, booking_id)[0] == (2, "email", "sent", False)
    assert depth(amqp_uri, EMAIL.name) == 0


def test_an_email_in_flight_cannot_be_resent_before_its_lease_expires(
    admin: NotificationAdmin,
    bookings: BookingRepository,
    delivery_log: DeliveryLog,
    database: Database[Any],
    amqp_uri: str,
) -> None:
    booking_id, event = confirmed(bookings)
    delivery_log.claim(event)
    assert summarized(admin, booking_id) == [(2, "email", "sending", False)]
    with pytest.raises(ResendRejected):
        admin.resend(booking_id, 2, "email", "staff")
    database["notifications"].update_one({}, {"$set": {"leaseUntil": now()}})
    assert summarized(admin, booking_id) == [(2, "email", "sending", True)]
    admin.resend(booking_id, 2, "email", "staff")
    eventually(lambda: take(amqp_uri, EMAIL.name))


def test_a_reminder_cannot_be_resent(
    admin: NotificationAdmin, bookings: BookingRepository, database: Database[Any]
) -> None:
    booking_id, event = confirmed(bookings)
    record_outcome(DeliveryLog(database, "reminder", 60), event, State.SENT)
    with pytest.raises(ResendRejected):
        admin.resend(booking_id, 2, "reminder", "staff")


@pytest.mark.parametrize("version", [-1, 0, 1, 3, 2**70])
def test_a_version_without_a_notification_cannot_be_resent(
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
        (2, "email", "Ana García"),  # it would be logged
    ],
)
def test_invalid_resend_arguments_are_rejected(
    admin: NotificationAdmin, bookings: BookingRepository, version: Any, channel: Any, by: Any
) -> None:
    booking_id, _ = confirmed(bookings)
    with pytest.raises(InvalidBooking) as caught:
        admin.resend(booking_id, version, channel, by)
    assert "Ana" not in str(caught.value)


def test_a_webhook_is_resent_unchanged_and_without_an_email(
    endpoint: Receiver,
    start: Callable[..., None],
    call: Callable[..., Any],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    mailbox: Mailbox,
) -> None:
    booking_id, confirmation = confirmed(bookings)
    cancelled(bookings, booking_id)
    start(NotificationService, WebhookService, NotificationAdminService)
    arguments = {"booking_id": booking_id, "version": 2, "channel": "webhook"}
    for count in (1, 2):
        call("resend", **arguments)
        eventually(lambda count=count: len(endpoint.calls) == count)
        eventually(
            lambda count=count: (2, "webhook", "sent", True) in summarized(admin, booking_id)
        )
    first, second = endpoint.calls
    assert first.raw == second.raw
    assert first.event == confirmation.to_body()
    assert mailbox.emails() == []


def test_a_webhook_cannot_be_resent_while_webhooks_are_disabled(
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


def test_an_earlier_email_is_superseded_while_a_later_one_is_resent(
    delivery: Delivery[OutgoingEmail],
    admin: NotificationAdmin,
    bookings: BookingRepository,
    mailbox: Mailbox,
) -> None:
    booking_id, confirmation = confirmed(bookings)
    delivery.deliver(cancelled(bookings, booking_id))
    admin.resend(booking_id, 3, "email", "staff")
    delivery.deliver(confirmation)
    assert message_ids(mailbox) == ["3"]
    assert summarized(admin, booking_id)[0] == (2, "email", "superseded", False)


def test_a_notifier_with_an_expired_lease_does_not_record_the_outcome_of_a_resend(
    admin: NotificationAdmin, bookings: BookingRepository, database: Database[Any]
) -> None:
    booking_id, event = confirmed(bookings)
    slow = DeliveryLog(database, "email", lease_seconds=0)
    claim = slow.claim(event)
    assert claim is not None
    admin.resend(booking_id, 2, "email", "staff")
    slow.record_outcome(claim, State.SENT)
    assert summarized(admin, booking_id) == [(2, "email", "postponed", True)]


def test_a_resent_old_email_is_retried_like_a_new_one(
    delivery: Delivery[OutgoingEmail],
    admin: NotificationAdmin,
    bookings: BookingRepository,
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
    assert message_ids(mailbox) == ["2.resend1"]


def test_a_replay_after_a_resend_has_no_effect(
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
    assert message_ids(mailbox) == ["2", "2.resend1"]


def test_the_gateway_returns_a_conflict_for_a_rejected_resend(
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
    arguments = {"booking_id": booking_id, "version": 2, "channel": "email", "by": "staff"}
    with app.test_request_context(), pytest.raises(ResendRejected) as caught:
        admin.call("resend", until=time.monotonic() + 30, **arguments)
    with app.test_request_context(f"/booking/{booking_id}"):
        response: Any = app.handle_user_exception(caught.value)
    pool.close()
    assert (response.status_code, response.get_json()["code"]) == (409, "not_resendable")
