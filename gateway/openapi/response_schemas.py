"""The JSON that the gateway answers with, as schemas.

They only document: `booking_to_json` and the routes write the objects by hand, which is much
quicker. The integration tests hold every answer against them.
"""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from clinic.contracts.field_errors import FIELD_ERROR_CODES, INVALID
from clinic.contracts.schemas import EmailAddress, Instant, PersonName
from clinic.domain import reasons
from clinic.domain.booking import Status
from gateway.openapi.error_responses import CODES

_TO_WIRE = (
    r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z$"  #: as `clinic.domain.clock.to_wire` writes
)


class AnswerSchema(Schema):
    class Meta:
        unknown = RAISE  # said of the document: no field goes without a description


def _told(description: str, **keywords: Any) -> dict[str, Any]:
    """What every field of an answer is: there, and described."""
    return {"required": True, "metadata": {"description": description} | keywords}


class AttentionSchema(AnswerSchema):
    code = fields.String(**_told("What kept it from being decided."))
    at = Instant(**_told("Since when.", pattern=_TO_WIRE))


class PublicBookingSchema(AnswerSchema):
    """What is shown without a credential."""

    id = fields.UUID(**_told("Random."))
    status = fields.Enum(
        Status, by_value=fields.String, **_told("`rejected` and `cancelled` are final.")
    )
    reason = fields.String(
        validate=validate.OneOf(reasons.CODES),
        allow_none=True,
        **_told("Why it was rejected or cancelled."),
    )
    reason_text = fields.String(
        data_key="reasonText", allow_none=True, **_told("The same in the patient's language.")
    )
    date = Instant(**_told("When the appointment begins.", pattern=_TO_WIRE))
    language = fields.String(
        validate=validate.OneOf(reasons.LANGUAGES), **_told("In which the patient is written to.")
    )
    version = fields.Integer(
        validate=validate.Range(min=1), **_told("1 at first; each step adds 1.")
    )
    created_at = Instant(data_key="createdAt", **_told("When it was stored.", pattern=_TO_WIRE))
    updated_at = Instant(
        data_key="updatedAt", **_told("When its last step was taken.", pattern=_TO_WIRE)
    )
    attention = fields.Nested(
        AttentionSchema, allow_none=True, **_told("Why a person has to look at it.")
    )


class BookingSchema(PublicBookingSchema):
    """What its patient and staff are shown."""

    patient_name = PersonName(data_key="patientName", **_told("In normal form C."))
    patient_email = EmailAddress(data_key="patientEmail", **_told("In its normal form."))


class ManagedBookingSchema(BookingSchema):
    manage_token = fields.String(
        data_key="manageToken", **_told("Proves that the booking is yours. Nothing else shows it.")
    )


#: What a call answers whose credential may be left out.
EITHER_BOOKING = {"oneOf": [PublicBookingSchema, BookingSchema]}


class AcceptedSchema(AnswerSchema):
    booking = fields.Nested(ManagedBookingSchema, required=True)


#: A free start, as `clinic.domain.clock.to_wire` writes it.
START = {"type": "string", "format": "date-time", "pattern": _TO_WIRE}


class LiveSchema(AnswerSchema):
    status = fields.String(validate=validate.Equal("live"), required=True)


class ReadySchema(AnswerSchema):
    status = fields.String(validate=validate.OneOf(["ready", "unready"]), required=True)
    database = fields.String(validate=validate.OneOf(["up", "down"]), required=True)
    broker = fields.String(
        validate=validate.OneOf(["up", "down"]), **_told("Bookings are accepted without it.")
    )


class ProblemSchema(AnswerSchema):
    """RFC 9457."""

    type = fields.String(validate=validate.Equal("about:blank"), required=True)
    title = fields.String(**_told("For people; may change."))
    status = fields.Integer(**_told("The status of the answer."))
    code = fields.String(validate=validate.OneOf(CODES), **_told("For programs; stays."))
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "Each field or parameter at fault, with what is wrong with it."},
    )
    error_codes = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String(validate=validate.OneOf([INVALID, *FIELD_ERROR_CODES]))),
        data_key="errorCodes",
        metadata={"description": "A stable code for each of the messages in `errors`."},
    )
    detail = fields.String(
        metadata={
            "description": "What is wrong with the name or the address, in the language of"
            " Accept-Language."
        },
    )
    reason = fields.String(
        validate=validate.OneOf(reasons.CODES),
        metadata={"description": "Why a booking can't be moved to that date."},
    )
    reason_text = fields.String(
        data_key="reasonText",
        metadata={"description": "The same in the language of Accept-Language."},
    )
