"""Decides a booking: confirms it with a seat of its slot, or rejects it with a reason."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from booking_service.availability_check import AvailabilityCheck
from booking_service.booking_rules import rejection_reason
from booking_service.seat_allocation import SeatAllocator
from clinic.bookings.repository import BookingRepository
from clinic.contracts.messages import BookingRequested, Dispatch
from clinic.domain import reasons
from clinic.domain.booking import (
    BookingState,
    Status,
    Transition,
    UnverifiedRequest,
    confirm,
    reject,
)
from clinic.domain.clock import now
from clinic.errors import ConcurrentModification, ClaimTaken
from clinic.messaging.topology import STATE_CHANGED
from clinic.observability.metrics import CHECK_SECONDS, DECISIONS

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decider:
    """`name` is the actor in the booking's history."""

    bookings: BookingRepository
    seats: SeatAllocator
    check: AvailabilityCheck
    dispatch: Dispatch
    name: str

    def decide(self, request: BookingRequested, *, is_repeated: bool = False) -> None:
        """Confirm or reject a pending booking. A duplicate request changes nothing.

        The first delivery of a request is decided optimistically, which saves a read. The decision
        is stored only if the booking still matches the request. If the message may be a duplicate
        (`is_repeated`), the booking is read before the slow availability check.

        Raises: BookingNotFound, CheckUnavailable, DatabaseUnavailable.
        """
        unverified = UnverifiedRequest(request.booking_id, request.date, request.version)
        if not is_repeated and self._decide(unverified):
            return
        booking = self.bookings.get(request.booking_id)
        if booking.status is Status.PENDING:
            self._decide(booking)

    def give_up(self, booking_id: str, code: str) -> None:
        """Leave the booking pending and flag it for review. Raises: DatabaseUnavailable."""
        self.bookings.flag_for_review(booking_id, code)
        logger.error("booking needs attention", extra={"booking_id": booking_id, "code": code})

    def _decide(self, booking: BookingState) -> bool:
        """Return False if the booking has changed: decided by a duplicate, or cancelled."""
        with CHECK_SECONDS.time():
            self.check.run()
        try:
            change = self._confirm_or_reject(booking, now()).change
        except ConcurrentModification:
            return False
        DECISIONS.labels(change.status, change.reason or "").inc()
        logger.info("booking decided: %s", change.status, extra={"booking_id": booking.id})
        return True

    def _confirm_or_reject(self, booking: BookingState, at: datetime) -> Transition:
        reason = rejection_reason(booking.date, self.seats.calendar, at)
        if reason is None:
            with suppress(ClaimTaken):
                return self._confirm(booking, at)
            reason = reasons.SLOT_FULL
        rejection = reject(booking, reason=reason, at=at, by=self.name)
        self.dispatch(STATE_CHANGED, rejection)
        return rejection

    def _confirm(self, booking: BookingState, at: datetime) -> Transition:
        """Raises: ClaimTaken when the slot is full, ConcurrentModification, DatabaseUnavailable."""

        def claim(seat: int) -> Transition:
            confirmation = confirm(booking, seat=seat, at=at, by=self.name)
            self.dispatch(STATE_CHANGED, confirmation)
            return confirmation

        return self.seats.allocate(booking.date, claim)
