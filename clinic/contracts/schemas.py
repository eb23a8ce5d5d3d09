"""Parses and serializes the documented JSON of a booking."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from clinic.contracts.email_address import parse_email_address
from clinic.contracts.message_catalogue import reason_text
from clinic.contracts.person_name import parse_name
from clinic.domain import booking as steps
from clinic.domain import reasons
from clinic.domain.booking import Booking
from clinic.domain.clock import now, to_wire

#: Members of a booking that require a credential.
PERSONAL_FIELDS = frozenset({"patientName", "patientEmail"})

_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:[0-5]\d)", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
#: Instants between these can be shown in any zone; outside, conversion may overflow.
_EARLIEST = datetime(1, 1, 3, tzinfo=UTC)
_LATEST = datetime(9999, 12, 29, tzinfo=UTC)
#: Maximum number of days of free slots per call.
MAX_SLOT_DAYS = 31


class PersonName(fields.String):
    """A legible, non-blank name of at most `MAX_NAME` characters."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return parse_name(_text(value))


class EmailAddress(fields.String):
    """Exactly one address, loaded in its normal form."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return parse_email_address(_text(value))


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


class ReschedulingSchema(Schema):
    """Exactly {"date"}."""

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
_RESCHEDULING = ReschedulingSchema()
_CANCELLATION = CancellationSchema()
_SLOTS_QUERY = SlotsQuerySchema()
_SLOT_DAYS = SlotDaysSchema()
_NEAREST_SLOTS = NearestSlotsSchema()


def parse_booking(payload: Any, *, language: str, by: str) -> Booking:
    """Parse the documented body of `POST /book` into a pending booking.

    Raises: marshmallow.ValidationError with `{field: [messages]}`, which never quotes values.
    """
    if language not in reasons.LANGUAGES:
        raise ValidationError({"language": [f"must be one of: {', '.join(reasons.LANGUAGES)}"]})
    return steps.create_booking(**_REQUEST.load(payload), language=language, at=now(), by=by)


def parse_rescheduling(payload: Any) -> datetime:
    """Parse `{"date"}`, the new date of a booking. Raises: ValidationError."""
    moment: datetime = _RESCHEDULING.load(payload)["date"]
    return moment


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
    """Serialize a booking as the documented flat object, for its patient and for staff."""
    return {
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


def _attention(booking: Booking) -> dict[str, str] | None:
    if booking.attention is None:
        return None
    return {"code": booking.attention.code, "at": to_wire(booking.attention.at)}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValidationError("must be a text")
    return value
