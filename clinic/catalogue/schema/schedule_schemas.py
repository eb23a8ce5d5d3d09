"""The form of schedules: their weekly hours, exceptions and absences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from clinic.catalogue.schema.catalogue_fields import (
    CalendarDay,
    Intervals,
    ItemId,
    ItemIds,
    Line,
    Moment,
    TrueOrFalse,
    Weekday,
    WholeNumber,
)
from clinic.catalogue.schema.item_schemas import MAX_NAME, MAX_NOTE, ItemSchema
from clinic.domain.catalogue import (
    Absence,
    HoursException,
    Schedule,
    ScheduleKind,
    WeeklyHours,
)

MAX_SERVICES = 100
_MAX_HOURS = 100
_MAX_EXCEPTIONS = 200
_MAX_ABSENCES = 100
_MAX_CAPACITY = 1000
_MAX_OVERBOOK = 10
_MAX_WEIGHT = 100


class HoursSchema(ItemSchema):
    """Working hours at a site on a weekday. Breaks are the gaps between intervals."""

    site = ItemId(required=True)
    weekday = Weekday(required=True)
    intervals = Intervals(shortest=1, required=True)
    first = CalendarDay(data_key="from", allow_none=True, load_default=None)
    last = CalendarDay(data_key="until", allow_none=True, load_default=None)

    @validates_schema
    def require_order(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if data["first"] and data["last"] and data["last"] < data["first"]:
            raise ValidationError("must not be before the first day", "until")

    @post_load
    def to_hours(self, data: dict[str, Any], **_kwargs: Any) -> WeeklyHours:
        return WeeklyHours(**data)


class ExceptionSchema(ItemSchema):
    """The hours of one day at a site, instead of the weekly ones; without intervals, none."""

    site = ItemId(required=True)
    day = CalendarDay(required=True)
    intervals = Intervals(load_default=tuple)

    @post_load
    def to_exception(self, data: dict[str, Any], **_kwargs: Any) -> HoursException:
        return HoursException(**data)


class AbsenceSchema(ItemSchema):
    start = Moment(data_key="from", required=True)
    end = Moment(data_key="to", required=True)
    note = Line(MAX_NOTE, shortest=0, load_default="")

    @validates_schema
    def require_order(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if data["end"] <= data["start"]:
            raise ValidationError("must be after the start", "to")

    @post_load
    def to_absence(self, data: dict[str, Any], **_kwargs: Any) -> Absence:
        return Absence(**data)


class ScheduleSchema(ItemSchema):
    id = ItemId(required=True)
    kind = fields.Enum(ScheduleKind, by_value=fields.String, required=True)
    name = Line(MAX_NAME, required=True)
    services = ItemIds(MAX_SERVICES, load_default=frozenset)
    hours = fields.List(
        fields.Nested(HoursSchema), load_default=list, validate=validate.Length(max=_MAX_HOURS)
    )
    exceptions = fields.List(
        fields.Nested(ExceptionSchema),
        load_default=list,
        validate=validate.Length(max=_MAX_EXCEPTIONS),
    )
    absences = fields.List(
        fields.Nested(AbsenceSchema),
        load_default=list,
        validate=validate.Length(max=_MAX_ABSENCES),
    )
    capacity = WholeNumber(1, _MAX_CAPACITY, load_default=1)
    overbook = WholeNumber(0, _MAX_OVERBOOK, load_default=0)
    weight = WholeNumber(1, _MAX_WEIGHT, load_default=1)
    is_active = TrueOrFalse(data_key="active", load_default=True)

    @validates_schema
    def require_pool(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if data["kind"] is not ScheduleKind.POOL and data["capacity"] > 1:
            raise ValidationError("must be 1: only a pool has several seats", "capacity")

    @validates_schema
    def require_no_overlap(self, data: dict[str, Any], **_kwargs: Any) -> None:
        errors: dict[str, Any] = {}
        if late := sorted(set(_overlapping(data["hours"]))):
            message = "overlap other hours at this site on this weekday"
            errors["hours"] = {index: {"intervals": [message]} for index in late}
        if repeated := list(_repeated_days(data["exceptions"])):
            message = "has another exception at this site"
            errors["exceptions"] = {index: {"day": [message]} for index in repeated}
        if errors:
            raise ValidationError(errors)

    @post_load
    def to_schedule(self, data: dict[str, Any], **_kwargs: Any) -> Schedule:
        lists = {name: tuple(data[name]) for name in ("hours", "exceptions", "absences")}
        return Schedule(**data | lists)


def _overlapping(hours: Sequence[WeeklyHours]) -> Iterator[int]:
    """Yield the index of each row that overlaps an earlier one."""

    def place(pair: tuple[int, WeeklyHours]) -> tuple[str, int]:
        return pair[1].site, pair[1].weekday

    for _, group in groupby(sorted(enumerate(hours), key=place), place):
        rows = list(group)
        for position, (index, row) in enumerate(rows):
            if any(_overlap(row, earlier) for _, earlier in rows[:position]):
                yield index


def _overlap(one: WeeklyHours, other: WeeklyHours) -> bool:
    is_one_over = one.last and other.first and one.last < other.first
    is_other_over = other.last and one.first and other.last < one.first
    if is_one_over or is_other_over:
        return False
    intervals = sorted((*one.intervals, *other.intervals), key=lambda interval: interval.opens)
    return any(earlier.overlaps(later) for earlier, later in pairwise(intervals))


def _repeated_days(exceptions: Sequence[HoursException]) -> Iterator[int]:
    seen = set()
    for index, exception in enumerate(exceptions):
        if (exception.site, exception.day) in seen:
            yield index
        seen.add((exception.site, exception.day))
