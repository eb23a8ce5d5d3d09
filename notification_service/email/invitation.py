"""The calendar invitation of an e-mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clinic.contracts.calendar_file import CalendarEntry, Method
from clinic.contracts.messages import BookingStateChanged
from notification_service.email.address import to_ascii


@dataclass(frozen=True, slots=True)
class Invitation:
    """`method` tells a calendar what to do with the appointment. `domain` makes its UID unique; it
    stays the same when the organizer changes.

    Creating the file takes longer than composing the e-mail, so only a channel that sends it does.
    """

    method: Method
    event: BookingStateChanged
    end: datetime
    summary: str
    organizer: str
    attendee: str
    domain: str
    location: str = ""
    description: str = ""

    def file(self) -> bytes:
        """Return the iCalendar file. All copies are identical."""
        entry = CalendarEntry(
            self.event.booking_id,
            self.event.version,
            self.event.date,
            self.end,
            self.summary,
            domain=self.domain,
            organizer=self.organizer,
            attendee=to_ascii(self.attendee),
            location=self.location,
            description=self.description,
            stamp=self.event.occurred_at,
        )
        return entry.to_file(self.method)
