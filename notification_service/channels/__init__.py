"""How a notification leaves: e-mail over SMTP, the webhook, or the log."""
