"""Reads the form of a patient who asks for an appointment."""

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

_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
_FIELDS = {"patientName": "name", "patientEmail": "email", "date": "date"}


def new_token() -> str:
    """Name one rendered form, so that it is taken once however often it is sent."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class Form:
    """What stands in the fields, as it was typed. `date` comes from the free times, `local` from
    the field that takes their place when nobody knows them."""

    name: str = ""
    email: str = ""
    date: str = ""
    local: str = ""
    token: str = ""

    @classmethod
    def of(cls, sent: Mapping[str, str]) -> Form:
        return cls(**{name: sent.get(name, "") for name in cls.__slots__})

    def read(self, language: str, zone: ZoneInfo) -> tuple[Booking | None, dict[str, str]]:
        """Return the booking that it asks for, or the fields at fault with the keys of the texts
        that tell why."""
        try:
            return parse_booking(self._payload(zone), language=language, by="patient"), {}
        except ValidationError as error:
            wrong = error.normalized_messages()
            return None, {
                field: _fault(wrong[key][0]) for key, field in _FIELDS.items() if key in wrong
            }

    def body(self, booking: Booking) -> bytes:
        """What tells this request from another one."""
        wanted = [booking.patient_name, booking.patient_email, to_wire(booking.date)]
        return strict_json.dumps([*wanted, booking.language])

    def key(self, booking: Booking) -> str | None:
        """Return the key under which it is taken once. What was changed before it was sent again
        is another request; what has no token of ours can't be recognised."""
        if not _TOKEN.fullmatch(self.token):
            return None
        return f"{self.token}.{hashlib.sha256(self.body(booking)).hexdigest()}"

    def _payload(self, zone: ZoneInfo) -> dict[str, str]:
        date = self.date or _on_the_clock(self.local, zone)
        return {"patientName": self.name, "patientEmail": self.email, "date": date}


def _fault(message: str) -> str:
    """Only a date has faults without a text of their own: nobody types one."""
    return message.code if isinstance(message, FieldMessage) else "date_wrong"


def _on_the_clock(local: str, zone: ZoneInfo) -> str:
    """Read "2026-12-01T10:00" on the clocks of a zone; nothing for what they never show."""
    try:
        wall = datetime.fromisoformat(local)
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    shown = moment.astimezone(zone).replace(tzinfo=None)
    return to_wire(moment) if shown == wall else ""
