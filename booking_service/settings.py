"""The booking service's part of `config.yaml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields, post_load, validate

from booking_service.availability_check import AvailabilityCheck
from booking_service.calendar import Calendar, OpeningInterval
from clinic.config import ConfigSchema, read
from clinic.configuration.setting_fields import Number, WholeNumber, Zone, number

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class BookingSettings:
    calendar: Calendar
    check: AvailabilityCheck


class OpeningIntervalField(fields.Field[OpeningInterval]):
    """Opening hours such as "08:00-20:00"."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> OpeningInterval:
        try:
            return OpeningInterval.parse(value)
        except (ValueError, AttributeError):
            raise ValidationError(f"{value!r} is not an interval like 08:00-20:00") from None


class DelayField(fields.Field[tuple[float, float]]):
    """Seconds: one number, or a range such as "2-5"."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> tuple[float, float]:
        shortest, dash, longest = str(value).partition("-")
        try:
            delay = number(shortest), number(longest if dash else shortest)
        except ValidationError:
            raise ValidationError(f"{value!r:.80} is not a delay like 2-5") from None
        if not 0 <= delay[0] <= delay[1] < 3600:
            raise ValidationError(f"{value!r} is not an ascending range below 3600")
        return delay


def _require_ascending(spans: Sequence[OpeningInterval]) -> None:
    """Overlapping intervals would list a slot twice. Raises: ValidationError."""
    for earlier, later in pairwise(spans):
        if earlier.closes is None or later.opens < earlier.closes:
            raise ValidationError("intervals of a day must be in order, without overlap")


class CalendarSchema(ConfigSchema):
    timezone = Zone(load_default=ZoneInfo("UTC"))
    opening_hours = fields.Dict(
        keys=fields.String(validate=validate.OneOf(_WEEKDAYS)),
        values=fields.List(OpeningIntervalField(), validate=_require_ascending),
        required=True,
    )
    slot_minutes = WholeNumber(1, 24 * 60, load_default=30)
    seats_per_slot = WholeNumber(1, 1000, load_default=1)
    closed_days = fields.List(fields.Date(), load_default=list)
    horizon_days = WholeNumber(1, 3650, load_default=365)

    @post_load
    def to_calendar(self, data: dict[str, Any], **_kwargs: Any) -> Calendar:
        hours: dict[str, Sequence[OpeningInterval]] = data["opening_hours"]
        closed: list[date] = data["closed_days"]
        return Calendar(
            zone=data["timezone"],
            hours={_WEEKDAYS.index(day): spans for day, spans in hours.items()},
            slot=timedelta(minutes=data["slot_minutes"]),
            seats_per_slot=data["seats_per_slot"],
            closed_days=frozenset(closed),
            horizon=timedelta(days=data["horizon_days"]),
        )


class CheckSchema(ConfigSchema):
    delay_seconds = DelayField(load_default=(2.0, 5.0))
    failure_rate = Number(0, 1, load_default=0.0)

    @post_load
    def to_check(self, data: dict[str, Any], **_kwargs: Any) -> AvailabilityCheck:
        shortest, longest = data["delay_seconds"]
        return AvailabilityCheck(shortest, longest, data["failure_rate"])


class BookingSettingsSchema(ConfigSchema):
    calendar = fields.Nested(CalendarSchema, data_key="CALENDAR", required=True)
    check = fields.Nested(CheckSchema, data_key="AVAILABILITY", required=True)

    @post_load
    def to_settings(self, data: dict[str, Any], **_kwargs: Any) -> BookingSettings:
        return BookingSettings(**data)


def booking_settings(config: Mapping[str, Any]) -> BookingSettings:
    """Raises: ConfigError, which names every invalid key."""
    result: BookingSettings = read(BookingSettingsSchema(), config)
    return result
