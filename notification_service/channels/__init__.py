"""Notification channels: e-mail over SMTP, the webhook, or the log."""
