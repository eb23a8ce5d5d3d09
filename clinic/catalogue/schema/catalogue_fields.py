"""The fields of a catalogue, which load strictly and dump what they load. Errors quote no value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import regex
from marshmallow import ValidationError, fields, validate

from clinic.catalogue.from_configuration import WEEKDAYS
from clinic.catalogue.public_holidays import is_region
from clinic.configuration.sender import SenderField
from clinic.configuration.setting_fields import PublicUrl, Zone
from clinic.contracts.values.request_fields import Day, Instant
from clinic.domain.catalogue import is_catalogue_id
from clinic.domain.clock import to_wire
from clinic.domain.opening_hours import OpeningInterval
from clinic.domain.time_cells import CELL_MINUTES

#: Intervals of one day.
MAX_INTERVALS = 12

_TIME = r"([01]\d|2[0-3]):[0-5][05]"
_INTERVAL_PATTERN = rf"{_TIME}-({_TIME}|24:00)"
_INTERVAL = re.compile(_INTERVAL_PATTERN, re.ASCII)
_REGION_PATTERN = r"[A-Z]{2}(-[A-Z0-9]{1,3})?"
_REGION = re.compile(_REGION_PATTERN, re.ASCII)
#: Control characters, line ends, surrogates, and characters that reorder the text around them.
_ILLEGIBLE = regex.compile(
    r"[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]", regex.V1
)
#: Normal form C combines at most four characters into one.
_MAX_COMBINED = 4


class ItemId(fields.String):
    """The id of a service, schedule or site."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"pattern": "^[a-z0-9-]{1,24}$"}, **kwargs)

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        if not is_catalogue_id(value):
            raise ValidationError("must be 1 to 24 of a-z, 0-9 and -")
        return str(value)


class ItemIds(fields.List[str]):
    """Ids without an order, each once; dumped in alphabetical order."""

    def __init__(self, longest: int, **kwargs: Any) -> None:
        super().__init__(ItemId(), validate=validate.Length(max=longest), **kwargs)

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> list[str] | None:
        return sorted(value)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return frozenset(require_distinct(super()._deserialize(value, *args, **kwargs)))


class Line(fields.String):
    """One line of legible text in normal form C, without blanks around it."""

    def __init__(self, longest: int, *, shortest: int = 1, **kwargs: Any) -> None:
        super().__init__(validate=validate.Length(min=shortest, max=longest), **kwargs)
        self._longest_input = _MAX_COMBINED * longest

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        text = require_text(value)
        if len(text) > self._longest_input:
            raise ValidationError("is too long")
        if _ILLEGIBLE.search(text):
            raise ValidationError("must be one line without control characters")
        return unicodedata.normalize("NFC", text).strip()


class WholeNumber(fields.Integer):
    """A number between bounds; with `step`, a multiple of it."""

    def __init__(self, low: int, high: int, *, step: int = 1, **kwargs: Any) -> None:
        metadata = {"multipleOf": step} if step > 1 else {}
        super().__init__(validate=validate.Range(low, high), metadata=metadata, **kwargs)
        self._step = step

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValidationError("must be a whole number")
        if value % self._step:
            raise ValidationError(f"must be a multiple of {self._step}")
        return value


class Minutes(WholeNumber):
    """Minutes on the grid of the time cells."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(low, high, step=CELL_MINUTES, **kwargs)


class TrueOrFalse(fields.Boolean):
    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class CalendarDay(Day):
    def _serialize(self, value: date | None, *_args: Any, **_kwargs: Any) -> Any:
        return None if value is None else value.isoformat()


class Moment(Instant):
    def _serialize(self, value: datetime | None, *_args: Any, **_kwargs: Any) -> Any:
        return None if value is None else to_wire(value)


class Weekday(fields.String):
    """A day of the week, loaded as its number; Monday is 0."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"enum": list(WEEKDAYS)}, **kwargs)

    def _serialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        return WEEKDAYS[value]

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> Any:
        if value not in WEEKDAYS:
            raise ValidationError(f"must be one of: {', '.join(WEEKDAYS)}")
        return WEEKDAYS.index(value)


class IntervalText(fields.Field[OpeningInterval]):
    """An interval such as "09:00-13:00" or "16:00-24:00"."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"pattern": f"^{_INTERVAL_PATTERN}$"}, **kwargs)

    def _serialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        return str(value)

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> Any:
        if not _INTERVAL.fullmatch(require_text(value)):
            raise ValidationError(
                f"must be an interval like 09:00-13:00, in steps of {CELL_MINUTES} minutes"
            )
        try:
            return OpeningInterval.parse(value)
        except ValueError:
            raise ValidationError("must close after it opens") from None


class Intervals(fields.List[OpeningInterval]):
    """The intervals of one day, in order and without overlap."""

    def __init__(self, *, shortest: int = 0, **kwargs: Any) -> None:
        length = validate.Length(min=shortest, max=MAX_INTERVALS)
        super().__init__(IntervalText(), validate=(length, _require_ascending), **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return tuple(super()._deserialize(value, *args, **kwargs))


class ZoneName(Zone):
    def _serialize(self, value: ZoneInfo | None, *_args: Any, **_kwargs: Any) -> Any:
        return None if value is None else value.key

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> ZoneInfo:
        try:
            return super()._deserialize(value, *args, **kwargs)
        except ValidationError:
            raise ValidationError("must be an IANA time zone like Europe/Madrid") from None


class HolidayRegion(fields.String):
    """A country such as "ES", or one with a region, "ES-MD"; "" for none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"pattern": f"^({_REGION_PATTERN})?$"}, **kwargs)

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        text = require_text(value)
        if text and not (_REGION.fullmatch(text) and is_region(text)):
            raise ValidationError("must be a region with known public holidays, like ES or ES-MD")
        return text


class SenderText(SenderField):
    """The sender of e-mails, as in the settings; "" for that of the settings."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if value == "":
            return ""
        sender = super()._deserialize(value, *args, **kwargs)
        if '"' in sender.name:
            raise ValidationError("must have no quotes in its name")
        return f"{sender.name} <{sender.address}>" if sender.name else sender.address


class OptionalUrl(PublicUrl):
    """The public address of the gateway; "" for that of the settings."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return "" if value == "" else super()._deserialize(value, *args, **kwargs)


def require_text(value: object) -> str:
    """Raises: ValidationError."""
    if not isinstance(value, str):
        raise ValidationError("must be text")
    return value


def require_distinct(values: Iterable[Any]) -> Sequence[Any]:
    """Return the values as a list. Raises: ValidationError at each repeated one."""
    listed = list(values)
    repeated = [index for index, value in enumerate(listed) if value in listed[:index]]
    if repeated:
        raise ValidationError({index: ["is repeated"] for index in repeated})
    return listed


def _require_ascending(intervals: Sequence[OpeningInterval]) -> None:
    """Raises: ValidationError."""
    late = [
        index
        for index, (earlier, later) in enumerate(pairwise(intervals), 1)
        if later.opens < earlier.opens or earlier.overlaps(later)
    ]
    if late:
        message = "must begin after the previous interval has ended"
        raise ValidationError({index: [message] for index in late})
