"""View models of the available slots, from the booking service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from clinic.domain.booking import NO_CHOICE, Choice
from clinic.domain.clock import now
from clinic.errors import ServiceUnavailable
from clinic.rpc.rpc_client import deadline as rpc_deadline
from gateway.rpc_clients.booking_service import free_slots
from gateway.web.rendering import hours

_WEEK = timedelta(days=7)
_NEAREST = 5


@dataclass(frozen=True, slots=True)
class SlotSearch:
    """What free slots are for, and the zone of their days."""

    choice: Choice
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    starts: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class Week:
    """Up to seven days, starting today or whole weeks later. `chosen` is None if the patient chose
    no day and no slot is free; `last` is the last day of the booking window."""

    days: tuple[Day, ...]
    chosen: Day | None
    earlier: date | None
    later: date | None
    last: date


def today(zone: ZoneInfo | None = None) -> date:
    """Return the local day in a zone, by default the clinic's."""
    return day_of(now(), zone)


def day_of(moment: datetime, zone: ZoneInfo | None = None) -> date:
    return moment.astimezone(zone or hours().zone).date()


def week_around(requested: date | None, search: SlotSearch | None = None) -> Week:
    """Return the week of that day, or of the nearest day in the booking window.

    Raises: ServiceUnavailable.
    """
    search = search or SlotSearch(NO_CHOICE, hours().zone)
    first, last = today(search.zone), _last_day(search.zone)
    bookable = min(max(requested or first, first), last)
    start_day = first + (bookable - first) // _WEEK * _WEEK
    days = _days(start_day, last, search)
    return Week(
        days=days,
        chosen=_chosen(days, bookable if requested else None),
        earlier=start_day - _WEEK if start_day > first else None,
        later=start_day + _WEEK if start_day + _WEEK <= last else None,
        last=last,
    )


def nearest(moment: datetime, choice: Choice = NO_CHOICE) -> tuple[datetime, ...]:
    """Return the free slots nearest to an unavailable one, in order; none while the booking service
    is unavailable."""
    try:
        return free_slots().nearest(moment, _NEAREST, rpc_deadline(), choice)
    except ServiceUnavailable:
        return ()


def free_day(day: date, deadline: float, choice: Choice = NO_CHOICE) -> Day | None:
    """Return a day with its free slots, or None while the booking service is unavailable."""
    try:
        return Day(day, free_slots().fresh_starts(day, 1, deadline, choice))
    except ServiceUnavailable:
        return None


def _chosen(days: tuple[Day, ...], requested: date | None) -> Day | None:
    """Return the requested day, else the first one with a free slot."""
    if requested is not None:
        return next(day for day in days if day.date == requested)
    return next((day for day in days if day.starts), None)


def _last_day(zone: ZoneInfo) -> date:
    """Return the last day of the booking window."""
    return today(zone) + hours().horizon


def _days(start_day: date, last: date, search: SlotSearch) -> tuple[Day, ...]:
    """Return the days of a week with their slots, but none after the last one."""
    count = min(_WEEK.days, (last - start_day).days + 1)
    starts = free_slots().starts(start_day, count, rpc_deadline(), search.choice)
    by_day: dict[date, list[datetime]] = {
        start_day + timedelta(days=number): [] for number in range(count)
    }
    for start in starts:
        by_day.setdefault(day_of(start, search.zone), []).append(start)
    return tuple(Day(day, tuple(free)) for day, free in sorted(by_day.items()))
