"""The notification service with fault injection.

`nameko run tests.faults.injection.notification_service`
"""

from datetime import timedelta

from clinic.concurrency import periodic_task
from notification_service import notification_dependencies
from notification_service.channels import email_channel, smtp_connection, webhook
from notification_service.channels.email_channel import SmtpChannel
from notification_service.channels.webhook import WebhookChannel
from notification_service.reminders import reminders
from notification_service.service import NotificationService, WebhookService
from tests.faults.injection.injector import install

#: A notifier that died while it sent is waited out for its lease: minutes, which no test has. All
#: that the lease is made of is shorter here, so that it is still longer than what it is a lease of.
SEND_SECONDS, MARGIN_SECONDS = 8.0, 17
smtp_connection.REPLY_SECONDS = smtp_connection.VERDICT_SECONDS = email_channel.SEND_SECONDS = (
    SEND_SECONDS
)
SmtpChannel.longest_send_seconds = SEND_SECONDS
webhook.ANSWER_SECONDS = webhook.SEND_SECONDS = SEND_SECONDS
WebhookChannel.longest_send_seconds = SEND_SECONDS
notification_dependencies._MARGIN_SECONDS = MARGIN_SECONDS

# No test waits a day: who was told of an appointment a moment ago is reminded of it all the same.
reminders.RECENT = timedelta(days=-365)
reminders._INTERVAL_SECONDS = 1.0
# A run that was stopped in the middle has taken long, and would be followed by a long rest.
periodic_task._REST_FACTOR = 0

install("notification_service")

__all__ = ["NotificationService", "WebhookService"]
