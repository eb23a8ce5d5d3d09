"""Reminders: one per booking and version, also after an outage, never after a cancellation.

Instead of waiting a day, tests confirm bookings in the past or replace the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import eventlet
import pytest
from pymongo.database import Database

from clinic.bookings.confirmed_appointments import UpcomingAppointments
from clinic.bookings.repository import BookingRepository
from clinic.contracts.messages import BookingStateChanged
from clinic.domain import booking as steps
from clinic.domain.booking import Booking
from clinic.domain.clock import now
from clinic.errors import ChannelUnavailable, DatabaseUnavailable
from clinic.observability.metrics import NOTIFICATIONS
from clinic.outbox.outbox import Outbox
from notification_service.channels.email_channel import Channel, SmtpChannel
from notification_service.delivery_log import DeliveryLog, State
from notification_service.email import composer as writing
from notification_service.email.composer import EmailComposer
from notification_service.email.content import EmailContent
from notification_service.email.outgoing_email import OutgoingEmail
from notification_service.notification_dependencies import EmailDeliveryProvider
from notification_service.reminders import reminders as reminding
from notification_service.reminders.reminders import Reminders
from notification_service.service import NotificationService
from notification_service.settings import notification_settings
from tests.bookings import put_booking
from tests.clinics import confirm_seat, move_to
from tests.conftest import eventually
from tests.mailbox import Mailbox

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
#: When the bookings of these tests were requested and confirmed.
LONG_AGO = now() - 10 * DAY


class Crash(BaseException):
    """Simulates the crash of a process: our code does not catch it."""


@pytest.fixture
def store(database: Database[Any]) -> BookingRepository:
    return BookingRepository(database, Outbox(database, 60))


@pytest.fixture
def make(
    database: Database[Any], store: BookingRepository, config: dict[str, Any], mailbox: Mailbox
) -> Callable[..., Reminders]:
    """Make the reminders of one notifier."""
    config["SMTP"] |= {"host": "127.0.0.1", "port": mailbox.port}
    own = notification_settings(config)
    writer = EmailComposer(own.sender, own.zone, own.slot)

    def make(
        clock: Callable[[], datetime] = now,
        lease_seconds: float = 60,
        channel: Channel = own.channel,
        page: int = 200,
    ) -> Reminders:
        delivery_log = DeliveryLog(database, "reminder", lease_seconds)
        upcoming = UpcomingAppointments(database, page)
        return Reminders(
            upcoming, store, delivery_log, channel, writer.compose_reminder, DAY, clock
        )

    return make


@pytest.fixture
def reminders(make: Callable[..., Reminders]) -> Reminders:
    return make()


def confirmed(
    store: BookingRepository, ahead: timedelta = 20 * HOUR, at: datetime = LONG_AGO, **fields: Any
) -> Booking:
    """Create a booking that was confirmed at `at`, for an appointment `ahead` of now."""
    booking = put_booking(store, date=now() + ahead, at=at, **fields)
    store.apply(confirm_seat(booking, at=at, by="test"))
    return store.get(booking.id)


def cancel(store: BookingRepository, booking: Booking) -> None:
    current = store.get(booking.id)
    store.apply(steps.cancel(current, reason="cancelled_by_patient", at=now(), by="patient"))


def rows(database: Database[Any]) -> dict[str, str]:
    return {row["_id"]: row["state"] for row in database["notifications"].find()}


def key(booking: Booking) -> str:
    return f"{booking.id}:{booking.version}:reminder"


def recipients(mailbox: Mailbox) -> list[str]:
    return [email["X-Recipient"] for email in mailbox.emails()]


def expire_leases(database: Database[Any]) -> None:
    database["notifications"].update_many({}, {"$set": {"leaseUntil": now() - MINUTE}})


# --- due reminders


def test_a_patient_is_reminded_the_day_before(
    reminders: Reminders, store: BookingRepository, mailbox: Mailbox, database: Database[Any]
) -> None:
    booking = confirmed(store, patient_email="ana@example.com")
    reminders.run_once()
    (email,) = mailbox.emails()
    assert email["To"] == "ana@example.com"
    assert email["Subject"] == "Recordatorio de su cita"
    assert email["Message-ID"] == f"<{booking.id}.2.reminder@clinica.example>"
    assert booking.id in email.get_body(("plain",)).get_content()
    assert rows(database) == {key(booking): "sent"}


def test_a_patient_is_reminded_once(
    reminders: Reminders, make: Callable[..., Reminders], store: BookingRepository, mailbox: Mailbox
) -> None:
    confirmed(store)
    for each in (reminders, reminders, make()):
        each.run_once()
    assert len(mailbox.emails()) == 1


def test_the_language_is_that_of_the_booking(
    reminders: Reminders, store: BookingRepository, mailbox: Mailbox
) -> None:
    confirmed(store, language="en")
    reminders.run_once()
    assert mailbox.emails()[0]["Subject"] == "Reminder of your appointment"


def test_the_earliest_appointment_is_reminded_first(
    reminders: Reminders, store: BookingRepository, mailbox: Mailbox
) -> None:
    for hours in (9, 3, 6):
        confirmed(store, hours * HOUR, patient_email=f"at{hours}@example.com")
    reminders.run_once()
    assert recipients(mailbox) == [f"at{hours}@example.com" for hours in (3, 6, 9)]


def test_a_reminder_is_not_sent_before_it_is_due(
    make: Callable[..., Reminders], store: BookingRepository, mailbox: Mailbox
) -> None:
    booking = confirmed(store, 30 * HOUR)
    make(lambda: booking.date - DAY - MINUTE).run_once()
    assert mailbox.emails() == []
    make(lambda: booking.date - DAY).run_once()
    assert len(mailbox.emails()) == 1


def test_a_reminder_delayed_by_an_outage_is_sent_later(
    make: Callable[..., Reminders], store: BookingRepository, mailbox: Mailbox
) -> None:
    booking = confirmed(store, 30 * HOUR)
    make(lambda: booking.date - HOUR).run_once()
    assert len(mailbox.emails()) == 1


def test_a_reminder_in_the_last_hour_is_skipped_and_logged(
    make: Callable[..., Reminders],
    store: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    booking = confirmed(store)
    for _ in range(2):
        make(lambda: booking.date - HOUR + MINUTE).run_once()
    assert mailbox.emails() == []
    assert rows(database) == {key(booking): "failed"}
    assert caplog.text.count("too late for a reminder") == 1


def test_a_past_appointment_gets_no_reminder(
    make: Callable[..., Reminders], store: BookingRepository, database: Database[Any]
) -> None:
    booking = confirmed(store)
    make(lambda: booking.date + MINUTE).run_once()
    assert rows(database) == {}


@pytest.mark.parametrize(("earlier", "count"), [(-MINUTE, 0), (MINUTE, 1)])
def test_a_recently_notified_patient_is_not_reminded(
    make: Callable[..., Reminders],
    store: BookingRepository,
    mailbox: Mailbox,
    earlier: timedelta,
    count: int,
) -> None:
    date = now() + 5 * DAY
    due = date - DAY
    confirmed(store, date - now(), at=due - reminding.RECENT - earlier)
    make(lambda: date - 2 * HOUR).run_once()
    assert len(mailbox.emails()) == count


def test_a_booking_for_tomorrow_gets_no_reminder(
    reminders: Reminders, store: BookingRepository, mailbox: Mailbox
) -> None:
    confirmed(store, at=now())
    reminders.run_once()
    assert mailbox.emails() == []


def test_only_confirmed_bookings_get_reminders(
    reminders: Reminders, store: BookingRepository, mailbox: Mailbox
) -> None:
    put_booking(store, date=now() + 2 * HOUR, at=LONG_AGO)
    cancel(store, confirmed(store))
    reminders.run_once()
    assert mailbox.emails() == []


def test_a_rescheduled_booking_gets_a_new_reminder(
    make: Callable[..., Reminders], store: BookingRepository, mailbox: Mailbox
) -> None:
    booking = confirmed(store)
    make().run_once()
    moved = now() + 6 * DAY
    store.apply(move_to(booking, moved, at=now(), by="patient"))
    make().run_once()
    assert len(mailbox.emails()) == 1
    make(lambda: moved - DAY).run_once()
    message_ids = [email["Message-ID"].partition("@")[0] for email in mailbox.emails()]
    assert message_ids == [f"<{booking.id}.{version}.reminder" for version in (2, 3)]


@pytest.mark.parametrize("together", [1, 2, 3, 7])
def test_paging_omits_no_appointments_of_one_slot(
    make: Callable[..., Reminders], store: BookingRepository, mailbox: Mailbox, together: int
) -> None:
    dates = [now() + hours * HOUR for hours in (2, 3, 4)]
    for date in dates:
        for seat in range(together):
            booking = put_booking(store, date=date, at=LONG_AGO)
            store.apply(confirm_seat(booking, seat, at=LONG_AGO, by="test"))
    make(page=3).run_once()
    assert len(mailbox.emails()) == 3 * together


# --- concurrency and crashes


def test_several_notifiers_remind_each_patient_once(
    make: Callable[..., Reminders], store: BookingRepository, mailbox: Mailbox
) -> None:
    addresses = {f"ana{number}@example.com" for number in range(12)}
    for number, address in enumerate(sorted(addresses)):
        confirmed(store, (2 + number) * HOUR, patient_email=address)
    for worker in [eventlet.spawn(make().run_once) for _ in range(4)]:
        worker.wait()
    assert sorted(recipients(mailbox)) == sorted(addresses)


@pytest.mark.parametrize(
    ("kind", "method"), [(DeliveryLog, "claim"), (BookingRepository, "get"), (SmtpChannel, "send")]
)
def test_a_reminder_interrupted_by_a_crash_is_sent_by_another_notifier(
    make: Callable[..., Reminders],
    store: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
    monkeypatch: pytest.MonkeyPatch,
    kind: type,
    method: str,
) -> None:
    booking = confirmed(store)
    with monkeypatch.context() as crashing:
        crashing.setattr(kind, method, crash)
        with pytest.raises(Crash):
            make().run_once()
    assert mailbox.emails() == []
    expire_leases(database)
    make().run_once()
    assert len(mailbox.emails()) == 1
    assert rows(database) == {key(booking): "sent"}


def test_a_crash_between_sending_and_recording_causes_a_duplicate(
    make: Callable[..., Reminders],
    store: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    confirmed(store)
    with monkeypatch.context() as crashing:
        crashing.setattr(DeliveryLog, "record_outcome", crash)
        with pytest.raises(Crash):
            make().run_once()
    make().run_once()  # nothing happens until the lease expires
    assert len(mailbox.emails()) == 1
    expire_leases(database)
    make().run_once()
    make().run_once()
    one, other = mailbox.emails()
    assert one["Message-ID"] == other["Message-ID"]


def test_a_reminder_that_crashes_notifiers_is_abandoned(
    make: Callable[..., Reminders],
    store: BookingRepository,
    database: Database[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    booking = confirmed(store)
    crashes = 0
    monkeypatch.setattr(SmtpChannel, "send", crash)
    for _ in range(10):
        try:
            make().run_once()
        except Crash:
            crashes += 1
        expire_leases(database)
    assert crashes == reminding.MAX_UNKNOWN_OUTCOMES
    assert rows(database) == {key(booking): "failed"}


def crash(*_args: Any, **_kwargs: Any) -> None:
    raise Crash


# --- changes after the claim


def test_a_booking_cancelled_after_the_claim_gets_no_reminder(
    make: Callable[..., Reminders],
    store: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    booking = confirmed(store)
    claim = DeliveryLog.claim

    def claim_and_cancel(delivery_log: DeliveryLog, event: BookingStateChanged) -> Any:
        claimed = claim(delivery_log, event)
        cancel(store, booking)
        return claimed

    monkeypatch.setattr(DeliveryLog, "claim", claim_and_cancel)
    make().run_once()
    assert mailbox.emails() == []
    assert rows(database) == {key(booking): "superseded"}


def test_a_booking_rescheduled_after_the_claim_gets_no_old_reminder(
    make: Callable[..., Reminders],
    store: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    booking = confirmed(store)
    claim = DeliveryLog.claim

    def claim_and_reschedule(delivery_log: DeliveryLog, event: BookingStateChanged) -> Any:
        claimed = claim(delivery_log, event)
        date = booking.date + 3 * DAY
        store.apply(move_to(booking, date, at=now(), by="patient"))
        return claimed

    with monkeypatch.context() as racing:
        racing.setattr(DeliveryLog, "claim", claim_and_reschedule)
        make().run_once()
    assert mailbox.emails() == []
    assert rows(database) == {key(booking): "superseded"}


def test_a_deleted_booking_is_recorded_as_failed(
    make: Callable[..., Reminders],
    store: BookingRepository,
    database: Database[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    booking = confirmed(store)
    claim = DeliveryLog.claim

    def claim_and_delete(delivery_log: DeliveryLog, event: BookingStateChanged) -> Any:
        database["bookings"].delete_one({"_id": event.booking_id})
        return claim(delivery_log, event)

    monkeypatch.setattr(DeliveryLog, "claim", claim_and_delete)
    make().run_once()
    assert rows(database) == {key(booking): "failed"}


# --- failures


def test_a_rejected_address_is_recorded_and_delays_no_others(
    reminders: Reminders, store: BookingRepository, mailbox: Mailbox, database: Database[Any]
) -> None:
    rejected = confirmed(store, 2 * HOUR, patient_email="refused@example.com")
    confirmed(store, 3 * HOUR, patient_email="eva@example.com")
    reminders.run_once()
    reminders.run_once()
    assert recipients(mailbox) == ["eva@example.com"]
    assert rows(database)[key(rejected)] == "failed"


def test_a_temporary_failure_is_retried_by_a_later_run(
    reminders: Reminders, store: BookingRepository, mailbox: Mailbox, database: Database[Any]
) -> None:
    booking = confirmed(store, patient_email="later@example.com")
    reminders.run_once()
    assert rows(database) == {key(booking): "postponed"}
    mailbox.open()
    reminders.run_once()  # skipped until its lease expires
    assert mailbox.emails() == []
    expire_leases(database)
    reminders.run_once()
    assert rows(database) == {key(booking): "sent"}


class UnavailableChannel:
    """A channel whose mail server is unreachable."""

    longest_send_seconds = 1.0

    def __init__(self) -> None:
        self.tries = 0

    def send(self, envelope: OutgoingEmail) -> None:
        self.tries += 1
        raise ChannelUnavailable("away")


def test_a_run_ends_when_the_mail_server_is_unavailable(
    make: Callable[..., Reminders], store: BookingRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminding, "MAX_CONSECUTIVE_FAILURES", 2)
    for hours in (2, 3, 4):
        confirmed(store, hours * HOUR)
    channel = UnavailableChannel()
    with pytest.raises(ChannelUnavailable):
        make(channel=channel).run_once()
    assert channel.tries == 2


def test_a_run_is_bounded_and_the_next_continues(
    make: Callable[..., Reminders],
    store: BookingRepository,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reminding, "MAX_PER_RUN", 2)
    for hours in (2, 3, 4):
        confirmed(store, hours * HOUR)
    counts = []
    for _ in range(2):
        make().run_once()
        counts.append(len(mailbox.emails()))
    assert counts == [2, 3]


def test_a_server_that_never_answers_is_abandoned_after_several_attempts(
    make: Callable[..., Reminders],
    store: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    booking = confirmed(store, patient_email="silent@example.com")
    for _ in range(6):
        make().run_once()
        expire_leases(database)
    assert len(mailbox.emails()) == reminding.MAX_UNKNOWN_OUTCOMES
    assert rows(database) == {key(booking): "failed"}


def test_an_unexpected_error_delays_no_other_reminders(
    make: Callable[..., Reminders],
    store: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = confirmed(store, 2 * HOUR, patient_name="Broken")
    confirmed(store, 3 * HOUR, patient_email="eva@example.com")

    def fail(booking: Booking, *_args: Any, **_kwargs: Any) -> EmailContent:
        if booking.patient_name == "Broken":
            raise KeyError("ours")
        return EmailContent("Subject", "Text", "<p>")

    monkeypatch.setattr(writing, "compose_reminder", fail)
    make().run_once()
    assert recipients(mailbox) == ["eva@example.com"]
    assert rows(database)[key(broken)] == "postponed"


def test_a_database_outage_after_the_claim_postpones_the_reminder(
    make: Callable[..., Reminders],
    store: BookingRepository,
    database: Database[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    booking = confirmed(store)

    def raise_unavailable(*_args: Any) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(BookingRepository, "get", raise_unavailable)
    with pytest.raises(DatabaseUnavailable):
        make().run_once()
    assert rows(database) == {key(booking): "postponed"}


def test_reminders_are_counted(
    reminders: Reminders, store: BookingRepository, mailbox: Mailbox
) -> None:
    counter = NOTIFICATIONS.labels("reminder", State.SENT.value)
    before = counter._value.get()
    confirmed(store)
    reminders.run_once()
    assert counter._value.get() == before + 1


# --- inside the notification service


def test_the_notification_service_sends_reminders(
    config: dict[str, Any],
    mailbox: Mailbox,
    store: BookingRepository,
    container_factory: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reminding, "_INTERVAL_SECONDS", 0.1)
    config["SMTP"] |= {"host": "127.0.0.1", "port": mailbox.port}
    confirmed(store)
    container = container_factory(NotificationService, config)
    container.start()
    eventually(mailbox.emails)
    container.stop()
    assert mailbox.emails()[0]["Subject"] == "Recordatorio de su cita"


def test_disabled_reminders_are_not_started(config: dict[str, Any], container_factory: Any) -> None:
    config["REMINDER_HOURS"] = 0
    container = container_factory(NotificationService, config)
    container.start()
    (delivery,) = (
        each for each in container.dependencies if isinstance(each, EmailDeliveryProvider)
    )
    (reminders,) = (each for each in delivery.background if isinstance(each, Reminders))
    assert not reminders._task._thread.is_alive()
    container.stop()
