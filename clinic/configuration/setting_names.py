"""Maps settings to their environment variables, so that errors name what an operator sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Path in the configuration to variable, where the two differ.
_VARIABLES = {
    "MONGODB_CONNECTION_URL": "MONGODB_URI",
    "MONGODB_CONNECTION_URL_FILE": "MONGODB_URI_FILE",
    "AVAILABILITY.delay_seconds": "AVAILABILITY_DELAY_SECONDS",
    "AVAILABILITY.failure_rate": "AVAILABILITY_FAILURE_RATE",
    "CALENDAR.timezone": "CLINIC_TIMEZONE",
    "CALENDAR.slot_minutes": "CLINIC_SLOT_MINUTES",
    "CALENDAR.seats_per_slot": "CLINIC_SEATS_PER_SLOT",
    "CALENDAR.holidays": "CLINIC_HOLIDAYS",
    "CALENDAR.horizon_days": "CLINIC_HORIZON_DAYS",
    "BOOKING_RETRY.max_attempts": "BOOKING_MAX_ATTEMPTS",
    "BOOKING_RETRY.ttl_seconds": "BOOKING_RETRY_TTL_SECONDS",
    "EMAIL_RETRY.max_attempts": "EMAIL_MAX_ATTEMPTS",
    "EMAIL_RETRY.ttl_seconds": "EMAIL_RETRY_TTL_SECONDS",
    "WEBHOOK_RETRY.max_attempts": "WEBHOOK_MAX_ATTEMPTS",
    "WEBHOOK_RETRY.ttl_seconds": "WEBHOOK_RETRY_TTL_SECONDS",
    "SMTP.host": "SMTP_HOST",
    "SMTP.port": "SMTP_PORT",
    "SMTP.username": "SMTP_USERNAME",
    "SMTP.password": "SMTP_PASSWORD",
    "SMTP.password_file": "SMTP_PASSWORD_FILE",
    "SMTP.starttls": "SMTP_STARTTLS",
    "SMTP.tls": "SMTP_TLS",
    "SMTP.sender": "SMTP_SENDER",
    "SMTP.sender_name": "SMTP_SENDER_NAME",
    "WEBHOOK.url": "WEBHOOK_URL",
    "WEBHOOK.secret": "WEBHOOK_SECRET",
    "WEBHOOK.secret_file": "WEBHOOK_SECRET_FILE",
    "max_workers": "BOOKING_MAX_WORKERS",
    "MONITOR.host": "MONITOR_HOST",
    "MONITOR.port": "MONITOR_PORT",
    "LOG_FORMAT": "LOG_FORMAT",
}


def variable(path: str) -> str:
    """Return the variable of a setting: SMTP_PORT for SMTP.port."""
    return _VARIABLES.get(path, path)


def fault_line(messages: Mapping[Any, Any]) -> str:
    """Format marshmallow's messages as one line, with variables and paths."""
    return "; ".join(
        f"{_title(path)}: {' '.join(str(text).split())}" for path, text in _faults(messages)
    )


def _title(path: str) -> str:
    name = variable(path)
    return name if name == path else f"{name} ({path})"


def _faults(messages: Mapping[Any, Any], parent: str = "") -> Iterator[tuple[str, str]]:
    for key, found in messages.items():
        # marshmallow's keys for an error of a whole schema, and for a value in a mapping.
        path = parent if key in ("_schema", "value") else f"{parent}.{key}".lstrip(".")
        if isinstance(found, Mapping):
            yield from _faults(found, path)
        else:
            yield path or "the file", " ".join(str(message) for message in found)
