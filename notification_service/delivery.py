"""Delivers one event over one channel, at most once as far as that is possible."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from clinic.bookings.repository import BookingRepository
from clinic.contracts.messages import BookingStateChanged
from clinic.domain.booking import Booking, date_at_version
from clinic.domain.clock import now
from clinic.errors import (
    BookingNotFound,
    ChannelUnavailable,
    DeliveryExpired,
    DeliveryOutcomeUnknown,
    LeaseHeld,
    PoisonMessage,
)
from notification_service.channels.email_channel import Channel
from notification_service.delivery_log import Claim, DeliveryLog, State

logger = logging.getLogger(__name__)

#: How long a channel that is away is waited for.
GIVE_UP_AFTER = timedelta(hours=24)

#: Nobody is told of the request itself. While a booking has no later version, there is no other.
_FIRST_TOLD_VERSION = 2

Content = TypeVar("Content")


@dataclass(slots=True)
class Delivery(Generic[Content]):
    """The delivery of one event; `claim` is its own, once it has one.

    `prepare` makes what the channel sends; `again` makes it one that a person had sent so many
    times more. A channel that `tells_every_step` tells those as well that a later one has
    overtaken. `limited` says which quota counts an event, if any.
    """

    bookings: BookingRepository
    ledger: DeliveryLog
    channel: Channel[Content]
    prepare: Callable[[Booking, BookingStateChanged], Content]
    again: Callable[[Content, int], Content] = lambda content, _times: content
    tells_every_step: bool = False
    limited: Callable[[Booking, BookingStateChanged], str | None] = lambda *_: None
    claim: Claim | None = field(default=None, init=False)

    def deliver(self, event: BookingStateChanged, *, is_replay: bool = False) -> None:
        """Tell the addressee, unless that has been done.

        Raises: PoisonMessage for an event that the booking doesn't know or that nobody takes; what
        counts as an attempt: DeliveryOutcomeUnknown, WebhookServerError; and what goes round again:
        ChannelUnavailable, LeaseHeld, DatabaseUnavailable.
        """
        booking = self.bookings.get(event.booking_id)
        _require_genuine(event, booking)
        content = self.prepare(booking, event)
        limited = self.limited(booking, event)
        claim = self.claim = self.ledger.claim(event, is_replay=is_replay, limited=limited)
        if claim is None:
            return
        if self._is_overtaken(claim, booking):
            self.ledger.settle(claim, State.SUPERSEDED)
            return
        self._send(claim, self.again(content, claim.resends) if claim.resends else content)
        self.ledger.settle_surely(claim, State.SENT)
        logger.info("%s notified", self.channel.addressee, extra={"event_id": event.event_id})

    def give_up(self, event: BookingStateChanged, code: str) -> None:
        """Note that the event is parked, so that only a person sends it again.

        Raises: DatabaseUnavailable.
        """
        if code in (BookingNotFound.code, PoisonMessage.code):
            return  # there is no such step, and so nobody who waits for it
        with suppress(LeaseHeld):  # whoever holds it writes down what becomes of it
            if claim := self.claim or self.ledger.claim(event):
                self.ledger.settle(claim, State.FAILED)

    def _is_overtaken(self, claim: Claim, booking: Booking) -> bool:
        """Whether a later step has been told. Raises: LeaseHeld while another step is being told.

        Of two that are sent at the same time, the one that claims last finds the other.
        """
        if self.tells_every_step or booking.version <= _FIRST_TOLD_VERSION:
            return False
        try:
            return self.ledger.is_superseded(claim.event, booking.version)
        except LeaseHeld:
            self.ledger.settle(claim, State.POSTPONED)
            raise

    def _send(self, claim: Claim, content: Content) -> None:
        """Free the claim when nothing was sent and it may be later.

        An uncertain one stays under its lease, so that the next try knows that it may be sending a
        second copy. So does what will be parked, until it is: see `give_up`.
        """
        try:
            self.channel.send(content)
        except (DeliveryOutcomeUnknown, PoisonMessage):
            raise
        except ChannelUnavailable:
            if now() - claim.wanted_since > GIVE_UP_AFTER:
                raise DeliveryExpired("the channel was away for a day") from None
            self.ledger.settle(claim, State.POSTPONED)
            raise
        except Exception:
            self.ledger.settle(claim, State.POSTPONED)
            raise


def _require_genuine(event: BookingStateChanged, booking: Booking) -> None:
    """Refuse an event that is not in the booking's history: forged, or from another database."""
    told = (event.previous_status, event.status, event.reason, event.date)
    date = date_at_version(event.version, booking.history, booking.date)
    steps = booking.history[event.version - 1 : event.version]
    if told not in [(step.previous, step.status, step.reason, date) for step in steps]:
        raise PoisonMessage("the booking's history has no such step")
