"""Decides one booking: a seat of its slot, or the reason why not."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from booking_service.availability import objection
from booking_service.calendar import Calendar
from booking_service.check import AvailabilityCheck
from clinic import booking as steps
from clinic import reasons
from clinic.booking import Booking, Status
from clinic.clock import now
from clinic.errors import SeatTaken, StaleBooking
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
        self.check.run()
        try:
            status = self._settle(booking, now())
        except StaleBooking:
            return  # a duplicate of the request was quicker, or the patient has cancelled
        logger.info("booking decided: %s", status, extra={"booking_id": booking_id})

    def give_up(self, booking_id: str, code: str) -> None:
        """Leave the booking pending, for a person to look at. Raises: DatabaseUnavailable."""
        self.store.mark_attention(booking_id, code)
        logger.error("booking needs attention", extra={"booking_id": booking_id, "code": code})

    def _settle(self, booking: Booking, at: datetime) -> Status:
        reason = objection(booking.date, self.calendar, at)
        if reason is None and self._take_a_seat(booking, at):
            return Status.CONFIRMED
        rejection = steps.reject(booking, reason=reason or reasons.SLOT_FULL, at=at, by=self.name)
        self.store.apply(rejection)
        return Status.REJECTED

    def _take_a_seat(self, booking: Booking, at: datetime) -> bool:
        """Try the first seat blindly, which is free in a calm clinic, then those seen free."""
        if self._take(booking, 0, at):
            return True
        taken = self.store.taken_seats(booking.date)
        free = [seat for seat in range(1, self.calendar.seats_per_slot) if seat not in taken]
        return any(self._take(booking, seat, at) for seat in free)

    def _take(self, booking: Booking, seat: int, at: datetime) -> bool:
        try:
            self.store.apply(steps.confirm(booking, seat=seat, at=at, by=self.name))
        except SeatTaken:
            return False
        return True
