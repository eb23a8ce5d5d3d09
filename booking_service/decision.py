"""Decides one booking: a seat of its slot, or the reason why not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from booking_service.availability import objection
from booking_service.calendar import Calendar
from booking_service.check import AvailabilityCheck
from clinic import booking as steps
from clinic import reasons
from clinic.booking import Booking, Change, Status, Transition
from clinic.clock import now
from clinic.errors import SeatTaken, StaleBooking
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

    def decide(self, booking_id: str) -> None:
        """Move a pending booking on; a duplicate of an earlier request changes nothing.

        Raises: BookingNotFound, CheckUnavailable, DatabaseUnavailable.
        """
        booking = self.store.get(booking_id)
        if booking.status is not Status.PENDING:
            return
        with CHECK_SECONDS.time():
            self.check.run()
        try:
            change = self._settle(booking, now())
        except StaleBooking:
            return  # a duplicate of the request was quicker, or the patient has cancelled
        DECISIONS.labels(change.status, change.reason or "").inc()
        logger.info("booking decided: %s", change.status, extra={"booking_id": booking_id})

    def give_up(self, booking_id: str, code: str) -> None:
        """Leave the booking pending, for a person to look at. Raises: DatabaseUnavailable."""
        self.store.mark_attention(booking_id, code)
        logger.error("booking needs attention", extra={"booking_id": booking_id, "code": code})

    def _settle(self, booking: Booking, at: datetime) -> Change:
        reason = objection(booking.date, self.calendar, at)
        if reason is None:
            for seat in self._seats_to_try(booking):
                with suppress(SeatTaken):
                    return self._apply(steps.confirm(booking, seat=seat, at=at, by=self.name))
            reason = reasons.SLOT_FULL
        return self._apply(steps.reject(booking, reason=reason, at=at, by=self.name))

    def _seats_to_try(self, booking: Booking) -> Iterator[int]:
        """The first seat blindly, since it is free in a calm clinic; then those seen free."""
        yield 0
        taken = self.store.taken_seats(booking.date)
        yield from (seat for seat in range(1, self.calendar.seats_per_slot) if seat not in taken)

    def _apply(self, step: Transition) -> Change:
        self.store.apply(step)
        return step.change
