"""Parses and serializes the documented JSON of a booking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError

from clinic.contracts.field_errors import invalid
from clinic.contracts.values.request_fields import (
    CatalogueId,
    EmailAddress,
    Instant,
    PersonName,
    PhoneNumber,
)
from clinic.domain import booking as steps
from clinic.domain import reasons
from clinic.domain.booking import NO_CHOICE, Booking, Choice
from clinic.domain.catalogue import DEFAULT_CLINIC, Catalogue, ScheduleKind
from clinic.domain.clock import now

# Additions to the OpenAPI document that types and validators don't express.
_NAME = {
    "description": "Legible, without control characters and without a web or e-mail address."
    " Blanks and invisible characters around it are removed.",
    "examples": ["Juan Pérez"],
}
_EMAIL = {
    "description": "Exactly one address, in ASCII before the @. Blanks around it are removed.",
    "examples": ["juan@example.com"],
}


class BookingRequestSchema(Schema):
    """Exactly {"patientName", "patientEmail", "date"}."""

    class Meta:
        unknown = RAISE

    error_messages = {"type": "must be a JSON object", "unknown": "is not a field of a booking"}

    patient_name = PersonName(data_key="patientName", required=True, metadata=_NAME)
    patient_email = EmailAddress(data_key="patientEmail", required=True, metadata=_EMAIL)
    date = Instant(
        required=True,
        metadata={
            "description": "When the appointment shall begin, with any offset. Whether that is"
            " possible is decided afterwards.",
            "examples": ["2026-12-01T10:00:00+01:00"],
        },
    )


def _optional_id(description: str, example: str) -> CatalogueId:
    metadata = {"description": description, "examples": [example]}
    return CatalogueId(load_default=None, allow_none=True, metadata=metadata)


class ChoiceSchema(Schema):
    """{"service", "practitioner", "site"}, all optional; for clinics with a catalogue."""

    class Meta:
        unknown = RAISE

    service = _optional_id("A service; otherwise the default one.", "first-visit")
    practitioner = _optional_id("A practitioner; otherwise any.", "ana-lopez")
    site = _optional_id("A site; otherwise any.", "centro")


class ServiceRequestSchema(BookingRequestSchema, ChoiceSchema):
    """A booking request to a clinic with a catalogue."""

    class Meta:
        unknown = RAISE


class PhoneBookingSchema(ServiceRequestSchema):
    """A booking that staff make for a patient, who has an e-mail address, a phone number or
    both."""

    patient_email = EmailAddress(data_key="patientEmail", load_default=None, allow_none=True)
    patient_phone = PhoneNumber(data_key="patientPhone", load_default=None, allow_none=True)


class ReschedulingSchema(Schema):
    """{"date"}, and "practitioner" for a clinic with a catalogue."""

    class Meta:
        unknown = RAISE

    error_messages = {"type": "must be a JSON object", "unknown": "can't be changed"}

    date = Instant(
        required=True,
        metadata={
            "description": "When the appointment shall begin instead, with any offset.",
            "examples": ["2026-12-02T16:30:00+01:00"],
        },
    )
    practitioner = _optional_id("Another practitioner; otherwise the same.", "luis-vega")


class CancellationSchema(Schema):
    """{}: the credentials determine the actor and the reason."""

    class Meta:
        unknown = RAISE

    error_messages = {"type": "must be a JSON object", "unknown": "is not needed to cancel"}


_REQUEST = BookingRequestSchema()
_SERVICE_REQUEST = ServiceRequestSchema()
_PHONE_BOOKING = PhoneBookingSchema()
_CHOICE = ChoiceSchema()
_RESCHEDULING = ReschedulingSchema()
_CANCELLATION = CancellationSchema()


@dataclass(frozen=True, slots=True)
class Rescheduling:
    date: datetime
    practitioner: str | None


def parse_booking(
    payload: Any, *, language: str, by: str, catalogue: Catalogue | None = None
) -> Booking:
    """Parse the documented body of `POST /book` into a pending booking. Without a configured
    catalogue it has no service, practitioner and site.

    Raises: marshmallow.ValidationError with `{field: [messages]}`, which never quotes values.
    """
    _require_language(language)
    fields_: dict[str, Any]
    if catalogue is None or not catalogue.is_configured:
        fields_ = _REQUEST.load(payload)
    else:
        fields_ = _SERVICE_REQUEST.load(payload)
        fields_["choice"] = pop_choice(fields_, catalogue)
    clinic = catalogue.clinic if catalogue else DEFAULT_CLINIC
    spoken = offered_language(language, catalogue)
    return steps.create_booking(**fields_, clinic=clinic, language=spoken, at=now(), by=by)


def check_booking(payload: Any) -> None:
    """Check all of a booking request that needs no catalogue. Raises: ValidationError."""
    _SERVICE_REQUEST.load(payload)


def offered_language(preferred: str, catalogue: Catalogue | None) -> str:
    """Return the preferred language if the clinic writes in it, else the clinic's first one."""
    languages = catalogue.profile.languages if catalogue else ()
    return preferred if preferred in languages or not languages else languages[0]


def parse_phone_booking(payload: Any, *, language: str, by: str, catalogue: Catalogue) -> Booking:
    """Parse a booking by phone: the fields of a request, and "patientPhone". The e-mail address may
    be missing if there is a phone number.

    Raises: ValidationError with `{field: [messages]}`, which never quotes values.
    """
    _require_language(language)
    loaded = _PHONE_BOOKING.load(payload)
    if loaded["patient_email"] is None and loaded["patient_phone"] is None:
        missing = invalid("contact_missing", "is required without an e-mail address")
        raise ValidationError({"patientPhone": missing.messages})
    choice = pop_choice(loaded, catalogue)
    return steps.create_booking(
        **loaded,
        choice=choice,
        clinic=catalogue.clinic,
        language=offered_language(language, catalogue),
        at=now(),
        by=by,
    )


def _require_language(language: str) -> None:
    """Raises: ValidationError."""
    if language not in reasons.LANGUAGES:
        raise ValidationError({"language": [f"must be one of: {', '.join(reasons.LANGUAGES)}"]})


def parse_choice(ids: Mapping[str, Any], catalogue: Catalogue) -> Choice:
    """Parse {"service", "practitioner", "site"}; those that are missing or None are left open.

    Raises: ValidationError, also for any of them without a configured catalogue.
    """
    given = {name: value for name, value in ids.items() if value is not None}
    return pop_choice(_CHOICE.load(given), catalogue)


def pop_choice(loaded: dict[str, Any], catalogue: Catalogue) -> Choice:
    """Remove the ids from the loaded fields, and return them with the default service.

    Raises: ValidationError for an id that is not in the catalogue.
    """
    service, practitioner, site = (loaded.pop(name) for name in ("service", "practitioner", "site"))
    known = {
        "service": service is None or (catalogue.is_configured and service in catalogue.services),
        "practitioner": practitioner is None or _is_practitioner(practitioner, catalogue),
        "site": site is None or (catalogue.is_configured and site in catalogue.sites),
    }
    if unknown := {name: ["is not known"] for name, is_known in known.items() if not is_known}:
        raise ValidationError(unknown)
    if not catalogue.is_configured:
        return NO_CHOICE
    return Choice(service or catalogue.default_service.id, practitioner, site)


def _is_practitioner(schedule_id: str, catalogue: Catalogue) -> bool:
    schedule = catalogue.schedules.get(schedule_id)
    return (
        catalogue.is_configured
        and schedule is not None
        and schedule.kind is ScheduleKind.PRACTITIONER
    )


def parse_rescheduling(payload: Any, catalogue: Catalogue | None = None) -> Rescheduling:
    """Parse `{"date"}`, the new date of a booking, and `practitioner` if there is a catalogue.

    Raises: ValidationError.
    """
    loaded = _RESCHEDULING.load(payload)
    practitioner = loaded["practitioner"]
    if practitioner and not (catalogue and _is_practitioner(practitioner, catalogue)):
        raise ValidationError({"practitioner": ["is not known"]})
    return Rescheduling(loaded["date"], practitioner)


def parse_cancellation(payload: Any) -> None:
    """Raises: ValidationError for anything but an empty object."""
    _CANCELLATION.load(payload)
