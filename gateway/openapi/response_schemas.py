"""The schemas of JSON responses.

They serve as documentation only: `booking_to_json` and the views build the objects directly, which
is much faster. The integration tests validate every response against them.
"""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from clinic.contracts.field_errors import FIELD_ERROR_CODES, INVALID
from clinic.contracts.values.request_fields import CatalogueId, EmailAddress, Instant, PersonName
from clinic.domain import reasons
from clinic.domain.booking import Status
from gateway.openapi.error_responses import CODES

_TO_WIRE = (
    r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z$"  #: as in `clinic.domain.clock.to_wire`
)


class ResponseSchema(Schema):
    class Meta:
        unknown = RAISE  # documents that there are no additional fields


def _described(description: str, **keywords: Any) -> dict[str, Any]:
    """Return the arguments of a required field with a description."""
    return {"required": True, "metadata": {"description": description} | keywords}


def _of_catalogue(description: str, **keywords: str) -> dict[str, Any]:
    """Return the arguments of a field that only bookings of a catalogue's service have."""
    return {"metadata": {"description": f"{description} Only with a catalogue."} | keywords}


class AttentionSchema(ResponseSchema):
    code = fields.String(**_described("The error that prevents a decision."))
    at = Instant(**_described("When the error occurred.", pattern=_TO_WIRE))


class PublicBookingSchema(ResponseSchema):
    """A booking without personal data."""

    id = fields.UUID(**_described("Random."))
    status = fields.Enum(
        Status, by_value=fields.String, **_described("`rejected` and `cancelled` are final.")
    )
    reason = fields.String(
        validate=validate.OneOf(reasons.CODES),
        allow_none=True,
        **_described("Why it was rejected or cancelled."),
    )
    reason_text = fields.String(
        data_key="reasonText", allow_none=True, **_described("`reason` in the patient's language.")
    )
    date = Instant(**_described("When the appointment begins.", pattern=_TO_WIRE))
    language = fields.String(
        validate=validate.OneOf(reasons.LANGUAGES), **_described("The language of e-mails.")
    )
    version = fields.Integer(
        validate=validate.Range(min=1), **_described("Starts at 1; each change adds 1.")
    )
    created_at = Instant(data_key="createdAt", **_described("Creation time.", pattern=_TO_WIRE))
    updated_at = Instant(data_key="updatedAt", **_described("Last change.", pattern=_TO_WIRE))
    attention = fields.Nested(
        AttentionSchema, allow_none=True, **_described("Why the booking needs manual review.")
    )
    service = CatalogueId(**_of_catalogue("The service."))
    practitioner = CatalogueId(
        allow_none=True, **_of_catalogue("The practitioner; null until one is assigned.")
    )
    site = CatalogueId(allow_none=True, **_of_catalogue("The site; null until one is assigned."))
    end = Instant(
        allow_none=True,
        **_of_catalogue("When the appointment ends; null until it is confirmed.", pattern=_TO_WIRE),
    )


class BookingSchema(PublicBookingSchema):
    """A booking with personal data, for its patient and staff."""

    patient_name = PersonName(data_key="patientName", **_described("Unicode normalization form C."))
    patient_email = EmailAddress(
        data_key="patientEmail",
        allow_none=True,
        **_described("Normalized; null for a patient without one, who has booked by phone."),
    )
    patient_phone = fields.String(
        data_key="patientPhone",
        metadata={"description": "The phone number, if the clinic has booked for the patient."},
    )


class ManagedBookingSchema(BookingSchema):
    manage_token = fields.String(
        data_key="manageToken",
        **_described("Authorizes changes. No other response contains it."),
    )


#: The response of an operation with optional credentials.
EITHER_BOOKING = {"oneOf": [PublicBookingSchema, BookingSchema]}


class AcceptedSchema(ResponseSchema):
    booking = fields.Nested(ManagedBookingSchema, required=True)


#: The start of a free slot, as `clinic.domain.clock.to_wire` formats it.
START = {"type": "string", "format": "date-time", "pattern": _TO_WIRE}


class PublicServiceSchema(ResponseSchema):
    id = CatalogueId(**_described("For `service` of a request."))
    name = fields.String(**_described("In the language of Accept-Language."))
    minutes = fields.Integer(**_described("The length of an appointment."))
    default = fields.Boolean(**_described("Whether a request without a service means this one."))


class PublicPractitionerSchema(ResponseSchema):
    id = CatalogueId(**_described("For `practitioner` of a request."))
    name = fields.String(**_described("The name."))
    services = fields.List(CatalogueId(), **_described("Ids of the services."))
    sites = fields.List(CatalogueId(), **_described("Ids of the sites."))


class PublicSiteSchema(ResponseSchema):
    id = CatalogueId(**_described("For `site` of a request."))
    name = fields.String(**_described("In the language of Accept-Language."))
    timezone = fields.String(**_described("A zone of the IANA database."))
    address = fields.String(**_described("The postal address, or empty."))
    phone = fields.String(**_described("The phone number, or empty."))


class OpeningSchema(ResponseSchema):
    start = Instant(**_described("When an appointment can begin.", pattern=_TO_WIRE))
    end = Instant(**_described("When it would end.", pattern=_TO_WIRE))
    practitioner = CatalogueId(allow_none=True, **_described("Who is free."))
    site = CatalogueId(allow_none=True, **_described("Where."))


class LiveSchema(ResponseSchema):
    status = fields.String(validate=validate.Equal("live"), required=True)


class ReadySchema(ResponseSchema):
    status = fields.String(validate=validate.OneOf(["ready", "unready"]), required=True)
    database = fields.String(validate=validate.OneOf(["up", "down"]), required=True)
    broker = fields.String(
        validate=validate.OneOf(["up", "down"]), **_described("Not required to accept bookings.")
    )


class ProblemSchema(ResponseSchema):
    """Problem details (RFC 9457)."""

    type = fields.String(validate=validate.Equal("about:blank"), required=True)
    title = fields.String(**_described("For humans; may change."))
    status = fields.Integer(**_described("The HTTP status."))
    code = fields.String(validate=validate.OneOf(CODES), **_described("For programs; stable."))
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "The messages of each invalid field or parameter."},
    )
    error_codes = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String(validate=validate.OneOf([INVALID, *FIELD_ERROR_CODES]))),
        data_key="errorCodes",
        metadata={"description": "The stable code of each message in `errors`."},
    )
    detail = fields.String(
        metadata={
            "description": "The errors of name and e-mail address, in the language of"
            " Accept-Language."
        },
    )
    bookings = fields.Integer(
        validate=validate.Range(min=1),
        metadata={"description": "How many upcoming bookings prevent the change."},
    )
    reason = fields.String(
        validate=validate.OneOf(reasons.CODES),
        metadata={"description": "Why the booking can't be rescheduled to that date."},
    )
    reason_text = fields.String(
        data_key="reasonText",
        metadata={"description": "`reason` in the language of Accept-Language."},
    )
