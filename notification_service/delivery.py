"""Delivers one event to one patient over one channel, at most once as far as that is possible."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from clinic.booking import Booking
from clinic.clock import now
from clinic.errors import ChannelUnavailable, DeliveryExpired, PoisonMessage
from clinic.messages import BookingStateChanged
from clinic.store import BookingStore
from notification_service.channels import Channel, Envelope
from notification_service.ledger import Ledger, State
from notification_service.letter import compose

logger = logging.getLogger(__name__)

#: How long a channel that is away is waited for.
GIVE_UP_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Delivery:
    """`zone` is the clinic's: letters say times as the clinic's clocks show them."""

    bookings: BookingStore
    ledger: Ledger
    channel: Channel
    zone: ZoneInfo

    def deliver(self, event: BookingStateChanged) -> None:
        """Tell the patient, unless that has been done.

        Raises: PoisonMessage for an event that the booking doesn't know, RecipientRejected,
        DeliveryExpired, and what goes round again: ChannelUnavailable, LeaseHeld,
        DatabaseUnavailable.
        """
        booking = self.bookings.get(event.booking_id)
        _require_genuine(event, booking)
        if not self.ledger.claim(event):
            return
        if self.ledger.is_superseded(event):
            self.ledger.settle(event, State.SUPERSEDED)
            return
        self._send(event, booking)
        self.ledger.settle(event, State.SENT)
        logger.info("patient notified", extra={"event_id": event.event_id})

    def _send(self, event: BookingStateChanged, booking: Booking) -> None:
        try:
            self.channel.send(self._envelope(event, booking))
        except PoisonMessage:
            self.ledger.settle(event, State.FAILED)
            raise
        except ChannelUnavailable:
            if now() - event.occurred_at > GIVE_UP_AFTER:
                self.ledger.settle(event, State.FAILED)
                raise DeliveryExpired("the channel was away for a day") from None
            self.ledger.settle(event, State.POSTPONED)
            raise
        except Exception:
            self.ledger.settle(event, State.POSTPONED)
            raise

    def _envelope(self, event: BookingStateChanged, booking: Booking) -> Envelope:
        return Envelope(
            recipient=booking.patient_email,
            reference=f"{event.booking_id}.{event.version}",
            language=booking.language,
            letter=compose(booking, event, self.zone),
        )


def _require_genuine(event: BookingStateChanged, booking: Booking) -> None:
    """Refuse an event that is not in the booking's history: forged, or from another database."""
    steps = booking.history[event.version - 1 : event.version]
    if not steps or steps[0].status is not event.status or steps[0].reason != event.reason:
        raise PoisonMessage("the booking's history has no such step")
