"""Lists the notifications of a booking for staff, and resends them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from clinic.bookings.reader import BookingReader
from clinic.contracts.messages import BookingStateChanged
from clinic.domain.booking import Booking
from clinic.domain.clock import now, to_wire
from clinic.errors import InvalidBooking, ResendRejected
from clinic.messaging.publisher import Publisher
from clinic.messaging.topology import EMAIL, WEBHOOK
from clinic.observability.logs import request_id
from clinic.observability.metrics import MANUAL_RESENDS
from clinic.outbox.outbox_message import OutboxMessage
from notification_service.delivery_log import ChannelName, State
from notification_service.delivery_status import Notification, Notifications

logger = logging.getLogger(__name__)

ACTORS = ("staff", "rpc")

#: The minimum time between resends. It stops duplicates: a caller without a reply may repeat the
#: call, the broker may redeliver it, and two people may resend at once.
PAUSE = timedelta(seconds=30)

_QUEUES = {ChannelName.EMAIL: EMAIL.name, ChannelName.WEBHOOK: WEBHOOK.name}


@dataclass(frozen=True, slots=True)
class NotificationAdmin:
    """`has_webhook` says whether the queue of webhooks has a consumer."""

    bookings: BookingReader
    notifications: Notifications
    publisher: Publisher
    has_webhook: bool

    def read(self, booking_id: str) -> list[dict[str, Any]]:
        """Return each notification of a booking, by version and then channel:
        {"version", "status", "channel", "state", "tries", "at", "canResend"}.

        Raises: BookingNotFound, DatabaseUnavailable.
        """
        booking = self.bookings.get(booking_id)
        return [self._view(booking, item) for item in self.notifications.of(booking)]

    def resend(self, booking_id: str, version: int, channel: str, by: str) -> dict[str, Any]:
        """Resend a notification, and return it like `read`.

        Its record is reset before its event is published, because the event alone would count as a
        duplicate. After a crash in between, the notification can still be resent.

        Raises: InvalidBooking, BookingNotFound, ResendRejected, DatabaseUnavailable,
        BrokerUnavailable.
        """
        name = _channel_name(version, channel, by)
        booking = self.bookings.get(booking_id)
        notification = self._find(booking, version, name)
        if blocker := self._resend_blocker(booking, notification):
            raise ResendRejected(blocker)
        if notification.state is not None:
            notification = self.notifications.reset_for_resend(notification)
        event = BookingStateChanged.in_booking(booking, version)
        logger.info("%s requested a resend: %s", by, name, extra={"event_id": event.event_id})
        self._publish(OutboxMessage.of_change(event, request_id.get()), _QUEUES[name])
        MANUAL_RESENDS.labels(name.value).inc()
        return self._view(booking, notification)

    def _find(self, booking: Booking, version: int, channel: ChannelName) -> Notification:
        """Raises: ResendRejected."""
        if not 2 <= version <= booking.version:
            raise ResendRejected("there is no such event, or it is not notified")
        for item in self.notifications.of(booking):
            if (item.version, item.channel) == (version, channel):
                return item
        return Notification.waiting(booking, version, channel)

    def _resend_blocker(self, booking: Booking, notification: Notification) -> str | None:
        """Return why it can't be resent, or None."""
        channel = notification.channel
        if channel is ChannelName.REMINDER:
            return "reminders are sent once"
        if channel is ChannelName.EMAIL and notification.version != booking.version:
            return "an e-mail about an earlier event would mislead"
        if channel is ChannelName.WEBHOOK and not self.has_webhook:
            return "webhooks are off"
        if notification.is_being_sent(now()):
            return "it is being sent"
        return "it was sent again just now" if _was_just_resent(notification) else None

    def _publish(self, message: OutboxMessage, queue: str) -> None:
        """Raises: BrokerUnavailable."""
        try:
            self.publisher.publish_one(message.to_queue(queue))
        finally:
            self.publisher.close()  # rarely needed

    def _view(self, booking: Booking, notification: Notification) -> dict[str, Any]:
        return {
            "version": notification.version,
            "status": booking.history[notification.version - 1].status.value,
            "channel": notification.channel.value,
            "state": notification.state.value if notification.state else "waiting",
            "tries": notification.tries,
            "at": to_wire(notification.at),
            "canResend": self._resend_blocker(booking, notification) is None,
        }


def _was_just_resent(notification: Notification) -> bool:
    was_resent = notification.state is State.SENT and notification.resends > 0
    return was_resent and now() - notification.at < PAUSE


def _channel_name(version: int, channel: str, by: str) -> ChannelName:
    """Validate the arguments. Raises: InvalidBooking, which never quotes them."""
    if type(version) is not int:
        raise InvalidBooking("version must be a whole number")
    if by not in ACTORS:
        raise InvalidBooking(f"by must be one of: {', '.join(ACTORS)}")
    try:
        return ChannelName(channel)
    except ValueError:
        raise InvalidBooking(f"channel must be one of: {', '.join(ChannelName)}") from None
