"""The query of `GET /bookings/` and of `list_bookings`: filters, and where a page begins."""

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

from clinic.contracts.schemas import Instant
from clinic.domain.booking import Booking, Status
from clinic.domain.clock import now

DEFAULT_LIMIT = 50
MAX_LIMIT = 100

_MAX_CURSOR = 200

_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)
_BEGINNING = datetime.min.replace(tzinfo=UTC)

#: How far a page looks back before it looks further: some databases read all that a query could
#: give before they cut it off at its limit.
_WINDOWS = (timedelta(hours=1), timedelta(days=1), timedelta(days=30))
#: The same where it is known in what time the page before was booked, in times of that.
_TIMES = (2, 8, 32)

#: Ids break the tie between bookings of one millisecond.
NEWEST_FIRST = [("createdAt", -1), ("_id", -1)]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the list of bookings, newest first: the list goes on after this booking.

    A page of bookings as dense as on the one before it reaches back by `span`.
    """

    created_at: datetime
    booking_id: str
    span: timedelta = timedelta(0)

    @classmethod
    def behind(cls, page: Sequence[Booking]) -> Position:
        distances = [newer.created_at - older.created_at for newer, older in pairwise(page)]
        # Not the mean: one night or one feast among them would make a page of days.
        usual = median_high(distances) if distances else timedelta(0)
        return cls(page[-1].created_at, page[-1].id, usual * len(page))

    def windows(self) -> tuple[timedelta, ...]:
        """How far to look back, step by step, before all is looked through."""
        near = [self.span * times for times in _TIMES] if self.span else []
        return (*near, *(each for each in _WINDOWS if each > self.span * _TIMES[-1]))


@dataclass(frozen=True, slots=True)
class BookingsQuery:
    """Which bookings to list. `date_from` and `date_to` bound the appointment, `to` excluded."""

    limit: int = DEFAULT_LIMIT
    after: Position | None = None
    status: Status | None = None
    date_from: datetime | None = None
    date_to: datetime | None = None

    def to_filters(self) -> list[dict[str, Any]]:
        """Return the queries that find the page one after the other, each along an index.

        The later ones are needed only while the page is not full.
        """
        wanted: dict[str, Any] = {}
        if self.status:
            wanted["status"] = self.status.value
        if bounds := self._date_bounds():
            wanted["date"] = bounds
        return [wanted | place for place in self._places()]

    def _places(self) -> list[dict[str, Any]]:
        at = self.after.created_at if self.after else now()
        older = {"$lt": at} if self.after else {}
        # Where the date bounds the query, it is found along that.
        windows = [_bounded(older)] if self._date_bounds() else self._windows(at, older)
        if self.after is None:
            return windows
        # What shares the millisecond of the last page's end, and then what is older.
        return [{"createdAt": at, "_id": {"$lt": self.after.booking_id}}, *windows]

    def _windows(self, until: datetime, newest: dict[str, datetime]) -> list[dict[str, Any]]:
        windows = self.after.windows() if self.after else _WINDOWS
        edges = [until - window for window in windows if until - _BEGINNING > window]
        uppers = [newest, *({"$lt": edge} for edge in edges)]
        lowers: list[dict[str, datetime]] = [*({"$gte": edge} for edge in edges), {}]
        return [_bounded(upper | lower) for upper, lower in zip(uppers, lowers, strict=True)]

    def _date_bounds(self) -> dict[str, datetime]:
        bounds = {"$gte": self.date_from, "$lt": self.date_to}
        return {name: date for name, date in bounds.items() if date}


def _bounded(bounds: dict[str, datetime]) -> dict[str, Any]:
    return {"createdAt": bounds} if bounds else {}


class Cursor(fields.Field[Position]):
    """An opaque place in the list, as `cursor` writes it."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Position:
        try:
            plain = base64.urlsafe_b64decode(_bounded_text(value)).decode("ascii")
            at, span, booking_id = plain.split(".", 2)
            place = Position(_after_epoch(at), booking_id, _after_epoch(span) - _EPOCH)
            if place.span < timedelta(0):
                raise ValueError("a page reaches back")
            return place
        except (ValueError, OverflowError, AttributeError, binascii.Error):
            raise ValidationError("must be the cursor of a Link header") from None


def _bounded_text(value: Any) -> bytes:
    """Raises: ValueError for more than any cursor has, before it is decoded."""
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
    """Raises: ValueError, OverflowError for what is no date."""
    return _EPOCH + int(milliseconds) * _MILLISECOND


def encode_cursor(page: Sequence[Booking]) -> str:
    """Name the place behind a page."""
    place = Position.behind(page)
    at, span = (place.created_at - _EPOCH) // _MILLISECOND, place.span // _MILLISECOND
    return base64.urlsafe_b64encode(f"{at}.{span}.{place.booking_id}".encode()).decode()
