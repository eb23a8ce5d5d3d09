"""Decides one booking: a seat of its slot, or the reason why not."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from booking_service.availability_check import AvailabilityCheck
from booking_service.booking_rules import rejection_reason
from booking_service.calendar import Calendar
from booking_service.seat_allocation import SeatAllocator
from clinic.bookings.repository import BookingRepository
from clinic.contracts.messages import BookingRequested
from clinic.domain import booking as steps
from clinic.domain import reasons
from clinic.domain.booking import BookingState, HistoryEntry, Status, UnverifiedRequest
from clinic.domain.clock import now
from clinic.errors import ConcurrentModification, SeatTaken
from clinic.observability.metrics import CHECK_SECONDS, DECISIONS

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decider:
    """`name` is written into the history as who decided."""

    store: BookingRepository
    calendar: Calendar
    check: AvailabilityCheck
    name: str
    #: Of slots that others were first in; shared by all decisions of the process.
    contested: set[datetime] = field(default_factory=set)

    def decide(self, request: BookingRequested, *, is_repeated: bool = False) -> None:
        """Move a pending booking on; a duplicate of an earlier request changes nothing.

        A request that comes for the first time is taken at its word, which spares a read: the step
        is stored only if the booking is as the request says. Of one that may have been answered the
        booking is read before the check, which takes long.

        Raises: BookingNotFound, CheckUnavailable, DatabaseUnavailable.
        """
        said = UnverifiedRequest(request.booking_id, request.date, request.version)
        if not is_repeated and self._decide(said):
            return
        booking = self.store.get(request.booking_id)
        if booking.status is Status.PENDING:
            self._decide(booking)

    def give_up(self, booking_id: str, code: str) -> None:
        """Leave the booking pending, for a person to look at. Raises: DatabaseUnavailable."""
        self.store.mark_attention(booking_id, code)
        logger.error("booking needs attention", extra={"booking_id": booking_id, "code": code})

    def _decide(self, booking: BookingState) -> bool:
        """False when it stands elsewhere: a duplicate was quicker, or the patient has cancelled."""
        with CHECK_SECONDS.time():
            self.check.run()
        try:
            change = self._settle(booking, now())
        except ConcurrentModification:
            return False
        DECISIONS.labels(change.status, change.reason or "").inc()
        logger.info("booking decided: %s", change.status, extra={"booking_id": booking.id})
        return True

    def _settle(self, booking: BookingState, at: datetime) -> HistoryEntry:
        reason = rejection_reason(booking.date, self.calendar, at)
        if reason is None:
            with suppress(SeatTaken):
                return self._confirm(booking, at)
            reason = reasons.SLOT_FULL
        step = steps.reject(booking, reason=reason, at=at, by=self.name)
        self.store.apply(step)
        return step.change

    def _confirm(self, booking: BookingState, at: datetime) -> HistoryEntry:
        """Raises: SeatTaken when the slot is full, ConcurrentModification, DatabaseUnavailable."""
        confirm = partial(steps.confirm, booking, at=at, by=self.name)
        seats = SeatAllocator(self.store, self.calendar, self.contested)
        return seats.take(booking.date, lambda seat: confirm(seat=seat)).change
