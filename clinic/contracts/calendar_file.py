"""An appointment as an iCalendar file (RFC 5545), for e-mails and for download."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from icalendar import Calendar, Event, vCalAddress

from clinic.domain.clock import now

#: What a calendar program does: add or update the appointment, remove it, or only store it.
Method = Literal["REQUEST", "CANCEL", "PUBLISH"]

#: The version of a confirmed booking, the first that a calendar can contain.
_FIRST_VERSION = 2


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """One appointment in the patient's calendar. All entries of a booking share a UID and have
    increasing sequence numbers, so that a calendar updates or removes its entry instead of
    duplicating it. Contains time, place and practitioner, but never the service: calendars are
    synced and shared.

    REQUEST and CANCEL need the addresses of organizer and attendee (RFC 5546). With a `stamp`,
    every copy of the file is identical.
    """

    booking_id: str
    version: int
    start: datetime
    end: datetime
    summary: str
    domain: str
    organizer: str = ""
    attendee: str = ""
    location: str = ""
    description: str = ""
    stamp: datetime | None = None

    def to_file(self, method: Method) -> bytes:
        event = Event()
        event.add("uid", f"{self.booking_id}@{self.domain}")
        event.add("sequence", max(self.version - _FIRST_VERSION, 0))
        event.add("dtstamp", self.stamp or now())
        event.add("dtstart", self.start.astimezone(UTC))
        event.add("dtend", self.end.astimezone(UTC))
        event.add("summary", self.summary)
        for name, text in (("location", self.location), ("description", self.description)):
            if text:
                event.add(name, text)
        event.add("status", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
        event.add("class", "PRIVATE")
        _add_parties(event, self.organizer, self.attendee)
        return _to_bytes(event, method)


def _add_parties(event: Event, organizer: str, attendee: str) -> None:
    if organizer:
        event.add("organizer", _mailto(organizer))
    if attendee:
        patient = _mailto(attendee)
        # The patient requested the appointment: no reply is needed.
        patient.params.update({"PARTSTAT": "ACCEPTED", "RSVP": "FALSE"})
        event.add("attendee", patient)


def _mailto(address: str) -> vCalAddress:
    return vCalAddress(f"mailto:{quote(address, safe='@+')}")


def _to_bytes(event: Event, method: Method) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//Clinic booking//ES")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content
