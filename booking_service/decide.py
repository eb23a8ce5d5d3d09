"""Decides a booking: confirms it and claims its time, or rejects it with a reason."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from booking_service.availability_check import AvailabilityCheck
from booking_service.scheduling.allocator import AllocatorOf, Wanted
from booking_service.scheduling.rules import rejection_reason
from clinic.bookings.repository import BookingRepository
from clinic.contracts.messages import BookingRequested, Dispatch
from clinic.domain import reasons
from clinic.domain.booking import (
    Assignment,
    BookingState,
    Status,
    Transition,
    UnverifiedRequest,
    confirm,
    reject,
)
from clinic.domain.clock import now
from clinic.errors import ClaimTaken, ConcurrentModification
from clinic.messaging.topology import STATE_CHANGED
from clinic.observability.metrics import CHECK_SECONDS, DECISIONS

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decider:
    """`name` is the actor in the booking's history."""

    bookings: BookingRepository
    allocator_of: AllocatorOf
    check: AvailabilityCheck
    dispatch: Dispatch
    name: str

    def decide(self, request: BookingRequested, *, is_repeated: bool = False) -> None:
        """Confirm or reject a pending booking. A duplicate request changes nothing.

        The first delivery of a request is decided optimistically, which saves a read. The decision
        is stored only if the booking still matches the request. If the message may be a duplicate
        (`is_repeated`), the booking is read before the slow availability check.

        Raises: BookingNotFound, CheckUnavailable, AppointmentsContested, DatabaseUnavailable.
        """
        unverified = UnverifiedRequest(
            request.booking_id, request.date, request.version, request.clinic, request.choice
        )
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
        hours = self.allocator_of(booking.clinic, booking.choice).hours
        reason = rejection_reason(booking.date, booking.choice, hours, at)
        if reason is None:
            with suppress(ClaimTaken):
                return self._confirm(booking, at)
            reason = reasons.SLOT_FULL
        rejection = reject(booking, reason=reason, at=at, by=self.name)
        self.dispatch(STATE_CHANGED, rejection)
        return rejection

    def _confirm(self, booking: BookingState, at: datetime) -> Transition:
        """Raises: ClaimTaken when no capacity is left, AppointmentsContested,
        ConcurrentModification, DatabaseUnavailable."""

        def claim(assignment: Assignment) -> Transition:
            confirmation = confirm(booking, assignment=assignment, at=at, by=self.name)
            self.dispatch(STATE_CHANGED, confirmation)
            return confirmation

        return self.allocator_of(booking.clinic, booking.choice).allocate(Wanted.by(booking), claim)
