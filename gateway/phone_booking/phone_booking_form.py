"""Parses the form in which staff book for a patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError

from clinic.contracts import strict_json
from clinic.contracts.field_errors import FieldMessage
from clinic.contracts.messages import choice_ids
from clinic.contracts.schemas import parse_phone_booking
from clinic.domain.catalogue import Catalogue
from gateway.patient_pages.choice_form import Selection, requested_choice, select
from gateway.web.form_input import idempotency_key, local_to_utc

#: The field of the form for each field of the request.
_FIELDS = {
    "patientName": "name",
    "patientPhone": "phone",
    "patientEmail": "email",
    "date": "date",
    "language": "language",
}


@dataclass(frozen=True, slots=True)
class PhoneBookingForm:
    """The input of the fields, unvalidated. `date` is a chosen slot. `local` is a typed local time,
    used while the slots are unknown, or to overbook."""

    name: str = ""
    phone: str = ""
    email: str = ""
    language: str = ""
    date: str = ""
    local: str = ""
    overbook: str = ""
    token: str = ""
    service: str = ""
    practitioner: str = ""
    site: str = ""

    @classmethod
    def of(cls, submitted: Mapping[str, str]) -> PhoneBookingForm:
        return cls(**{name: submitted.get(name, "").strip() for name in cls.__slots__})

    @property
    def is_overbooked(self) -> bool:
        return bool(self.overbook)

    def select(self, catalogue: Catalogue | None) -> Selection | None:
        ids = {"service": self.service, "practitioner": self.practitioner, "site": self.site}
        return select(requested_choice(ids), catalogue)

    def read(self, zone: ZoneInfo, catalogue: Catalogue) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the request, and the message keys of the invalid fields. `zone` is that of a typed
        time."""
        selection = self.select(catalogue)
        payload = self._payload(zone) | (choice_ids(selection.choice) if selection else {})
        errors = {"choice": "choice_gone"} if selection and selection.is_changed else {}
        try:
            parse_phone_booking(payload, language=self.language, by="staff", catalogue=catalogue)
        except ValidationError as error:
            errors |= _field_errors(error)
        return payload, errors

    def key(self, payload: Mapping[str, Any]) -> str | None:
        content = strict_json.dumps([payload, self.language, self.is_overbooked])
        return idempotency_key(self.token, content)

    def _payload(self, zone: ZoneInfo) -> dict[str, Any]:
        contact = {"patientPhone": self.phone, "patientEmail": self.email}
        given = {name: value for name, value in contact.items() if value}
        return {"patientName": self.name, "date": self._date(zone), **given}

    def _date(self, zone: ZoneInfo) -> str:
        """Return the typed time to overbook, or else the chosen slot, if there is one."""
        if self.local and (self.is_overbooked or not self.date):
            return local_to_utc(self.local, zone)
        return self.date


def _field_errors(error: ValidationError) -> dict[str, str]:
    messages = error.normalized_messages()
    return {
        field: _message_key(field, messages[key][0])
        for key, field in _FIELDS.items()
        if key in messages
    }


def _message_key(field: str, message: str) -> str:
    """Only errors of what staff choose lack a code."""
    return message.code if isinstance(message, FieldMessage) else f"{field}_wrong"
