"""The catalogue of a clinic that has configured only a calendar: one pool of equal seats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import gcd
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields, post_load, validate

from clinic.catalogue.public_holidays import is_region
from clinic.config import ConfigSchema
from clinic.configuration.setting_fields import WholeNumber, Zone
from clinic.configuration.setting_text import plain_text
from clinic.domain.catalogue import (
    DEFAULT_CLINIC,
    Catalogue,
    Closure,
    Schedule,
    ScheduleKind,
    Service,
    Site,
    WeeklyHours,
)
from clinic.domain.opening_hours import OpeningInterval
from clinic.domain.time_cells import CELL_MINUTES

#: Ids of the only pool, service and site. Bookings don't show them.
POOL = "default"
SERVICE = "appointment"
SITE = "clinic"

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: Months looked at for the offsets of a zone: enough to see its summer and winter time.
_MONTHS = 24


@dataclass(frozen=True, slots=True)
class CalendarSettings:
    """`hours` maps each weekday (Monday = 0) to its opening intervals; `holidays` is a region such
    as "ES-MD", or ""."""

    zone: ZoneInfo
    hours: Mapping[int, Sequence[OpeningInterval]]
    slot: timedelta
    seats_per_slot: int
    closed_days: frozenset[date]
    horizon: timedelta
    holidays: str = ""

    def to_catalogue(self) -> Catalogue:
        minutes = self.slot // timedelta(minutes=1)
        service = Service(
            SERVICE, {}, minutes, minutes, needs=(ScheduleKind.POOL,), is_default=True
        )
        closures = tuple(Closure(day, day) for day in sorted(self.closed_days))
        return Catalogue(
            DEFAULT_CLINIC,
            {SERVICE: service},
            {POOL: self._pool(minutes)},
            {SITE: Site(SITE, {}, self.zone, closures=closures, holidays=self.holidays)},
            self.horizon,
            is_configured=False,
        )

    def _pool(self, minutes: int) -> Schedule:
        hours = (WeeklyHours(SITE, day, tuple(spans)) for day, spans in self.hours.items())
        return Schedule(
            POOL,
            ScheduleKind.POOL,
            "",
            frozenset({SERVICE}),
            tuple(hours),
            capacity=self.seats_per_slot,
            grid_minutes=self._grid(minutes),
        )

    def _grid(self, minutes: int) -> int:
        """Return the coarsest grid on which all slots lie, so that a booking needs few claims."""
        opens = (span.opens for spans in self.hours.values() for span in spans)
        starts = [60 * time.hour + time.minute for time in opens]
        return gcd(minutes, *starts, *_offsets(self.zone))


def _offsets(zone: ZoneInfo) -> set[int]:
    """Return the UTC offsets of a zone in minutes, summer and winter time."""
    now = datetime.now(UTC)
    moments = [now + timedelta(days=30 * month) for month in range(_MONTHS)]
    offsets = [moment.astimezone(zone).utcoffset() or timedelta(0) for moment in moments]
    return {abs(offset // timedelta(minutes=1)) for offset in offsets}


class OpeningIntervalField(fields.Field[OpeningInterval]):
    """Opening hours such as "08:00-20:00", in steps of five minutes."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> OpeningInterval:
        try:
            return OpeningInterval.parse(value)
        except (ValueError, AttributeError):
            raise ValidationError(
                f"{value!r:.80} is not an interval like 08:00-20:00, in steps of 5 minutes"
            ) from None


class HolidayRegion(fields.Field[str]):
    """A country such as "ES", or a region such as "ES-MD"."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        if not is_region(plain_text(value)):
            raise ValidationError(f"{value!r:.80} is not a region like ES or ES-MD")
        return str(value)


def _require_ascending(spans: Sequence[OpeningInterval]) -> None:
    """Overlapping intervals would list a slot twice. Raises: ValidationError."""
    if any(earlier.overlaps(later) for earlier, later in pairwise(spans)):
        raise ValidationError("intervals of a day must be in order, without overlap")


def _require_cells(minutes: int) -> None:
    if minutes % CELL_MINUTES:
        raise ValidationError(f"must be a multiple of {CELL_MINUTES}")


class SlotMinutes(WholeNumber):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(CELL_MINUTES, 24 * 60, **kwargs)
        self.validators.append(_require_cells)


class CalendarSchema(ConfigSchema):
    timezone = Zone(load_default=ZoneInfo("UTC"))
    opening_hours = fields.Dict(
        keys=fields.String(validate=validate.OneOf(WEEKDAYS)),
        values=fields.List(OpeningIntervalField(), validate=_require_ascending),
        required=True,
    )
    slot_minutes = SlotMinutes(load_default=30)
    seats_per_slot = WholeNumber(1, 1000, load_default=1)
    closed_days = fields.List(fields.Date(), load_default=list)
    holidays = HolidayRegion(load_default="")
    horizon_days = WholeNumber(1, 3650, load_default=365)

    @post_load
    def to_calendar(self, data: dict[str, Any], **_kwargs: Any) -> CalendarSettings:
        hours: dict[str, Sequence[OpeningInterval]] = data["opening_hours"]
        closed: list[date] = data["closed_days"]
        return CalendarSettings(
            zone=data["timezone"],
            hours={WEEKDAYS.index(day): spans for day, spans in hours.items()},
            slot=timedelta(minutes=data["slot_minutes"]),
            seats_per_slot=data["seats_per_slot"],
            closed_days=frozenset(closed),
            horizon=timedelta(days=data["horizon_days"]),
            holidays=data["holidays"],
        )


#: Of a process without a calendar in its configuration: nothing can be booked.
NO_CALENDAR = CalendarSettings(
    ZoneInfo("UTC"), {}, timedelta(minutes=30), 1, frozenset(), timedelta(days=365)
)


class CatalogueSettingsSchema(ConfigSchema):
    calendar = fields.Nested(CalendarSchema, data_key="CALENDAR", load_default=NO_CALENDAR)
    refresh_seconds = WholeNumber(1, 3600, data_key="CATALOGUE_REFRESH_SECONDS", load_default=5)


@dataclass(frozen=True, slots=True)
class CatalogueSettings:
    """`default` is the catalogue of a clinic that has stored none. Processes read a stored one
    again after `refresh_seconds`."""

    default: Catalogue
    refresh_seconds: float


def to_catalogue_settings(data: Mapping[str, Any]) -> CatalogueSettings:
    """Convert what `CatalogueSettingsSchema` has loaded."""
    return CatalogueSettings(data["calendar"].to_catalogue(), data["refresh_seconds"])


DEFAULT_SETTINGS = CatalogueSettings(NO_CALENDAR.to_catalogue(), 5)
