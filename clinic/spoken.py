"""Dates as people say them, in a language and on the clocks of a zone."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, get_timezone_location


def spoken(moment: datetime, language: str, zone: ZoneInfo) -> str:
    """Say an instant as people do, weekday and zone included: "viernes, 11 de diciembre de 2026,
    11:00 (Europe/Madrid)"."""
    local = moment.astimezone(zone)
    day = format_date(local, "full", locale=language)
    return f"{day}, {format_time(local, 'HH:mm', locale=language)} ({zone.key})"


def spoken_day(day: date, language: str) -> str:
    """Say a day in full: "viernes, 11 de diciembre de 2026"."""
    return format_date(day, "full", locale=language)


def spoken_time(moment: datetime, language: str, zone: ZoneInfo) -> str:
    """Say what the clock shows: "11:00"."""
    return format_time(moment.astimezone(zone), "HH:mm", locale=language)


def zone_city(zone: ZoneInfo, language: str) -> str:
    """Name the place whose clocks are meant, as people there do: "Madrid", "Mexico City"."""
    return get_timezone_location(zone, locale=language, return_city=True)
