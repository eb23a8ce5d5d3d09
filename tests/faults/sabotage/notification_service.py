"""The notification service, with traps: `nameko run tests.faults.sabotage.notification_service`."""

from notification_service import providers
from notification_service.channels import SmtpChannel
from notification_service.service import NotificationService
from tests.faults.sabotage.trap import install

#: A notifier that died while it sent is waited out for its lease: minutes, which no test has.
SEND_SECONDS, MARGIN_SECONDS = 8.0, 4
SmtpChannel.longest_send_seconds = SEND_SECONDS
providers._MARGIN_SECONDS = MARGIN_SECONDS

install("notification_service")

__all__ = ["NotificationService"]
