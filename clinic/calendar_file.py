"""An appointment as an iCalendar file (RFC 5545): the page offers it, letters carry it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from icalendar import Calendar, Event

from clinic.clock import now

Method = Literal["REQUEST", "CANCEL", "PUBLISH"]

_STATUS: dict[Method, str] = {
    "REQUEST": "CONFIRMED",
    "CANCEL": "CANCELLED",
    "PUBLISH": "CONFIRMED",
}


def calendar_file(
    booking_id: str,
    version: int,
    start: datetime,
    end: datetime,
    method: Method,
    summary: str,
    *,
    domain: str,
    url: str = "",
) -> bytes:
    """Write one appointment. All files of a booking have one UID, and the latest version counts,
    so that a calendar moves or removes what it has and shows nothing twice.

    Says when, and no more: calendars are synchronised and shared.
    """
    event = Event()
    event.add("uid", f"{booking_id}@{domain}")
    event.add("sequence", version)
    event.add("dtstamp", now())
    event.add("dtstart", start.astimezone(UTC))
    event.add("dtend", end.astimezone(UTC))
    event.add("summary", summary)
    event.add("status", _STATUS[method])
    if url:
        event.add("url", url)
    file: bytes = _calendar(event, method).to_ical()
    return file


def _calendar(event: Event, method: Method) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", "-//Clinic booking//ES")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add_component(event)
    return calendar
