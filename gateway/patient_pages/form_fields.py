"""Parses the booking form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from marshmallow import ValidationError

from clinic.contracts import strict_json
from clinic.contracts.field_errors import FieldMessage
from clinic.contracts.messages import choice_ids
from clinic.contracts.schemas import parse_booking
from clinic.domain.booking import Booking
from clinic.domain.catalogue import Catalogue
from gateway.api.bookings_api import content_of
from gateway.patient_pages.choice_form import Selection, requested_choice, select
from gateway.web.form_input import idempotency_key, local_to_utc

_FIELDS = {"patientName": "name", "patientEmail": "email", "date": "date"}


@dataclass(frozen=True, slots=True)
class Form:
    """The input of the fields, unvalidated. `date` is a chosen slot; `local` is a local time, typed
    while the slots are unknown. The ids are those of the choice."""

    name: str = ""
    email: str = ""
    date: str = ""
    local: str = ""
    token: str = ""
    service: str = ""
    practitioner: str = ""
    site: str = ""

    @classmethod
    def of(cls, submitted: Mapping[str, str]) -> Form:
        return cls(**{name: submitted.get(name, "") for name in cls.__slots__})

    def select(self, catalogue: Catalogue | None) -> Selection | None:
        ids = {"service": self.service, "practitioner": self.practitioner, "site": self.site}
        return select(requested_choice(ids), catalogue)

    def read(
        self, language: str, zone: ZoneInfo, catalogue: Catalogue
    ) -> tuple[Booking | None, dict[str, str]]:
        """Return the booking, or None and the message keys of the invalid fields. `zone` is that of
        a typed time."""
        selection = self.select(catalogue)
        payload = self._payload(zone) | (choice_ids(selection.choice) if selection else {})
        errors = {"choice": "choice_gone"} if selection and selection.is_changed else {}
        try:
            booking = parse_booking(payload, language=language, by="patient", catalogue=catalogue)
        except ValidationError as error:
            return None, errors | _field_errors(error)
        return (None, errors) if errors else (booking, {})

    def body(self, booking: Booking) -> bytes:
        """Return what identifies the request: its content, without the form token."""
        return strict_json.dumps([*content_of(booking), booking.language])

    def key(self, booking: Booking) -> str | None:
        return idempotency_key(self.token, self.body(booking))

    def _payload(self, zone: ZoneInfo) -> dict[str, str]:
        date = self.date or local_to_utc(self.local, zone)
        return {"patientName": self.name, "patientEmail": self.email, "date": date}


def _field_errors(error: ValidationError) -> dict[str, str]:
    messages = error.normalized_messages()
    return {
        field: _message_key(messages[key][0]) for key, field in _FIELDS.items() if key in messages
    }


def _message_key(message: str) -> str:
    """Only errors of the date lack a code, since patients choose the date instead of typing it."""
    return message.code if isinstance(message, FieldMessage) else "date_wrong"
