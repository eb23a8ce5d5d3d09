"""Parses the booking form."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from marshmallow import ValidationError

from clinic.contracts import strict_json
from clinic.contracts.field_errors import FieldMessage
from clinic.contracts.schemas import parse_booking
from clinic.domain.booking import Booking
from clinic.domain.clock import to_wire
from gateway.api.bookings_api import content_of

_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
_FIELDS = {"patientName": "name", "patientEmail": "email", "date": "date"}


def new_token() -> str:
    """Return a token for one rendered form, so that resending it books only once."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class Form:
    """The input of the fields, unvalidated. `date` is a chosen slot; `local` is a local time, typed
    while the slots are unknown."""

    name: str = ""
    email: str = ""
    date: str = ""
    local: str = ""
    token: str = ""

    @classmethod
    def of(cls, submitted: Mapping[str, str]) -> Form:
        return cls(**{name: submitted.get(name, "") for name in cls.__slots__})

    def read(self, language: str, zone: ZoneInfo) -> tuple[Booking | None, dict[str, str]]:
        """Return the booking, or None and the message keys of the invalid fields."""
        try:
            return parse_booking(self._payload(zone), language=language, by="patient"), {}
        except ValidationError as error:
            messages = error.normalized_messages()
            return None, {
                field: _message_key(messages[key][0])
                for key, field in _FIELDS.items()
                if key in messages
            }

    def body(self, booking: Booking) -> bytes:
        """Return what identifies the request: its content, without the form token."""
        return strict_json.dumps([*content_of(booking), booking.language])

    def key(self, booking: Booking) -> str | None:
        """Return the idempotency key. Changed input is a new request and gets another key; a form
        without a valid token gets none."""
        if not _TOKEN.fullmatch(self.token):
            return None
        return f"{self.token}.{hashlib.sha256(self.body(booking)).hexdigest()}"

    def _payload(self, zone: ZoneInfo) -> dict[str, str]:
        date = self.date or _local_to_utc(self.local, zone)
        return {"patientName": self.name, "patientEmail": self.email, "date": date}


def _message_key(message: str) -> str:
    """Only errors of the date lack a code, since patients choose the date instead of typing it."""
    return message.code if isinstance(message, FieldMessage) else "date_wrong"


def _local_to_utc(local: str, zone: ZoneInfo) -> str:
    """Convert "2026-12-01T10:00" in a zone to UTC; "" for an invalid or skipped local time."""
    try:
        local_time = datetime.fromisoformat(local)
        moment = local_time.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    shown = moment.astimezone(zone).replace(tzinfo=None)
    return to_wire(moment) if shown == local_time else ""
