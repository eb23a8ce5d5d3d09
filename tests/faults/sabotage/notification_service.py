"""The notification service, with traps: `nameko run tests.faults.sabotage.notification_service`."""

from datetime import timedelta

from notification_service import channels, providers, reminders, rounds, smtp, webhook
from notification_service.channels import SmtpChannel
from notification_service.service import NotificationService, WebhookService
from notification_service.webhook import WebhookChannel
from tests.faults.sabotage.trap import install

#: A notifier that died while it sent is waited out for its lease: minutes, which no test has. All
#: that the lease is made of is shorter here, so that it is still longer than what it is a lease of.
SEND_SECONDS, MARGIN_SECONDS = 8.0, 17
smtp.REPLY_SECONDS = smtp.VERDICT_SECONDS = channels.SEND_SECONDS = SEND_SECONDS
SmtpChannel.longest_send_seconds = SEND_SECONDS
webhook.ANSWER_SECONDS = webhook.SEND_SECONDS = SEND_SECONDS
WebhookChannel.longest_send_seconds = SEND_SECONDS
providers._MARGIN_SECONDS = MARGIN_SECONDS

# No test waits a day: who was told of an appointment a moment ago is reminded of it all the same.
reminders.FRESH = timedelta(days=-365)
reminders._INTERVAL_SECONDS = 1.0
# A round that was stopped in the middle has taken long, and would be followed by a long rest.
rounds._REST = 0

install("notification_service")

__all__ = ["NotificationService", "WebhookService"]
