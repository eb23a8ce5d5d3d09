"""The nameko service that hears of every step of a booking."""

from __future__ import annotations

from clinic.consumer import work
from clinic.errors import ClinicError
from clinic.messages import BookingStateChanged
from clinic.monitor import Monitor
from clinic.providers import IsReplay, RequestId
from clinic.topology import EMAIL
from notification_service.delivery import Delivery
from notification_service.providers import EmailDelivery


class NotificationService:
    name = "notification_service"

    email: Delivery = EmailDelivery()
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
