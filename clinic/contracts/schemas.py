"""Parses and serializes the documented JSON of a booking."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from clinic.contracts.email_address import parse_email_address
from clinic.contracts.field_errors import invalid
from clinic.contracts.message_catalogue import reason_text
from clinic.contracts.person_name import parse_name
from clinic.contracts.phone_number import parse_phone_number
from clinic.domain import booking as steps
from clinic.domain import reasons
from clinic.domain.booking import NO_CHOICE, Booking, Choice
from clinic.domain.catalogue import DEFAULT_CLINIC, Catalogue, ScheduleKind, is_catalogue_id
from clinic.domain.clock import now, to_wire

#: Members of a booking that require a credential.
PERSONAL_FIELDS = frozenset({"patientName", "patientEmail", "patientPhone"})

_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:[0-5]\d)", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
#: Instants between these can be shown in any zone; outside, conversion may overflow.
_EARLIEST = datetime(1, 1, 3, tzinfo=UTC)
_LATEST = datetime(9999, 12, 29, tzinfo=UTC)
#: Maximum number of days of free slots or openings per call.
MAX_SLOT_DAYS = 31
#: Maximum number of openings per page.
MAX_OPENINGS = 2000


class PersonName(fields.String):
    """A legible, non-blank name of at most `MAX_NAME` characters."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return parse_name(_text(value))


class EmailAddress(fields.String):
    """Exactly one address, loaded in its normal form."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return parse_email_address(_text(value))


class PhoneNumber(fields.String):
    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return parse_phone_number(_text(value))


class Instant(fields.Field[datetime]):
    """An RFC 3339 date and time with an offset, loaded as UTC with millisecond precision."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> datetime:
        text = _text(value)
        if not _RFC3339.fullmatch(text):
            raise ValidationError("must be an RFC 3339 date with an offset: 2026-12-01T10:00:00Z")
        try:
            moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValidationError("is not a date of the calendar") from None
        if not _EARLIEST <= moment < _LATEST:
            raise ValidationError("is not a date of the calendar")
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class Day(fields.Field[date]):
    """A calendar day such as 2026-12-01."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> date:
        text = _text(value)
        if not _DAY.fullmatch(text):
            raise ValidationError("must be a day like 2026-12-01")
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise ValidationError("is not a day of the calendar") from None
        if not _EARLIEST.date() <= day < _LATEST.date():
            raise ValidationError("is not a day of the calendar")
        return day


class CatalogueId(fields.Field[str]):
    """The id of a service, practitioner or site."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if not is_catalogue_id(value):
            raise ValidationError("must be an id: 1 to 24 of a-z, 0-9 and -")
        return str(value)


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


class SlotsQuerySchema(Schema):
    """{"date"}: a local day of the clinic."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "is not a parameter of slots"}

    date = Day(
        required=True,
        metadata={"description": "A day of the clinic, in its zone.", "examples": ["2026-12-01"]},
    )


class SlotDaysSchema(SlotsQuerySchema):
    """{"date", "days"}: that many local days, starting at `date`."""

    days = fields.Integer(strict=True, load_default=1, validate=validate.Range(1, MAX_SLOT_DAYS))


class OpeningsQuerySchema(ChoiceSchema):
    """{"from", "to"}: local days, both included. `after` is the start after which a page begins."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "is not a parameter of openings"}

    first = Day(
        data_key="from",
        required=True,
        metadata={"description": "The first day, in the zone of the site."},
    )
    last = Day(
        data_key="to",
        required=True,
        metadata={"description": f"The last day; at most {MAX_SLOT_DAYS} days in all."},
    )
    after = Instant(load_default=None, metadata={"description": "Where the next page begins."})


class NearestSlotsSchema(Schema):
    """{"date", "count", "notice_minutes"}: the free slots nearest to a date."""

    class Meta:
        unknown = RAISE

    date = Instant(required=True)
    count = fields.Integer(strict=True, load_default=3, validate=validate.Range(1, 20))
    notice_minutes = fields.Integer(
        strict=True, load_default=0, validate=validate.Range(0, 24 * 60)
    )


_REQUEST = BookingRequestSchema()
_SERVICE_REQUEST = ServiceRequestSchema()
_PHONE_BOOKING = PhoneBookingSchema()
_OPENINGS_QUERY = OpeningsQuerySchema()
_CHOICE = ChoiceSchema()
_RESCHEDULING = ReschedulingSchema()
_CANCELLATION = CancellationSchema()
_SLOTS_QUERY = SlotsQuerySchema()
_SLOT_DAYS = SlotDaysSchema()
_NEAREST_SLOTS = NearestSlotsSchema()


@dataclass(frozen=True, slots=True)
class Rescheduling:
    date: datetime
    practitioner: str | None


@dataclass(frozen=True, slots=True)
class OpeningsQuery:
    """`days` local days from `first` on; `after` is the last start of the previous page."""

    choice: Choice
    first: date
    days: int
    after: datetime | None


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
        fields_["choice"] = _pop_choice(fields_, catalogue)
    clinic = catalogue.clinic if catalogue else DEFAULT_CLINIC
    return steps.create_booking(**fields_, clinic=clinic, language=language, at=now(), by=by)


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
    choice = _pop_choice(loaded, catalogue)
    return steps.create_booking(
        **loaded, choice=choice, clinic=catalogue.clinic, language=language, at=now(), by=by
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
    return _pop_choice(_CHOICE.load(given), catalogue)


def _pop_choice(loaded: dict[str, Any], catalogue: Catalogue) -> Choice:
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


def parse_openings(query: Mapping[str, Any], catalogue: Catalogue) -> OpeningsQuery:
    """Parse the parameters of `GET /openings`. Raises: ValidationError."""
    loaded = _OPENINGS_QUERY.load(query)
    choice = _pop_choice(loaded, catalogue)
    days = (loaded["last"] - loaded["first"]).days + 1
    if not 1 <= days <= MAX_SLOT_DAYS:
        raise ValidationError({"to": [f"must be 0 to {MAX_SLOT_DAYS - 1} days after from"]})
    return OpeningsQuery(choice, loaded["first"], days, loaded["after"])


def parse_cancellation(payload: Any) -> None:
    """Raises: ValidationError for anything but an empty object."""
    _CANCELLATION.load(payload)


def parse_day(query: Mapping[str, Any]) -> date:
    """Parse `{"date"}`, a local day of the clinic. Raises: ValidationError."""
    day: date = _SLOTS_QUERY.load(query)["date"]
    return day


def public_view(booking: Booking) -> dict[str, Any]:
    """Serialize a booking without personal data, for requests without a credential."""
    return {
        name: value
        for name, value in booking_to_json(booking).items()
        if name not in PERSONAL_FIELDS
    }


def read_days(query: Mapping[str, Any]) -> tuple[date, int]:
    """Parse `{"date", "days"}` into the first day and their number. Raises: ValidationError."""
    found = _SLOT_DAYS.load(query)
    return found["date"], found["days"]


def parse_nearest(query: Mapping[str, Any]) -> dict[str, Any]:
    """Parse `{"date", "count", "notice_minutes"}` into {"date", "count", "notice": timedelta}.

    Raises: ValidationError.
    """
    found: dict[str, Any] = _NEAREST_SLOTS.load(query)
    return found | {"notice": timedelta(minutes=found["notice_minutes"])}


def booking_to_json(booking: Booking) -> dict[str, Any]:
    """Serialize a booking as the documented flat object, for its patient and for staff. One of a
    catalogue's service also has `service`, `practitioner`, `site` and `end`."""
    document = {
        "id": booking.id,
        "status": booking.status.value,
        "reason": booking.reason,
        "reasonText": reason_text(booking.reason, booking.language) if booking.reason else None,
        "patientName": booking.patient_name,
        "patientEmail": booking.patient_email,
        "date": to_wire(booking.date),
        "language": booking.language,
        "version": booking.version,
        "createdAt": to_wire(booking.created_at),
        "updatedAt": to_wire(booking.updated_at),
        "attention": _attention(booking),
    }
    if booking.patient_phone is not None:
        document["patientPhone"] = booking.patient_phone
    return document | _appointment(booking) if booking.choice.service else document


def _appointment(booking: Booking) -> dict[str, str | None]:
    """Return the members that only bookings of a catalogue's service have."""
    return {
        "service": booking.choice.service,
        "practitioner": booking.choice.practitioner,
        "site": booking.choice.site,
        "end": to_wire(booking.end) if booking.end else None,
    }


def _attention(booking: Booking) -> dict[str, str] | None:
    if booking.attention is None:
        return None
    return {"code": booking.attention.code, "at": to_wire(booking.attention.at)}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValidationError("must be a text")
    return value
