"""The fields of requests. Each loads the normal form of what a client has sent."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

from marshmallow import ValidationError, fields

from clinic.contracts.values.email_address import parse_email_address
from clinic.contracts.values.person_name import parse_name
from clinic.contracts.values.phone_number import parse_phone_number
from clinic.domain.catalogue import is_catalogue_id

_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:[0-5]\d)", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
#: Instants between these can be shown in any zone; outside, conversion may overflow.
_EARLIEST = datetime(1, 1, 3, tzinfo=UTC)
_LATEST = datetime(9999, 12, 29, tzinfo=UTC)


class PersonName(fields.String):
    """A legible, non-blank name of at most `MAX_NAME` characters."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return parse_name(_text(value))


class EmailAddress(fields.String):
    """Exactly one address, loaded in its normal form."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return parse_email_address(_text(value))


class PhoneNumber(fields.String):
    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return parse_phone_number(_text(value))


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


class CatalogueId(fields.Field[str]):
    """The id of a service, practitioner or site."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if not is_catalogue_id(value):
            raise ValidationError("must be an id: 1 to 24 of a-z, 0-9 and -")
        return str(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValidationError("must be a text")
    return value
