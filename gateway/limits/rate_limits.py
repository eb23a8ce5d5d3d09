"""Limits the rate of bookings and changes per client, in the memory of this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Flask
from flask_limiter import Limiter
from limits import parse_many
from marshmallow import ValidationError, fields

from clinic.configuration.limit_fields import OFF, is_off
from gateway.http.client_address import client_key
from gateway.limits.breach_log import BreachLog

#: The views that share one count. Changes have their own, so that guessing codes does not keep
#: others at the same address from booking.
_SCOPES = {
    "bookings": ("bookings.book", "asking.ask"),
    "changes": ("changes.cancel", "changes.reschedule", "appointment.cancel", "moving.move"),
}


class Rate(fields.Field[str | None]):
    """A rate like 60/minute, or several like 5/second;100/hour; None for `off`."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str | None:
        if is_off(value):
            return None
        if not isinstance(value, str) or not _amounts(value) or min(_amounts(value)) < 1:
            raise ValidationError(f"must be a rate like 60/minute, or {OFF}")
        return value


def limit_requests(app: Flask, rate: str) -> None:
    """Answer 429 to clients that exceed the rate, over the API and the pages together."""
    breaches = BreachLog()
    limiter = Limiter(
        client_key,
        app=app,
        storage_uri="memory://",
        strategy="sliding-window-counter",
        headers_enabled=True,
        on_breach=lambda limit: breaches.add(limit.key),
    )
    for scope, names in _SCOPES.items():
        limit = limiter.shared_limit(rate, scope=scope)
        for name in names:
            view: Any = limit(app.view_functions[name])
            app.view_functions[name] = view


def _amounts(rate: str) -> Sequence[int]:
    """Return the requests that each rate allows; an empty list for an invalid rate."""
    try:
        return [item.amount for item in parse_many(rate)]
    except ValueError:
        return []
