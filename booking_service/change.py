"""What becomes of a booking after it was asked for: it is cancelled, or moved to another date."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from booking_service.booking_rules import rejection_reason
from booking_service.seat_allocation import SeatAllocator
from clinic.domain import booking as steps
from clinic.domain import reasons
from clinic.domain.booking import Booking, Status
from clinic.domain.clock import now
from clinic.errors import ConcurrentModification, InvalidBooking, SeatTaken, SlotUnavailable

logger = logging.getLogger(__name__)

ACTORS = ("patient", "staff", "rpc")
_KEY_ID = re.compile(r"[0-9a-f]{8}")
_CANCELLATIONS = (reasons.CANCELLED_BY_PATIENT, *reasons.BY_CLINIC)


@dataclass(frozen=True, slots=True)
class BookingChanges:
    """`by` is who asks for them, and `key_id` with which key of the staff; both are written into
    the history."""

    seats: SeatAllocator
    by: str
    key_id: str | None = None

    def __post_init__(self) -> None:
        if self.by not in ACTORS:
            raise InvalidBooking(f"by must be one of: {', '.join(ACTORS)}")
        if self.key_id is not None and not (self.by == "staff" and _is_key_id(self.key_id)):
            raise InvalidBooking("key_id must be the id of a staff key, and by staff")

    def cancel(self, booking_id: str, reason: str) -> Booking:
        """Call a booking off; who has done so before gets it as it is.

        Raises: BookingNotFound, IllegalTransition, ConcurrentModification, InvalidBooking,
        DatabaseUnavailable.
        """
        if reason not in _CANCELLATIONS:
            raise InvalidBooking(f"reason must be one of: {', '.join(_CANCELLATIONS)}")
        return self._on_the_latest(booking_id, lambda booking: self._cancel(booking, reason))

    def reschedule(self, booking_id: str, date: datetime) -> Booking:
        """Move a confirmed booking to another slot, or leave it where it is.

        Raises: BookingNotFound, IllegalTransition, SlotUnavailable, ConcurrentModification,
        DatabaseUnavailable.
        """
        return self._on_the_latest(booking_id, lambda booking: self._reschedule(booking, date))

    def _on_the_latest(self, booking_id: str, change: Callable[[Booking], Booking]) -> Booking:
        """Look once more when somebody was quicker; who is unlucky twice is told so."""
        store = self.seats.store
        try:
            return change(store.get(booking_id))
        except ConcurrentModification:
            return change(store.get(booking_id))

    def _cancel(self, booking: Booking, reason: str) -> Booking:
        latest = booking.history[-1]
        if (latest.status, latest.reason, latest.by) == (Status.CANCELLED, reason, self.by):
            return booking  # asked again, perhaps since the answer was lost
        step = steps.cancel(booking, reason=reason, at=now(), by=self.by, key_id=self.key_id)
        self.seats.store.apply(step)
        logger.info("booking cancelled: %s", reason, extra={"booking_id": booking.id})
        return steps.apply_transition(booking, step)

    def _reschedule(self, booking: Booking, date: datetime) -> Booking:
        if (booking.status, booking.date) == (Status.CONFIRMED, date):
            return booking  # asked again, perhaps since the answer was lost
        at = now()
        move = partial(steps.reschedule, booking, date=date, at=at, by=self.by, key_id=self.key_id)
        move(seat=0)  # whether it may be moved at all is said before the date is judged
        if reason := rejection_reason(date, self.seats.calendar, at):
            raise SlotUnavailable(reason)
        try:
            step = self.seats.take(date, lambda seat: move(seat=seat))
        except SeatTaken:
            raise SlotUnavailable(reasons.SLOT_FULL) from None
        logger.info("booking rescheduled", extra={"booking_id": booking.id})
        return steps.apply_transition(booking, step)


def _is_key_id(value: object) -> bool:
    return isinstance(value, str) and _KEY_ID.fullmatch(value) is not None
