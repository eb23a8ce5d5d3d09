"""Delivers one event over one channel, at most once as far as possible."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from clinic.bookings.reader import BookingReader
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

#: How long an unavailable channel is retried.
GIVE_UP_AFTER = timedelta(hours=24)

#: Version 1 is the request, which is not notified.
_FIRST_NOTIFIED_VERSION = 2

Content = TypeVar("Content")


@dataclass(slots=True)
class Delivery(Generic[Content]):
    """The delivery of one event; `claim` is set once it holds the claim.

    `render` returns the content for the channel, or None for a patient without an address.
    `for_resend` marks it as the n-th resend. With `skip_superseded`, an event is not sent after a
    later one. `limited` returns the hash of the address whose quota an event uses, or None.
    """

    bookings: BookingReader
    delivery_log: DeliveryLog
    channel: Channel[Content]
    render: Callable[[Booking, BookingStateChanged], Content | None]
    for_resend: Callable[[Content, int], Content] = lambda content, _resends: content
    skip_superseded: bool = True
    limited: Callable[[Booking, BookingStateChanged], str | None] = lambda *_: None
    claim: Claim | None = field(default=None, init=False)

    def deliver(self, event: BookingStateChanged, *, is_replay: bool = False) -> None:
        """Send the event unless it has an outcome.

        Raises: PoisonMessage if the event is not in the booking's history or the recipient rejects
        it. Counted as an attempt: DeliveryOutcomeUnknown, WebhookServerError. Retried without
        counting: ChannelUnavailable, LeaseHeld, DatabaseUnavailable.
        """
        booking = self.bookings.get(event.booking_id)
        _require_genuine(event, booking)
        content = self.render(booking, event)
        limited = self.limited(booking, event)
        claim = self.claim = self.delivery_log.claim(event, is_replay=is_replay, limited=limited)
        if claim is None:
            return
        if content is None:
            self.delivery_log.record_outcome(claim, State.NO_ADDRESS)
            return
        if self._is_superseded(claim, booking):
            self.delivery_log.record_outcome(claim, State.SUPERSEDED)
            return
        self._send(claim, self.for_resend(content, claim.resends) if claim.resends else content)
        self.delivery_log.record_outcome_with_retry(claim, State.SENT)
        logger.info("%s notified", self.channel.audience, extra={"event_id": event.event_id})

    def give_up(self, event: BookingStateChanged, code: str) -> None:
        """Record that the event is dead-lettered, so that only a replay or resend sends it.

        Raises: DatabaseUnavailable.
        """
        if code in (BookingNotFound.code, PoisonMessage.code):
            return  # no such event, so no delivery to record
        with suppress(LeaseHeld):  # its holder records the outcome
            if claim := self.claim or self.delivery_log.claim(event):
                self.delivery_log.record_outcome(claim, State.FAILED)

    def _is_superseded(self, claim: Claim, booking: Booking) -> bool:
        """Return whether a later event has been sent. Raises: LeaseHeld while one is being sent.

        If two events are delivered concurrently, the later claim finds the earlier.
        """
        if not self.skip_superseded or booking.version <= _FIRST_NOTIFIED_VERSION:
            return False
        try:
            return self.delivery_log.is_superseded(claim.event, booking.version)
        except LeaseHeld:
            self.delivery_log.record_outcome(claim, State.POSTPONED)
            raise

    def _send(self, claim: Claim, content: Content) -> None:
        """Send, and release the claim if nothing was sent and a retry is possible.

        After an unknown outcome the claim keeps its lease, so that the next attempt knows that it
        may send a duplicate. A poison message keeps it until `give_up`.
        """
        try:
            self.channel.send(content)
        except (DeliveryOutcomeUnknown, PoisonMessage):
            raise
        except ChannelUnavailable:
            if now() - claim.wanted_since > GIVE_UP_AFTER:
                raise DeliveryExpired("the channel was unavailable for a day") from None
            self.delivery_log.record_outcome(claim, State.POSTPONED)
            raise
        except Exception:
            self.delivery_log.record_outcome(claim, State.POSTPONED)
            raise


def _require_genuine(event: BookingStateChanged, booking: Booking) -> None:
    """Raises: PoisonMessage if the event is not in the booking's history: it is forged, or from
    another database."""
    claimed = (event.previous_status, event.status, event.reason, event.date)
    date = date_at_version(event.version, booking.history, booking.date)
    rows = booking.history[event.version - 1 : event.version]
    if claimed not in [(row.previous, row.status, row.reason, date) for row in rows]:
        raise PoisonMessage("the booking's history has no such transition")
