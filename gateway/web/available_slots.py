"""The free times that pages offer, as the booking service tells them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from clinic.domain.clock import now
from clinic.errors import ServiceUnavailable
from clinic.rpc.rpc_client import deadline
from gateway.rpc_clients.booking_service import free_slots
from gateway.web.rendering import hours

_WEEK = timedelta(days=7)
_NEAREST = 5


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    starts: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days from today on, or a whole number of weeks later. `chosen` is None when none was
    asked for and nothing is free; `last` is the last day that can be booked at all."""

    days: tuple[Day, ...]
    chosen: Day | None
    earlier: date | None
    later: date | None
    last: date


def today() -> date:
    return now().astimezone(hours().zone).date()


def day_of(moment: datetime) -> date:
    return moment.astimezone(hours().zone).date()


def week_around(asked: date | None) -> Week:
    """Return the week of that day, which is moved to where there are days to be had.

    Raises: ServiceUnavailable.
    """
    first, last = today(), _last()
    wanted = _bookable(asked or first)
    begins = first + (wanted - first) // _WEEK * _WEEK
    days = _days(begins, _WEEK.days)
    return Week(
        days=days,
        chosen=_chosen(days, wanted if asked else None),
        earlier=begins - _WEEK if begins > first else None,
        later=begins + _WEEK if begins + _WEEK <= last else None,
        last=last,
    )


def nearest(moment: datetime) -> tuple[datetime, ...]:
    """Return the free slots nearest to one that is not available, in order; none while the booking
    service is unavailable."""
    try:
        return free_slots().nearest(moment, _NEAREST, deadline())
    except ServiceUnavailable:
        return ()


def free_day(day: date, until: float) -> Day | None:
    """Return a day with its free times, or None when nobody can be asked."""
    try:
        return Day(day, free_slots().fresh_starts(day, 1, until))
    except ServiceUnavailable:
        return None


def _chosen(days: tuple[Day, ...], wanted: date | None) -> Day | None:
    """The day that was asked for, else the first that has a free time."""
    if wanted is not None:
        return next(day for day in days if day.date == wanted)
    return next((day for day in days if day.starts), None)


def _last() -> date:
    """The last day that can be booked at all."""
    return today() + hours().horizon


def _bookable(day: date) -> date:
    return min(max(day, today()), _last())


def _days(begins: date, count: int) -> tuple[Day, ...]:
    """Ask for so many days, but for none after the last."""
    count = min(count, (_last() - begins).days + 1)
    starts = free_slots().starts(begins, count, deadline())
    by_day: dict[date, list[datetime]] = {
        begins + timedelta(days=number): [] for number in range(count)
    }
    for start in starts:
        by_day.setdefault(day_of(start), []).append(start)
    return tuple(Day(day, tuple(found)) for day, found in by_day.items())
