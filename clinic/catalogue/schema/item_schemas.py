"""The form of services, sites and the profile of the clinic."""

from __future__ import annotations

from typing import Any

from marshmallow import (
    RAISE,
    Schema,
    ValidationError,
    fields,
    post_load,
    validate,
    validates_schema,
)

from clinic.catalogue.schema.catalogue_fields import (
    CalendarDay,
    HolidayRegion,
    ItemId,
    Line,
    Minutes,
    OptionalUrl,
    SenderText,
    TrueOrFalse,
    WholeNumber,
    ZoneName,
    require_distinct,
)
from clinic.domain.catalogue import (
    MAX_BUFFER_MINUTES,
    MAX_SERVICE_MINUTES,
    ClinicProfile,
    Closure,
    ScheduleKind,
    Service,
    Site,
)
from clinic.domain.reasons import DEFAULT_LANGUAGE, LANGUAGES
from clinic.domain.time_cells import CELL_MINUTES

MAX_NAME = 80
MAX_NOTE = 200
_MAX_ADDRESS = 200
_MAX_PHONE = 40
_MAX_NOTICE_MINUTES = 90 * 24 * 60
_MAX_CLOSURES = 100


class ItemSchema(Schema):
    """Base of every object of a catalogue: unknown fields are errors."""

    class Meta:
        unknown = RAISE

    error_messages = {"type": "must be an object", "unknown": "is not a field here"}


_NAMES = {language: Line(MAX_NAME, required=language == DEFAULT_LANGUAGE) for language in LANGUAGES}


class NamesSchema(ItemSchema.from_dict(_NAMES)):  # type: ignore[misc]
    """A name in each language; where it is missing, the one in the default language."""

    @post_load
    def to_names(self, data: dict[str, str], **_kwargs: Any) -> dict[str, str]:
        return {language: data.get(language, data[DEFAULT_LANGUAGE]) for language in LANGUAGES}


class ServiceSchema(ItemSchema):
    id = ItemId(required=True)
    names = fields.Nested(NamesSchema, required=True)
    minutes = Minutes(CELL_MINUTES, MAX_SERVICE_MINUTES, required=True)
    before = Minutes(0, MAX_BUFFER_MINUTES, load_default=0)
    after = Minutes(0, MAX_BUFFER_MINUTES, load_default=0)
    start_every = Minutes(CELL_MINUTES, MAX_SERVICE_MINUTES, data_key="startEvery")
    notice_minutes = WholeNumber(0, _MAX_NOTICE_MINUTES, data_key="noticeMinutes", load_default=0)
    needs = fields.List(
        fields.Enum(ScheduleKind, by_value=fields.String),
        load_default=lambda: [ScheduleKind.PRACTITIONER],
        validate=validate.Length(max=len(ScheduleKind)),
    )
    is_default = TrueOrFalse(data_key="default", load_default=False)
    is_active = TrueOrFalse(data_key="active", load_default=True)

    @post_load
    def to_service(self, data: dict[str, Any], **_kwargs: Any) -> Service:
        data.setdefault("start_every", data["minutes"])
        return Service(**data | {"needs": tuple(data["needs"])})


class ClosureSchema(ItemSchema):
    """Days on which the site is closed, both included."""

    first = CalendarDay(data_key="from", required=True)
    last = CalendarDay(data_key="to", required=True)
    note = Line(MAX_NOTE, shortest=0, load_default="")

    @validates_schema
    def require_order(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if data["last"] < data["first"]:
            raise ValidationError("must not be before the first day", "to")

    @post_load
    def to_closure(self, data: dict[str, Any], **_kwargs: Any) -> Closure:
        return Closure(**data)


class SiteSchema(ItemSchema):
    id = ItemId(required=True)
    names = fields.Nested(NamesSchema, required=True)
    zone = ZoneName(required=True)
    address = Line(_MAX_ADDRESS, shortest=0, load_default="")
    phone = Line(_MAX_PHONE, shortest=0, load_default="")
    closures = fields.List(
        fields.Nested(ClosureSchema), load_default=list, validate=validate.Length(max=_MAX_CLOSURES)
    )
    holidays = HolidayRegion(load_default="")

    @post_load
    def to_site(self, data: dict[str, Any], **_kwargs: Any) -> Site:
        return Site(**data | {"closures": tuple(data["closures"])})


class ProfileSchema(ItemSchema):
    """Empty values mean those of the settings."""

    name = Line(MAX_NAME, shortest=0, load_default="")
    sender = SenderText(load_default="")
    public_url = OptionalUrl(data_key="publicUrl", load_default="")
    languages = fields.List(
        fields.String(validate=validate.OneOf(LANGUAGES)),
        load_default=list,
        validate=[validate.Length(max=len(LANGUAGES)), require_distinct],
    )

    @post_load
    def to_profile(self, data: dict[str, Any], **_kwargs: Any) -> ClinicProfile:
        return ClinicProfile(**data | {"languages": tuple(data["languages"])})
