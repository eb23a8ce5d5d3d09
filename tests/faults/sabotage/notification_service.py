"""The notification service, with traps: `nameko run tests.faults.sabotage.notification_service`."""

from notification_service import channels, providers
from notification_service.channels import SmtpChannel
from notification_service.service import NotificationService
from tests.faults.sabotage.trap import install

#: A notifier that died while it sent is waited out for its lease: minutes, which no test has. All
#: that the lease is made of is shorter here, so that it is still longer than what it is a lease of.
SEND_SECONDS, MARGIN_SECONDS = 8.0, 17
channels.ANSWER_SECONDS = channels.VERDICT_SECONDS = channels.SEND_SECONDS = SEND_SECONDS
SmtpChannel.longest_send_seconds = SEND_SECONDS
providers._MARGIN_SECONDS = MARGIN_SECONDS

install("notification_service")

__all__ = ["NotificationService"]
