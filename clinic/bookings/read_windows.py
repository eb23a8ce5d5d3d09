"""Reads in windows of time, for databases that read every match before they apply a limit.

MongoDB walks an index and stops at the limit: there a window that holds too few costs one more
round trip. SecantusDB, which `make run` uses, reads all matches: the first page of 100,000 bookings
takes 12 ms with these windows and 2.9 s without.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from clinic.contracts.bookings_query import BookingsQuery, Position
from clinic.domain.clock import now

_BEGINNING = datetime.min.replace(tzinfo=UTC)

#: How far a page looks back, one window after the other, before it looks at everything.
_LOOK_BACK = (timedelta(hours=1), timedelta(days=1), timedelta(days=30))
#: The same in times of what the previous page spanned, where there was one.
_LOOK_BACK_SPANS = (2, 8, 32)
#: Appointments are read in windows of so many days.
_AGENDA_WINDOW = timedelta(days=8)


def page_filters(query: BookingsQuery) -> Iterator[dict[str, Any]]:
    """Yield the filters that find a page one after the other, each along an index. The later ones
    are needed only while the page is not full."""
    wanted: dict[str, Any] = {}
    if query.status:
        wanted["status"] = query.status.value
    bounds = {"$gte": query.date_from, "$lt": query.date_to}
    if dates := {name: date for name, date in bounds.items() if date}:
        wanted["date"] = dates
    for created in _created(query.after, is_bounded=bool(dates)):
        yield wanted | created


def agenda_windows(first: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Split a time into windows, the earliest first."""
    while first < end:
        until = min(first + _AGENDA_WINDOW, end)
        yield first, until
        first = until


def _created(after: Position | None, *, is_bounded: bool) -> Iterator[dict[str, Any]]:
    """Yield conditions on the time of creation, the newest first. Where dates bound the query, it
    is found along those, and needs no windows."""
    older = {"$lt": after.created_at} if after else {}
    if after:  # what shares the millisecond of the last page's end comes before what is older
        yield {"createdAt": after.created_at, "_id": {"$lt": after.booking_id}}
    if is_bounded:
        yield _condition(older)
        return
    until = after.created_at if after else now()
    edges = [until - window for window in _windows(after) if until - _BEGINNING > window]
    newest = older
    for edge in edges:
        yield _condition(newest | {"$gte": edge})
        newest = {"$lt": edge}
    yield _condition(newest)


def _windows(after: Position | None) -> list[timedelta]:
    span = after.span if after else timedelta(0)
    near = [span * times for times in _LOOK_BACK_SPANS] if span else []
    return [*near, *(each for each in _LOOK_BACK if each > span * _LOOK_BACK_SPANS[-1])]


def _condition(created: dict[str, datetime]) -> dict[str, Any]:
    return {"createdAt": created} if created else {}
