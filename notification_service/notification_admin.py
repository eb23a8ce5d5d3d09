"""Where staff sees what a patient was told, and has it sent again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from clinic.bookings.repository import BookingRepository
from clinic.contracts.messages import BookingStateChanged
from clinic.domain.booking import Booking
from clinic.domain.clock import now, to_wire
from clinic.errors import InvalidBooking, ResendRejected
from clinic.messaging.publisher import Publisher
from clinic.messaging.topology import EMAIL, WEBHOOK
from clinic.observability.metrics import MANUAL_RESENDS
from clinic.outbox.outbox_message import OutboxMessage
from notification_service.delivery_log import ChannelName, State
from notification_service.delivery_status import Notification, Notifications

logger = logging.getLogger(__name__)

ACTORS = ("staff", "rpc")

#: How long nobody is heard after something was sent again: whoever got no answer asks once more, so
#: may the broker, and two people may have the same thought.
PAUSE = timedelta(seconds=30)

_QUEUES = {ChannelName.EMAIL: EMAIL.name, ChannelName.WEBHOOK: WEBHOOK.name}


@dataclass(frozen=True, slots=True)
class NotificationAdmin:
    """`has_webhook` says whether anybody reads the queue of webhooks."""

    bookings: BookingRepository
    notifications: Notifications
    publisher: Publisher
    has_webhook: bool

    def read(self, booking_id: str) -> list[dict[str, Any]]:
        """Return each notification of a booking, by version and then channel:
        {"version", "status", "channel", "state", "tries", "at", "mayResend"}.

        Raises: BookingNotFound, DatabaseUnavailable.
        """
        booking = self.bookings.get(booking_id)
        return [self._view(booking, each) for each in self.notifications.of(booking)]

    def resend(self, booking_id: str, version: int, channel: str, by: str) -> dict[str, Any]:
        """Have a notification sent once more, and return it as `read` does.

        Its row is opened before its event is published, since the event alone would be taken for a
        copy of one that is settled. Whoever dies in between leaves an open row, of which a person
        may ask again.
        Raises: InvalidBooking, BookingNotFound, ResendRejected, DatabaseUnavailable,
        BrokerUnavailable.
        """
        wanted = _channel(version, channel, by)
        booking = self.bookings.get(booking_id)
        notification = self._find(booking, version, wanted)
        if objection := self._objection(booking, notification):
            raise ResendRejected(objection)
        if notification.state is not None:
            notification = self.notifications.reopen(notification)
        event = BookingStateChanged.in_history(booking.id, version, booking.history, booking.date)
        logger.info("%s wants it sent again: %s", by, wanted, extra={"event_id": event.event_id})
        self._publish(OutboxMessage.of_change(event), _QUEUES[wanted])
        MANUAL_RESENDS.labels(wanted.value).inc()
        return self._view(booking, notification)

    def _find(self, booking: Booking, version: int, channel: ChannelName) -> Notification:
        """Raises: ResendRejected."""
        if not 2 <= version <= booking.version:
            raise ResendRejected("there is no such step, or nobody is told of it")
        for each in self.notifications.of(booking):
            if (each.version, each.channel) == (version, channel):
                return each
        return Notification.waiting(booking, version, channel)

    def _objection(self, booking: Booking, notification: Notification) -> str | None:
        """Say what speaks against sending it again."""
        channel = notification.channel
        if channel is ChannelName.REMINDER:
            return "reminders are sent once"
        if channel is ChannelName.EMAIL and notification.version != booking.version:
            return "a letter about an earlier step would mislead"
        if channel is ChannelName.WEBHOOK and not self.has_webhook:
            return "webhooks are off"
        if notification.is_in_hand(now()):
            return "it is being sent"
        return "it was sent again just now" if _is_fresh(notification) else None

    def _publish(self, entry: OutboxMessage, queue: str) -> None:
        """Raises: BrokerUnavailable."""
        try:
            self.publisher.publish_one(entry.to_queue(queue))
        finally:
            self.publisher.close()  # there is nothing to send for most of the time

    def _view(self, booking: Booking, notification: Notification) -> dict[str, Any]:
        return {
            "version": notification.version,
            "status": booking.history[notification.version - 1].status.value,
            "channel": notification.channel.value,
            "state": notification.state.value if notification.state else "waiting",
            "tries": notification.tries,
            "at": to_wire(notification.at),
            "mayResend": self._objection(booking, notification) is None,
        }


def _is_fresh(notification: Notification) -> bool:
    was_resent = notification.state is State.SENT and notification.resends > 0
    return was_resent and now() - notification.at < PAUSE


def _channel(version: int, channel: str, by: str) -> ChannelName:
    """Read what is asked for. Raises: InvalidBooking, without quoting it."""
    if type(version) is not int:
        raise InvalidBooking("version must be a whole number")
    if by not in ACTORS:
        raise InvalidBooking(f"by must be one of: {', '.join(ACTORS)}")
    try:
        return ChannelName(channel)
    except ValueError:
        raise InvalidBooking(f"channel must be one of: {', '.join(ChannelName)}") from None
