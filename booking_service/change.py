"""Cancels or reschedules a booking on behalf of an actor."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from booking_service.actors import require_actor
from booking_service.scheduling.allocator import AllocatorOf, Wanted
from booking_service.scheduling.rules import rejection_reason
from clinic.bookings.repository import BookingRepository
from clinic.contracts.messages import Dispatch
from clinic.domain import reasons
from clinic.domain.booking import (
    Assignment,
    Booking,
    Choice,
    Status,
    Transition,
    apply_transition,
    cancel,
    ensure_reschedulable,
    reschedule,
)
from clinic.domain.clock import now
from clinic.errors import ClaimTaken, ConcurrentModification, InvalidBooking, SlotUnavailable
from clinic.messaging.topology import STATE_CHANGED

logger = logging.getLogger(__name__)

_CANCELLATIONS = (reasons.CANCELLED_BY_PATIENT, *reasons.BY_CLINIC)


@dataclass(frozen=True, slots=True)
class BookingChanges:
    """Records the actor `by` and the staff key `key_id`, if any, in the booking's history.
    Raises: InvalidBooking, for an unknown actor or key id."""

    bookings: BookingRepository
    allocator_of: AllocatorOf
    dispatch: Dispatch
    by: str
    key_id: str | None = None

    def __post_init__(self) -> None:
        require_actor(self.by, self.key_id)

    def cancel(self, booking_id: str, reason: str) -> Booking:
        """Cancel a booking. Repeating the call returns the booking unchanged.

        Raises: BookingNotFound, IllegalTransition, ConcurrentModification, InvalidBooking,
        DatabaseUnavailable.
        """
        if reason not in _CANCELLATIONS:
            raise InvalidBooking(f"reason must be one of: {', '.join(_CANCELLATIONS)}")
        return self._retry_on_conflict(booking_id, lambda booking: self._cancel(booking, reason))

    def reschedule(
        self, booking_id: str, date: datetime, practitioner: str | None = None
    ) -> Booking:
        """Move a confirmed booking to another date, with another practitioner if one is given. On
        an error it keeps its appointment. Repeating the call returns the booking unchanged.

        Raises: BookingNotFound, IllegalTransition, SlotUnavailable, ConcurrentModification,
        AppointmentsContested, DatabaseUnavailable.
        """
        return self._retry_on_conflict(
            booking_id, lambda booking: self._reschedule(booking, date, practitioner)
        )

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

    def _reschedule(self, booking: Booking, date: datetime, practitioner: str | None) -> Booking:
        choice = _choice(booking, practitioner)
        is_same_person = booking.choice.practitioner == choice.practitioner
        if (booking.status, booking.date) == (Status.CONFIRMED, date) and is_same_person:
            return booking
        ensure_reschedulable(booking)
        at, allocator = now(), self.allocator_of(booking.clinic, choice)
        if reason := rejection_reason(date, choice, allocator.hours, at):
            raise SlotUnavailable(reason)

        def claim(assignment: Assignment) -> Transition:
            moved = reschedule(
                booking, date=date, assignment=assignment, at=at, by=self.by, key_id=self.key_id
            )
            self.dispatch(STATE_CHANGED, moved)
            return moved

        wanted = Wanted(booking.id, booking.clinic, date, choice)
        try:
            transition = allocator.allocate(wanted, claim)
        except ClaimTaken:
            raise SlotUnavailable(reasons.SLOT_FULL) from None
        logger.info("booking rescheduled", extra={"booking_id": booking.id})
        return apply_transition(booking, transition)


def _choice(booking: Booking, practitioner: str | None) -> Choice:
    """Keep service and practitioner unless another one is given. The site follows from the hours of
    the practitioner; without a practitioner it is kept."""
    chosen = booking.choice
    person = practitioner or chosen.practitioner
    return Choice(chosen.service, person, None if person else chosen.site)
