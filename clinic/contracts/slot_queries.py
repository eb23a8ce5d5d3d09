"""Parses the parameters that ask for free slots and openings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from clinic.contracts.schemas import ChoiceSchema, pop_choice
from clinic.contracts.values.request_fields import (
    Day,
    Instant,
)
from clinic.domain.booking import Choice
from clinic.domain.catalogue import Catalogue

#: Maximum number of days of free slots or openings per call.
MAX_SLOT_DAYS = 31


#: Maximum number of openings per page.
MAX_OPENINGS = 2000


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


_SLOTS_QUERY = SlotsQuerySchema()


_SLOT_DAYS = SlotDaysSchema()


_NEAREST_SLOTS = NearestSlotsSchema()


_OPENINGS_QUERY = OpeningsQuerySchema()


@dataclass(frozen=True, slots=True)
class OpeningsQuery:
    """`days` local days from `first` on; `after` is the last start of the previous page."""

    choice: Choice
    first: date
    days: int
    after: datetime | None


def parse_day(query: Mapping[str, Any]) -> date:
    """Parse `{"date"}`, a local day of the clinic. Raises: ValidationError."""
    day: date = _SLOTS_QUERY.load(query)["date"]
    return day


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


def parse_openings(query: Mapping[str, Any], catalogue: Catalogue) -> OpeningsQuery:
    """Parse the parameters of `GET /openings`. Raises: ValidationError."""
    loaded = _OPENINGS_QUERY.load(query)
    choice = pop_choice(loaded, catalogue)
    days = (loaded["last"] - loaded["first"]).days + 1
    if not 1 <= days <= MAX_SLOT_DAYS:
        raise ValidationError({"to": [f"must be 0 to {MAX_SLOT_DAYS - 1} days after from"]})
    return OpeningsQuery(choice, loaded["first"], days, loaded["after"])
