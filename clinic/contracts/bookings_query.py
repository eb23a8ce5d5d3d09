"""The query of `GET /bookings/` and `list_bookings`: filters and page cursor."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median_high
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from clinic.contracts.values.request_fields import Instant
from clinic.domain.booking import Booking, Status

DEFAULT_LIMIT = 50
MAX_LIMIT = 100

_MAX_CURSOR = 200

_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)

#: Ids break ties between bookings created in the same millisecond.
NEWEST_FIRST = [("createdAt", -1), ("_id", -1)]


@dataclass(frozen=True, slots=True)
class Position:
    """A keyset cursor: the list (newest first) continues after this booking.

    `span` is the time range of a page as dense as the previous one.
    """

    created_at: datetime
    booking_id: str
    span: timedelta = timedelta(0)

    @classmethod
    def after_page(cls, page: Sequence[Booking]) -> Position:
        distances = [newer.created_at - older.created_at for newer, older in pairwise(page)]
        # Not the mean: a single night or holiday would inflate it to days.
        typical = median_high(distances) if distances else timedelta(0)
        return cls(page[-1].created_at, page[-1].id, typical * len(page))


@dataclass(frozen=True, slots=True)
class BookingsQuery:
    """Filters of a list. Appointments start at `date_from` or later, and before `date_to`."""

    limit: int = DEFAULT_LIMIT
    after: Position | None = None
    status: Status | None = None
    date_from: datetime | None = None
    date_to: datetime | None = None


class Cursor(fields.Field[Position]):
    """An opaque position in the list, written by `encode_cursor`."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Position:
        try:
            plain = base64.urlsafe_b64decode(_bounded_text(value)).decode("ascii")
            at, span, booking_id = plain.split(".", 2)
            position = Position(_after_epoch(at), booking_id, _after_epoch(span) - _EPOCH)
            if position.span < timedelta(0):
                raise ValueError("negative span")
            return position
        except (ValueError, OverflowError, AttributeError, binascii.Error):
            raise ValidationError("must be the cursor of a Link header") from None


def _bounded_text(value: Any) -> bytes:
    """Raises: ValueError if it is longer than any cursor; checked before decoding."""
    text: bytes = value.encode("ascii")
    if len(text) > _MAX_CURSOR:
        raise ValueError("too long for a cursor")
    return text


class ListingSchema(Schema):
    """{"limit", "after", "status", "from", "to"}, all optional. `from` and `to` are instants."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "is not a filter"}

    limit = fields.Integer(load_default=DEFAULT_LIMIT, validate=validate.Range(1, MAX_LIMIT))
    after = Cursor(metadata={"description": "Where the last page ended, from its Link header."})
    status = fields.Enum(Status, by_value=fields.String)
    date_from = Instant(
        data_key="from", metadata={"description": "Appointments that begin then or later."}
    )
    date_to = Instant(data_key="to", metadata={"description": "Appointments that begin earlier."})

    @post_load
    def to_listing(self, data: dict[str, Any], **_kwargs: Any) -> BookingsQuery:
        return BookingsQuery(**data)


_LISTING = ListingSchema()


def parse_bookings_query(query: Mapping[str, Any]) -> BookingsQuery:
    """Raises: marshmallow.ValidationError with `{parameter: [messages]}`."""
    listing: BookingsQuery = _LISTING.load(query)
    return listing


def _after_epoch(milliseconds: str) -> datetime:
    """Raises: ValueError or OverflowError, for an invalid date."""
    return _EPOCH + int(milliseconds) * _MILLISECOND


def encode_cursor(page: Sequence[Booking]) -> str:
    """Encode the position after a page."""
    last = Position.after_page(page)
    at, span = (last.created_at - _EPOCH) // _MILLISECOND, last.span // _MILLISECOND
    return base64.urlsafe_b64encode(f"{at}.{span}.{last.booking_id}".encode()).decode()
