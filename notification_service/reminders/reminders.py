"""Reminds patients of upcoming appointments, once per version of a booking."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from clinic.bookings.confirmed_appointments import UpcomingAppointments
from clinic.bookings.reader import BookingReader
from clinic.concurrency.periodic_task import PeriodicTask
from clinic.contracts.messages import BookingStateChanged
from clinic.domain.booking import Booking, Status
from clinic.domain.clock import now
from clinic.errors import (
    BookingNotFound,
    ChannelUnavailable,
    DeliveryOutcomeUnknown,
    LeaseHeld,
    PoisonMessage,
    TransientError,
)
from notification_service.channels.email_channel import Channel
from notification_service.delivery_log import DeliveryLog, DeliveryRecord, State
from notification_service.email.outgoing_email import OutgoingEmail

logger = logging.getLogger(__name__)

#: Closer to the appointment than this, a reminder is useless.
CUTOFF = timedelta(hours=1)
#: A patient who was notified this shortly before a reminder is due gets no reminder.
RECENT = timedelta(hours=3)
#: Reminders per run; the rest wait for the next run.
MAX_PER_RUN = 500
#: After this many consecutive reminders that the mail server did not accept, the run ends.
MAX_CONSECUTIVE_FAILURES = 10
#: Attempts with an unknown outcome: each may have sent a copy or crashed its notifier.
MAX_UNKNOWN_OUTCOMES = 3

_INTERVAL_SECONDS = 60.0
_MILLISECOND = timedelta(milliseconds=1)


class Reminders:
    """A periodic task of each notifier. Claims in the delivery log prevent duplicate reminders.

    A reminder is due from `before` until `CUTOFF` before its appointment, whatever outage happens
    in between. Each is claimed, its booking is read, it is sent, and its outcome is recorded. After
    a crash, another notifier continues when the lease has expired.
    """

    def __init__(
        self,
        upcoming: UpcomingAppointments,
        bookings: BookingReader,
        delivery_log: DeliveryLog,
        channel: Channel[OutgoingEmail],
        compose: Callable[[Booking], OutgoingEmail | None],
        before: timedelta,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._upcoming = upcoming
        self._bookings = bookings
        self._delivery_log = delivery_log
        self._channel = channel
        self._compose = compose
        self._before = before
        self._clock = clock
        self._task = PeriodicTask("reminders", self.run_once, _INTERVAL_SECONDS)

    def start(self) -> None:
        if self._before:
            self._task.start()

    def stop(self) -> None:
        self._task.stop()

    def run_once(self) -> None:
        """Send the due reminders, earliest appointment first. Raises: DatabaseUnavailable, and
        ChannelUnavailable if the mail server accepts none of them."""
        failures = 0
        for count, (event, record) in enumerate(self._due()):
            if count >= MAX_PER_RUN or self._task.is_stopping:
                return
            state = self._remind(event, record)
            failures = failures + 1 if state is State.POSTPONED else 0
            if failures >= MAX_CONSECUTIVE_FAILURES:
                raise ChannelUnavailable("no reminder can be sent")

    def _due(self) -> Iterator[tuple[BookingStateChanged, DeliveryRecord | None]]:
        at = self._clock()
        since, until = at, at + self._before
        while since <= until:
            page = self._upcoming.read(since, until)
            events = [event for event in page.events if not self._was_recently_notified(event)]
            records = self._delivery_log.find_records(events)
            for event in events:
                record = records.get(event.event_id)
                # A postponed reminder waits until its lease expires, which lets others go first.
                if record is None or record.is_stale(at):
                    yield event, record
            since = page.reached + _MILLISECOND

    def _was_recently_notified(self, event: BookingStateChanged) -> bool:
        return event.occurred_at > event.date - self._before - RECENT

    def _remind(self, event: BookingStateChanged, record: DeliveryRecord | None) -> State | None:
        """Claim a reminder, send it and record the outcome. Return None without a claim or if the
        outcome is unknown."""
        try:
            claim = self._delivery_log.claim(event)
        except LeaseHeld:
            return None
        if claim is None:
            return None
        try:
            state = self._final_state(event, record) or self._send(event)
        except DeliveryOutcomeUnknown:
            # Keep the lease, so that the next attempt knows that it may send a duplicate.
            return None
        except TransientError:
            self._delivery_log.record_outcome(claim, State.POSTPONED)
            raise
        self._delivery_log.record_outcome_with_retry(claim, state)
        logger.info("reminder %s", state, extra={"event_id": event.event_id})
        return state

    def _final_state(
        self, event: BookingStateChanged, record: DeliveryRecord | None
    ) -> State | None:
        if event.date - self._clock() < CUTOFF:
            logger.warning("too late for a reminder", extra={"event_id": event.event_id})
            return State.FAILED
        if record and record.ambiguous >= MAX_UNKNOWN_OUTCOMES - 1:
            logger.warning("reminder outcome unknown", extra={"event_id": event.event_id})
            return State.FAILED
        return None

    def _send(self, event: BookingStateChanged) -> State:
        """Raises: DeliveryOutcomeUnknown, DatabaseUnavailable."""
        try:
            # As late as possible. A patient who cancels after this still gets the reminder.
            booking = self._bookings.get(event.booking_id)
            if (booking.status, booking.version) != (Status.CONFIRMED, event.version):
                return State.SUPERSEDED
            content = self._compose(booking)
            if content is None:
                return State.NO_ADDRESS
            self._channel.send(content)
        except (PoisonMessage, BookingNotFound) as error:
            logger.warning("no reminder", extra={"event_id": event.event_id, "code": error.code})
            return State.FAILED
        except ChannelUnavailable:
            return State.POSTPONED
        except (DeliveryOutcomeUnknown, TransientError):
            raise
        except Exception:
            logger.exception("reminder failed", extra={"event_id": event.event_id})
            return State.POSTPONED
        return State.SENT
