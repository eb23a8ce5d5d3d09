"""An appointment as an iCalendar file (RFC 5545): letters carry it, and the page may offer it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from icalendar import Calendar, Event, vCalAddress

from clinic.domain.clock import now

#: How a calendar program takes it: it adds or moves the appointment, removes it, or just has it.
Method = Literal["REQUEST", "CANCEL", "PUBLISH"]

#: The version of a booking when it is confirmed, which nothing in a calendar comes before.
_FIRST_VERSION = 2


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
    organizer: str = "",
    attendee: str = "",
    stamp: datetime | None = None,
) -> bytes:
    """Write one appointment. All files of a booking have one UID, and the latest version counts,
    so that a calendar moves or removes what it has and shows nothing twice.

    REQUEST and CANCEL need the addresses of organizer and attendee (RFC 5546). With a `stamp`
    every copy is the same. Says when, and no more: calendars are synchronised and shared.
    """
    event = Event()
    event.add("uid", f"{booking_id}@{domain}")
    event.add("sequence", max(version - _FIRST_VERSION, 0))
    event.add("dtstamp", stamp or now())
    event.add("dtstart", start.astimezone(UTC))
    event.add("dtend", end.astimezone(UTC))
    event.add("summary", summary)
    event.add("status", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
    event.add("class", "PRIVATE")
    if url:
        event.add("url", url)
    _add_parties(event, organizer, attendee)
    return _written(event, method)


def _add_parties(event: Event, organizer: str, attendee: str) -> None:
    if organizer:
        event.add("organizer", _mailto(organizer))
    if attendee:
        patient = _mailto(attendee)
        # It was the patient who asked: nobody waits for a reply.
        patient.params.update({"PARTSTAT": "ACCEPTED", "RSVP": "FALSE"})
        event.add("attendee", patient)


def _mailto(address: str) -> vCalAddress:
    return vCalAddress(f"mailto:{quote(address, safe='@+')}")


def _written(event: Event, method: Method) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//Clinic booking//ES")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written
