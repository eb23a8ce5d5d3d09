"""Books for a patient on the phone: stored and confirmed in one operation, or not at all."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from booking_service.actors import require_actor
from booking_service.scheduling.allocator import AllocatorOf, Wanted
from booking_service.scheduling.rules import rejection_reason
from clinic.bookings.repository import BookingRepository
from clinic.domain import reasons
from clinic.domain.booking import Assignment, Booking, Transition, apply_transition, confirm
from clinic.domain.clock import now
from clinic.domain.manage_token import BookingCredentials
from clinic.errors import BookingNotFound, ClaimTaken, IdempotencyKeyUsed, SlotUnavailable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PhoneBookings:
    """Records the actor `by` and the staff key `key_id`, if any, in the booking's history.
    Raises: InvalidBooking, for an unknown actor or key id."""

    bookings: BookingRepository
    allocator_of: AllocatorOf
    by: str
    key_id: str | None = None

    def __post_init__(self) -> None:
        require_actor(self.by, self.key_id)

    def book(
        self, booking: Booking, access: BookingCredentials, *, may_overbook: bool = False
    ) -> Booking:
        """Store the pending booking as confirmed, and return it. Repeating the call with the same
        idempotency key returns the stored one, even if its time has passed or is full meanwhile.

        With `may_overbook`, the seats that a schedule has for overbooking are used as well.
        Raises: SlotUnavailable, IdempotencyConflict, AppointmentsContested, DatabaseUnavailable.
        """
        if stored := self._stored(access):
            return stored
        at, allocator = now(), self.allocator_of(booking.clinic, booking.choice)
        if reason := rejection_reason(booking.date, booking.choice, allocator.hours, at):
            raise SlotUnavailable(reason)

        def claim(assignment: Assignment) -> Transition:
            confirmed = confirm(
                booking, assignment=assignment, at=at, by=self.by, key_id=self.key_id
            )
            self.bookings.insert_confirmed(booking, confirmed, access)
            return confirmed

        try:
            transition = allocator.allocate(Wanted.by(booking), claim, may_overbook=may_overbook)
        except (IdempotencyKeyUsed, ClaimTaken):
            if stored := self._stored(access):  # the same call in parallel was faster
                return stored
            raise SlotUnavailable(reasons.SLOT_FULL) from None
        logger.info("booking made by phone", extra={"booking_id": booking.id})
        return apply_transition(booking, transition)

    def _stored(self, access: BookingCredentials) -> Booking | None:
        """Return the booking with this idempotency key. Raises: IdempotencyConflict."""
        if access.key_fingerprint is None:
            return None
        try:
            return self.bookings.find_by_key(access)[0]
        except BookingNotFound:
            return None
