"""The nameko services that hear of every step of a booking, one for each channel.

They are two, each with its own queue and its own pool of workers: in one, letters would wait
behind a receiver that hangs.
"""

from __future__ import annotations

from clinic.consumer import work
from clinic.errors import ClinicError
from clinic.messages import BookingStateChanged
from clinic.monitor import Monitor
from clinic.providers import IsReplay, RequestId
from clinic.topology import EMAIL, WEBHOOK
from notification_service.channels import Envelope
from notification_service.delivery import Delivery
from notification_service.providers import EmailDelivery, WebhookDelivery


class NotificationService:
    """Writes to the patient."""

    name = "notification_service"

    email: Delivery[Envelope] = EmailDelivery()
    is_replay: bool = IsReplay()
    request_id = RequestId()
    monitor = Monitor()

    @work(
        EMAIL,
        read=BookingStateChanged.from_body,
        policy=lambda settings: settings.email_retry,
        on_parked="give_up",
        expected_exceptions=ClinicError,
    )
    def handle_booking_state_changed(self, event: BookingStateChanged) -> None:
        self.email.deliver(event, is_replay=self.is_replay)

    def give_up(self, event: BookingStateChanged, code: str) -> None:
        """Settle the notification; its event is in `notification_service.email.dead_letter`."""
        self.email.give_up(event, code)


class WebhookService:
    """Tells the receiver at `WEBHOOK_URL`; without one it consumes nothing."""

    name = "webhook_service"

    webhook: Delivery[BookingStateChanged] = WebhookDelivery()
    is_replay: bool = IsReplay()
    request_id = RequestId()

    @work(
        WEBHOOK,
        read=BookingStateChanged.from_body,
        policy=lambda settings: settings.webhook_retry,
        is_on=lambda settings: settings.has_webhook,
        on_parked="give_up",
        expected_exceptions=ClinicError,
    )
    def handle_booking_state_changed(self, event: BookingStateChanged) -> None:
        self.webhook.deliver(event, is_replay=self.is_replay)

    def give_up(self, event: BookingStateChanged, code: str) -> None:
        """Settle the notification; its event is in `notification_service.webhook.dead_letter`."""
        self.webhook.give_up(event, code)
