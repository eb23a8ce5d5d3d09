"""Reminds patients of appointments that are near: once for each booking and version of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from clinic.bookings.repository import BookingRepository
from clinic.bookings.upcoming_appointments import UpcomingAppointments
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
from notification_service.periodic_task import PeriodicTask

logger = logging.getLogger(__name__)

#: A reminder that comes later than this before the appointment is of no use.
LATEST = timedelta(hours=1)
#: Who was told of the appointment so shortly before the reminder is due gets none.
FRESH = timedelta(hours=3)
#: Reminders of one round; what is left waits for the next.
ROUND = 500
#: After so many letters in a row that the mail server does not take, the round is over.
REFUSALS = 10
#: Tries whose outcome nobody knows: each may have sent a copy, or have killed its notifier.
UNKNOWN_TRIES = 3

_INTERVAL_SECONDS = 60.0
_MILLISECOND = timedelta(milliseconds=1)


class Reminders:
    """One background greenthread of each notifier; several agree through `ledger`.

    A reminder is due from `before` until `LATEST` before its appointment, whatever was down in
    between. Claimed, looked up, sent, written down: who dies on the way leaves a lease, after which
    another goes on.
    """

    def __init__(
        self,
        upcoming: UpcomingAppointments,
        bookings: BookingRepository,
        ledger: DeliveryLog,
        channel: Channel[OutgoingEmail],
        write: Callable[[Booking], OutgoingEmail],
        before: timedelta,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._upcoming = upcoming
        self._bookings = bookings
        self._ledger = ledger
        self._channel = channel
        self._write = write
        self._before = before
        self._clock = clock
        self._rounds = PeriodicTask("reminders", self.round, _INTERVAL_SECONDS)

    def start(self) -> None:
        if self._before:
            self._rounds.start()

    def stop(self) -> None:
        self._rounds.stop()

    def round(self) -> None:
        """Remind whoever is due, the first appointment first. Raises: DatabaseUnavailable, and
        ChannelUnavailable when the mail server takes nothing."""
        refused = 0
        for count, (step, row) in enumerate(self._due()):
            if count >= ROUND or self._rounds.is_stopping:
                return
            state = self._remind(step, row)
            refused = refused + 1 if state is State.POSTPONED else 0
            if refused >= REFUSALS:
                raise ChannelUnavailable("no reminder can be sent")

    def _due(self) -> Iterator[tuple[BookingStateChanged, DeliveryRecord | None]]:
        at = self._clock()
        since, until = at, at + self._before
        while since <= until:
            page = self._upcoming.read(since, until)
            told_early = [step for step in page.steps if not self._is_fresh(step)]
            rows = self._ledger.rows(told_early)
            for step in told_early:
                row = rows.get(step.event_id)
                # What was postponed waits for the end of its lease: others come first meanwhile.
                if row is None or row.is_stale(at):
                    yield step, row
            since = page.reached + _MILLISECOND

    def _is_fresh(self, step: BookingStateChanged) -> bool:
        return step.occurred_at > step.date - self._before - FRESH

    def _remind(self, step: BookingStateChanged, row: DeliveryRecord | None) -> State | None:
        """Claim the reminder and see it through. Returns what became of it, if it was ours."""
        try:
            claim = self._ledger.claim(step)
        except LeaseHeld:
            return None
        if claim is None:
            return None
        try:
            state = self._hopeless(step, row) or self._send(step)
        except DeliveryOutcomeUnknown:
            # Under its lease for now, so that the next try knows that it may be a second copy.
            return None
        except TransientError:
            self._ledger.settle(claim, State.POSTPONED)
            raise
        self._ledger.settle_surely(claim, state)
        logger.info("reminder %s", state, extra={"event_id": step.event_id})
        return state

    def _hopeless(self, step: BookingStateChanged, row: DeliveryRecord | None) -> State | None:
        if step.date - self._clock() < LATEST:
            logger.warning("too late for a reminder", extra={"event_id": step.event_id})
            return State.FAILED
        if row and row.ambiguous >= UNKNOWN_TRIES - 1:
            logger.warning("nobody knows if a reminder was sent", extra={"event_id": step.event_id})
            return State.FAILED
        return None

    def _send(self, step: BookingStateChanged) -> State:
        """Raises: DeliveryOutcomeUnknown, DatabaseUnavailable."""
        try:
            # As late as can be. Who cancels from here on gets a reminder all the same.
            booking = self._bookings.get(step.booking_id)
            if (booking.status, booking.version) != (Status.CONFIRMED, step.version):
                return State.SUPERSEDED
            self._channel.send(self._write(booking))
        except (PoisonMessage, BookingNotFound) as error:
            logger.warning("no reminder", extra={"event_id": step.event_id, "code": error.code})
            return State.FAILED
        except ChannelUnavailable:
            return State.POSTPONED
        except (DeliveryOutcomeUnknown, TransientError):
            raise
        except Exception:
            logger.exception("reminder failed", extra={"event_id": step.event_id})
            return State.POSTPONED
        return State.SENT
