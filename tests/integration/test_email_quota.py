"""The limit of emails per address, with a real mail server and a real database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import eventlet
import pytest
from pymongo.database import Database

from clinic.bookings.repository import BookingRepository
from clinic.contracts.messages import BookingStateChanged
from clinic.domain import booking as steps
from clinic.domain.booking import Booking
from clinic.domain.clock import now
from clinic.mongo.confirmed_addresses import ConfirmedAddresses
from clinic.observability.metrics import NOTIFICATIONS
from clinic.outbox.outbox import Outbox
from notification_service.delivery import Delivery
from notification_service.delivery_log import DeliveryLog
from notification_service.delivery_status import Notifications
from notification_service.email.composer import EmailComposer
from notification_service.email.email_quota import PERIOD, EmailQuota, limited_address
from notification_service.email.outgoing_email import OutgoingEmail
from notification_service.settings import notification_settings
from tests.bookings import put_booking
from tests.clinics import confirm_seat, move_to
from tests.mailbox import Mailbox
from tests.operations import Operations

ANA = "ana@example.com"
LIMIT = 3


@pytest.fixture
def bookings(database: Database[Any]) -> BookingRepository:
    return BookingRepository(database, Outbox(database, 60))


Deliver = Callable[[BookingStateChanged], None]


@pytest.fixture
def make_delivery(
    bookings: BookingRepository, config: dict[str, Any], mailbox: Mailbox
) -> Callable[[Database[Any]], Deliver]:
    """Makes notifiers over one database, each with a quota object of its own."""
    config["SMTP"] |= {"host": "127.0.0.1", "port": mailbox.port}
    own = notification_settings(config)
    composer = EmailComposer(own.sender, own.zone, own.slot)

    def make(database: Database[Any]) -> Deliver:
        delivery_log = DeliveryLog(database, "email", 60, EmailQuota(database, LIMIT))

        def deliver(event: BookingStateChanged) -> None:
            delivery: Delivery[OutgoingEmail] = Delivery(
                bookings, delivery_log, own.channel, composer.compose, limited=limited_address
            )
            delivery.deliver(event)

        return deliver

    return make


@pytest.fixture
def deliver(make_delivery: Callable[[Database[Any]], Deliver], database: Database[Any]) -> Deliver:
    return make_delivery(database)


def rejected(
    bookings: BookingRepository, address: str = ANA, by: str = "patient"
) -> BookingStateChanged:
    booking = put_booking(bookings, patient_email=address, by=by)
    return apply(bookings, steps.reject(booking, reason="slot_full", at=now(), by="booking_worker"))


def confirmed(bookings: BookingRepository, seat: int = 0) -> tuple[Booking, BookingStateChanged]:
    booking = put_booking(bookings, patient_email=ANA, by="patient")
    event = apply(
        bookings,
        confirm_seat(booking, seat, at=now(), by="booking_worker"),
    )
    return bookings.get(booking.id), event


def apply(bookings: BookingRepository, transition: steps.Transition) -> BookingStateChanged:
    bookings.apply(transition)
    return BookingStateChanged.of(transition)


def states(database: Database[Any]) -> list[str]:
    rows = database["notifications"].find({"state": {"$exists": True}})
    return [row["state"] for row in rows.sort("createdAt", 1)]


def use_up_quota(bookings: BookingRepository, deliver: Deliver) -> None:
    for _ in range(LIMIT):
        deliver(rejected(bookings))


def test_an_address_receives_no_more_emails_than_the_limit(
    deliver: Deliver, bookings: BookingRepository, mailbox: Mailbox, database: Database[Any]
) -> None:
    suppressed = NOTIFICATIONS.labels("email", "suppressed")
    before = suppressed._value.get()
    for _ in range(LIMIT + 4):
        deliver(rejected(bookings))
    deliver(rejected(bookings, "other@example.com"))
    assert [each["To"] for each in mailbox.emails()].count(ANA) == LIMIT
    assert len(mailbox.emails()) == LIMIT + 1
    assert states(database) == ["sent"] * LIMIT + ["suppressed"] * 4 + ["sent"]
    assert suppressed._value.get() - before == 4


def test_a_suppressed_email_stays_suppressed_when_its_event_is_redelivered(
    deliver: Deliver, bookings: BookingRepository, mailbox: Mailbox, database: Database[Any]
) -> None:
    use_up_quota(bookings, deliver)
    event = rejected(bookings)
    for _ in range(3):
        deliver(event)
    assert states(database) == ["sent"] * LIMIT + ["suppressed"]
    assert len(mailbox.emails()) == LIMIT


def test_a_redelivered_event_counts_once(
    deliver: Deliver, bookings: BookingRepository, mailbox: Mailbox, database: Database[Any]
) -> None:
    event = rejected(bookings)
    for _ in range(10):
        deliver(event)
    for _ in range(LIMIT - 1):
        deliver(rejected(bookings))
    assert states(database) == ["sent"] * LIMIT


def test_every_transition_by_a_patient_counts(
    deliver: Deliver, bookings: BookingRepository, mailbox: Mailbox
) -> None:
    booking, event = confirmed(bookings)
    deliver(event)
    for number in range(1, LIMIT + 3):
        date = booking.date + timedelta(hours=number)
        transition = move_to(booking, date, at=now(), by="patient")
        deliver(apply(bookings, transition))
        booking = bookings.get(booking.id)
    assert len(mailbox.emails()) == LIMIT


@pytest.mark.parametrize("by", ["staff", "rpc"])
def test_emails_about_changes_by_the_clinic_are_never_suppressed(
    deliver: Deliver, bookings: BookingRepository, mailbox: Mailbox, by: str
) -> None:
    booking, _ = confirmed(bookings)
    use_up_quota(bookings, deliver)
    transition = steps.cancel(booking, reason="cancelled_by_clinic", at=now(), by=by)
    deliver(apply(bookings, transition))
    deliver(rejected(bookings, by=by))
    assert len(mailbox.emails()) == LIMIT + 2


def test_a_confirmed_address_has_no_limit(
    deliver: Deliver, bookings: BookingRepository, mailbox: Mailbox, database: Database[Any]
) -> None:
    use_up_quota(bookings, deliver)
    ConfirmedAddresses(database).add("Ana@example.com")
    ConfirmedAddresses(database).add(ANA)
    for _ in range(4):
        deliver(rejected(bookings))
    assert len(mailbox.emails()) == LIMIT + 4


def test_the_limit_resets_after_a_day(
    deliver: Deliver, bookings: BookingRepository, mailbox: Mailbox, database: Database[Any]
) -> None:
    use_up_quota(bookings, deliver)
    a_day_ago = {"$set": {"takenAt": now() - PERIOD}}
    database["notifications"].update_many({}, a_day_ago)
    for _ in range(LIMIT + 2):
        deliver(rejected(bookings))
    assert len(mailbox.emails()) == 2 * LIMIT


def test_staff_can_resend_a_suppressed_email(
    deliver: Deliver, bookings: BookingRepository, mailbox: Mailbox, database: Database[Any]
) -> None:
    use_up_quota(bookings, deliver)
    event = rejected(bookings)
    deliver(event)
    notifications = Notifications(database)
    (suppressed,) = notifications.of(bookings.get(event.booking_id))
    notifications.reset_for_resend(suppressed)
    deliver(event)
    assert len(mailbox.emails()) == LIMIT + 1


def test_concurrent_notifiers_share_one_limit(
    make_delivery: Callable[[Database[Any]], Deliver],
    bookings: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    notifiers = [make_delivery(database) for _ in range(2)]
    events = [rejected(bookings) for _ in range(20)]
    deliveries = [eventlet.spawn(notifiers[n % 2], event) for n, event in enumerate(events)]
    for delivery in deliveries:
        delivery.wait()
    assert sorted(states(database)) == ["sent"] * LIMIT + ["suppressed"] * (20 - LIMIT)
    assert [each["To"] for each in mailbox.emails()].count(ANA) == LIMIT


def test_the_quota_adds_no_operation_to_an_ordinary_email(
    make_delivery: Callable[[Database[Any]], Deliver],
    bookings: BookingRepository,
    counted: Database[Any],
    operations: Operations,
) -> None:
    notifier = make_delivery(counted)
    event = rejected(bookings)
    operations.clear()
    notifier(event)
    assert operations.names == ["insert", "update"]


def test_the_delivery_log_contains_no_email_address(
    deliver: Deliver, bookings: BookingRepository, database: Database[Any]
) -> None:
    deliver(rejected(bookings))
    found = list(database["notifications"].find())
    assert len(found) == 2
    assert ANA not in repr(found)
