"""Cancels or reschedules a booking on behalf of an actor."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from booking_service.booking_rules import rejection_reason
from booking_service.seat_allocation import SeatAllocator
from clinic.bookings.repository import BookingRepository
from clinic.contracts.messages import Dispatch
from clinic.domain import reasons
from clinic.domain.booking import (
    Booking,
    Status,
    Transition,
    apply_transition,
    cancel,
    ensure_reschedulable,
    reschedule,
)
from clinic.domain.clock import now
from clinic.errors import ConcurrentModification, InvalidBooking, ClaimTaken, SlotUnavailable
from clinic.messaging.topology import STATE_CHANGED

logger = logging.getLogger(__name__)

ACTORS = ("patient", "staff", "rpc")
_KEY_ID = re.compile(r"[0-9a-f]{8}")
_CANCELLATIONS = (reasons.CANCELLED_BY_PATIENT, *reasons.BY_CLINIC)


@dataclass(frozen=True, slots=True)
class BookingChanges:
    """Records the actor `by` and the staff key `key_id`, if any, in the booking's history.
    Raises: InvalidBooking, for an unknown actor or key id."""

    bookings: BookingRepository
    seats: SeatAllocator
    dispatch: Dispatch
    by: str
    key_id: str | None = None

    def __post_init__(self) -> None:
        if self.by not in ACTORS:
            raise InvalidBooking(f"by must be one of: {', '.join(ACTORS)}")
        if self.key_id is not None and not (self.by == "staff" and _is_key_id(self.key_id)):
            raise InvalidBooking("key_id must be the id of a staff key, and by must be staff")

    def cancel(self, booking_id: str, reason: str) -> Booking:
        """Cancel a booking. Repeating the call returns the booking unchanged.

        Raises: BookingNotFound, IllegalTransition, ConcurrentModification, InvalidBooking,
        DatabaseUnavailable.
        """
        if reason not in _CANCELLATIONS:
            raise InvalidBooking(f"reason must be one of: {', '.join(_CANCELLATIONS)}")
        return self._retry_on_conflict(booking_id, lambda booking: self._cancel(booking, reason))

    def reschedule(self, booking_id: str, date: datetime) -> Booking:
        """Move a confirmed booking to another slot. On an error it keeps its slot. Repeating the
        call returns the booking unchanged.

        Raises: BookingNotFound, IllegalTransition, SlotUnavailable, ConcurrentModification,
        DatabaseUnavailable.
        """
        return self._retry_on_conflict(booking_id, lambda booking: self._reschedule(booking, date))

    def _retry_on_conflict(self, booking_id: str, change: Callable[[Booking], Booking]) -> Booking:
        """Retry once after a conflict; a second conflict is raised."""
        try:
            return change(self.bookings.get(booking_id))
        except ConcurrentModification:
            return change(self.bookings.get(booking_id))

    def _cancel(self, booking: Booking, reason: str) -> Booking:
        latest = booking.history[-1]
        if (latest.status, latest.reason, latest.by) == (Status.CANCELLED, reason, self.by):
            return booking
        transition = cancel(booking, reason=reason, at=now(), by=self.by, key_id=self.key_id)
        self.dispatch(STATE_CHANGED, transition)
        logger.info("booking cancelled: %s", reason, extra={"booking_id": booking.id})
        return apply_transition(booking, transition)

    def _reschedule(self, booking: Booking, date: datetime) -> Booking:
        if (booking.status, booking.date) == (Status.CONFIRMED, date):
            return booking
        ensure_reschedulable(booking)
        at = now()
        if reason := rejection_reason(date, self.seats.calendar, at):
            raise SlotUnavailable(reason)

        def claim(seat: int) -> Transition:
            moved = reschedule(booking, date=date, seat=seat, at=at, by=self.by, key_id=self.key_id)
            self.dispatch(STATE_CHANGED, moved)
            return moved

        try:
            transition = self.seats.allocate(date, claim)
        except ClaimTaken:
            raise SlotUnavailable(reasons.SLOT_FULL) from None
        logger.info("booking rescheduled", extra={"booking_id": booking.id})
        return apply_transition(booking, transition)


def _is_key_id(value: object) -> bool:
    return isinstance(value, str) and _KEY_ID.fullmatch(value) is not None
