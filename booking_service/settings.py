"""The booking service's part of `config.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields, post_load

from booking_service.availability_check import AvailabilityCheck
from clinic.catalogue.from_configuration import (
    CalendarSchema,
    CatalogueSettings,
    CatalogueSettingsSchema,
    to_catalogue_settings,
)
from clinic.config import ConfigSchema, read
from clinic.configuration.setting_fields import Number, number


@dataclass(frozen=True, slots=True)
class BookingSettings:
    catalogue: CatalogueSettings
    check: AvailabilityCheck


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


class CheckSchema(ConfigSchema):
    delay_seconds = DelayField(load_default=(2.0, 5.0))
    failure_rate = Number(0, 1, load_default=0.0)

    @post_load
    def to_check(self, data: dict[str, Any], **_kwargs: Any) -> AvailabilityCheck:
        shortest, longest = data["delay_seconds"]
        return AvailabilityCheck(shortest, longest, data["failure_rate"])


class BookingSettingsSchema(CatalogueSettingsSchema):
    calendar = fields.Nested(CalendarSchema, data_key="CALENDAR", required=True)
    check = fields.Nested(CheckSchema, data_key="AVAILABILITY", required=True)

    @post_load
    def to_settings(self, data: dict[str, Any], **_kwargs: Any) -> BookingSettings:
        return BookingSettings(to_catalogue_settings(data), data["check"])


def booking_settings(config: Mapping[str, Any]) -> BookingSettings:
    """Raises: ConfigError, which names every invalid key."""
    result: BookingSettings = read(BookingSettingsSchema(), config)
    return result
