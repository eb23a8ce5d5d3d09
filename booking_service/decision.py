"""Decides one booking: a seat of its slot, or the reason why not."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from booking_service.availability import objection
from booking_service.calendar import Calendar
from booking_service.check import AvailabilityCheck
from booking_service.seats import Seats
from clinic import booking as steps
from clinic import reasons
from clinic.booking import Change, Pending, Standing, Status
from clinic.clock import now
from clinic.errors import SeatTaken, StaleBooking
from clinic.messages import BookingRequested
from clinic.metrics import CHECK_SECONDS, DECISIONS
from clinic.store import BookingStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decider:
    """`name` is written into the history as who decided."""

    store: BookingStore
    calendar: Calendar
    check: AvailabilityCheck
    name: str

    def decide(self, request: BookingRequested, *, is_repeated: bool = False) -> None:
        """Move a pending booking on; a duplicate of an earlier request changes nothing.

        A request that comes for the first time is taken at its word, which spares a read: the step
        is stored only if the booking is as the request says. Of one that may have been answered the
        booking is read before the check, which takes long.

        Raises: BookingNotFound, CheckUnavailable, DatabaseUnavailable.
        """
        said = Pending(request.booking_id, request.date, request.version)
        if not is_repeated and self._decide(said):
            return
        booking = self.store.get(request.booking_id)
        if booking.status is Status.PENDING:
            self._decide(booking)

    def give_up(self, booking_id: str, code: str) -> None:
        """Leave the booking pending, for a person to look at. Raises: DatabaseUnavailable."""
        self.store.mark_attention(booking_id, code)
        logger.error("booking needs attention", extra={"booking_id": booking_id, "code": code})

    def _decide(self, booking: Standing) -> bool:
        """False when it stands elsewhere: a duplicate was quicker, or the patient has cancelled."""
        with CHECK_SECONDS.time():
            self.check.run()
        try:
            change = self._settle(booking, now())
        except StaleBooking:
            return False
        DECISIONS.labels(change.status, change.reason or "").inc()
        logger.info("booking decided: %s", change.status, extra={"booking_id": booking.id})
        return True

    def _settle(self, booking: Standing, at: datetime) -> Change:
        reason = objection(booking.date, self.calendar, at)
        if reason is None:
            with suppress(SeatTaken):
                return self._confirm(booking, at)
            reason = reasons.SLOT_FULL
        step = steps.reject(booking, reason=reason, at=at, by=self.name)
        self.store.apply(step)
        return step.change

    def _confirm(self, booking: Standing, at: datetime) -> Change:
        """Raises: SeatTaken when the slot is full, StaleBooking, DatabaseUnavailable."""
        confirm = partial(steps.confirm, booking, at=at, by=self.name)
        seats = Seats(self.store, self.calendar)
        return seats.take(booking.date, lambda seat: confirm(seat=seat)).change
