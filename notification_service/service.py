"""The nameko services: one per notification channel, and one for staff to manage notifications.

Each has its own queue and worker pool. In a shared one, e-mails would wait behind an unresponsive
webhook endpoint, and staff behind both.
"""

from __future__ import annotations

from typing import Any

from clinic.contracts.messages import BookingStateChanged
from clinic.errors import ClinicError
from clinic.messaging.topology import (
    BOOKING_SERVICE,
    EMAIL,
    NOTIFICATION_ADMIN,
    STATE_CHANGED,
    WEBHOOK,
)
from clinic.nameko_extensions.dependency_providers import ContextFlag, RequestId
from clinic.nameko_extensions.health_server import HealthServer
from clinic.nameko_extensions.retrying_consumer import handle_event_with_retry
from clinic.nameko_extensions.rpc_entrypoint import rpc
from notification_service.delivery import Delivery
from notification_service.email.outgoing_email import OutgoingEmail
from notification_service.notification_admin import NotificationAdmin
from notification_service.notification_dependencies import (
    EmailDeliveryProvider,
    NotificationAdminProvider,
    WebhookDeliveryProvider,
)
from notification_service.settings import notification_settings


class NotificationService:
    """Sends e-mails to patients."""

    name = "notification_service"
    read_settings = staticmethod(notification_settings)

    email: Delivery[OutgoingEmail] = EmailDeliveryProvider()
    is_replay: bool = ContextFlag("is_replay")
    request_id = RequestId()
    monitor = HealthServer()

    @handle_event_with_retry(
        BOOKING_SERVICE,
        STATE_CHANGED,
        EMAIL,
        decode=BookingStateChanged.from_body,
        policy=lambda settings: settings.email_retry,
        on_dead_letter="give_up",
        expected_exceptions=ClinicError,
    )
    def handle_booking_state_changed(self, event: BookingStateChanged) -> None:
        self.email.deliver(event, is_replay=self.is_replay)

    def give_up(self, event: BookingStateChanged, code: str) -> None:
        """Record the failure; the event was moved to `notification_service.email.dead_letter`."""
        self.email.give_up(event, code)


class WebhookService:
    """Posts events to `WEBHOOK_URL`; without one it consumes nothing."""

    name = "webhook_service"
    read_settings = staticmethod(notification_settings)

    webhook: Delivery[BookingStateChanged] = WebhookDeliveryProvider()
    is_replay: bool = ContextFlag("is_replay")
    request_id = RequestId()

    @handle_event_with_retry(
        BOOKING_SERVICE,
        STATE_CHANGED,
        WEBHOOK,
        decode=BookingStateChanged.from_body,
        policy=lambda settings: settings.webhook_retry,
        is_enabled=lambda settings: settings.has_webhook,
        on_dead_letter="give_up",
        expected_exceptions=ClinicError,
    )
    def handle_booking_state_changed(self, event: BookingStateChanged) -> None:
        self.webhook.deliver(event, is_replay=self.is_replay)

    def give_up(self, event: BookingStateChanged, code: str) -> None:
        """Record the failure; the event was moved to `notification_service.webhook.dead_letter`."""
        self.webhook.give_up(event, code)


class NotificationAdminService:
    """`n.rpc.notification_admin...`: for the gateway, and for people in `nameko shell`."""

    name = NOTIFICATION_ADMIN
    read_settings = staticmethod(notification_settings)

    admin: NotificationAdmin = NotificationAdminProvider()
    request_id = RequestId()

    @rpc(expected_exceptions=ClinicError)
    def list_notifications(self, booking_id: str) -> list[dict[str, Any]]:
        """Return the notifications of a booking, by version and then channel:
        {"version", "status", "channel", "state", "tries", "at", "canResend"}.

        Raises: BookingNotFound, DatabaseUnavailable.
        """
        return self.admin.read(booking_id)

    @rpc(expected_exceptions=ClinicError)
    def resend(
        self, booking_id: str, version: int, channel: str, by: str = "rpc"
    ) -> dict[str, Any]:
        """Resend a notification and return it.

        Raises: BookingNotFound, ResendRejected, InvalidBooking, DatabaseUnavailable,
        BrokerUnavailable.
        """
        return self.admin.resend(booking_id, version, channel, by)
