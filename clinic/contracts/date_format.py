"""Formats dates and times for people, in a language and a time zone."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, get_timezone_location


def format_moment(moment: datetime, language: str, zone: ZoneInfo) -> str:
    """Format an instant with weekday and zone: "viernes, 11 de diciembre de 2026, 11:00
    (Europe/Madrid)". In a repeated hour: "02:30 (UTC+02:00, Europe/Madrid)"."""
    local = moment.astimezone(zone)
    day = format_date(local, "full", locale=language)
    places = ", ".join(part for part in (_ambiguous_offset(local), zone.key) if part)
    return f"{day}, {_clock(local, language)} ({places})"


def format_period(start: datetime, end: datetime | None, language: str, zone: ZoneInfo) -> str:
    """Format a period: "viernes, 11 de diciembre de 2026, 11:00–11:30 (Europe/Madrid)"; without an
    end, its start."""
    if end is None:
        return format_moment(start, language, zone)
    day = start.astimezone(zone).date()
    if day != end.astimezone(zone).date():
        return f"{format_moment(start, language, zone)} – {format_moment(end, language, zone)}"
    times = "–".join(format_clock_time(each, language, zone) for each in (start, end))
    return f"{format_day(day, language)}, {times} ({zone.key})"


def format_day(day: date, language: str) -> str:
    """Format a day in full: "viernes, 11 de diciembre de 2026"."""
    return format_date(day, "full", locale=language)


def format_clock_time(moment: datetime, language: str, zone: ZoneInfo) -> str:
    """Format the local time: "11:00", or in a repeated hour "02:30 (UTC+02:00)"."""
    local = moment.astimezone(zone)
    offset = _ambiguous_offset(local)
    return f"{_clock(local, language)} ({offset})" if offset else _clock(local, language)


def zone_city(zone: ZoneInfo, language: str) -> str:
    """Return the localized city of a zone: "Madrid", "Mexico City"."""
    return get_timezone_location(zone, locale=language, return_city=True)


def _clock(local: datetime, language: str) -> str:
    return str(format_time(local, "HH:mm", locale=language))


def _ambiguous_offset(local: datetime) -> str:
    """Return the UTC offset of a local time that occurs twice; otherwise ""."""
    other = local.replace(fold=1 - local.fold)
    return f"UTC{local.isoformat()[-6:]}" if other.utcoffset() != local.utcoffset() else ""
