"""What the notification service tells of the notifications of a booking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app

from clinic.errors import ServiceUnavailable


@dataclass(frozen=True, slots=True)
class Notification:
    """One step of a booking on one channel: `version` is the booking's after that step."""

    version: int
    channel: str
    status: str
    state: str
    tries: int
    at: datetime
    may_resend: bool


def notifications_of(booking_id: str, until: float) -> list[Notification] | None:
    """Return them in the service's order, or None while it can't be asked."""
    try:
        told = _call("list_notifications", until, booking_id=booking_id)
    except ServiceUnavailable:
        return None
    return [_notification(each) for each in told]


def resend(booking_id: str, version: int, channel: str, *, until: float) -> None:
    """Raises: ServiceUnavailable, and what the service refuses it for."""
    _call("resend", until, booking_id=booking_id, version=version, channel=channel, by="staff")


def _call(method: str, until: float, **arguments: Any) -> Any:
    return current_app.config["NOTIFICATION_ADMIN"].call(method, until=until, **arguments)


def _notification(told: dict[str, Any]) -> Notification:
    return Notification(
        version=told["version"],
        channel=told["channel"],
        status=told["status"],
        state=told["state"],
        tries=told["tries"],
        at=datetime.fromisoformat(told["at"]),
        may_resend=told["canResend"],
    )
