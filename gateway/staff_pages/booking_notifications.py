"""Client of the notification service: lists and resends the notifications of a booking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app

from clinic.errors import ServiceUnavailable


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification of one transition on one channel; `version` is the booking's after it."""

    version: int
    channel: str
    status: str
    state: str
    tries: int
    at: datetime
    may_resend: bool


def notifications_of(booking_id: str, deadline: float) -> list[Notification] | None:
    """Return the notifications in the service's order, or None while it is unavailable."""
    try:
        listed = _call("list_notifications", deadline, booking_id=booking_id)
    except ServiceUnavailable:
        return None
    return [_notification(fields) for fields in listed]


def resend(booking_id: str, version: int, channel: str, *, deadline: float) -> None:
    """Raises: ServiceUnavailable, and the errors of the service, such as ResendRejected."""
    _call("resend", deadline, booking_id=booking_id, version=version, channel=channel, by="staff")


def _call(method: str, deadline: float, **arguments: Any) -> Any:
    return current_app.config["NOTIFICATION_ADMIN"].call(method, until=deadline, **arguments)


def _notification(fields: dict[str, Any]) -> Notification:
    return Notification(
        version=fields["version"],
        channel=fields["channel"],
        status=fields["status"],
        state=fields["state"],
        tries=fields["tries"],
        at=datetime.fromisoformat(fields["at"]),
        may_resend=fields["canResend"],
    )
