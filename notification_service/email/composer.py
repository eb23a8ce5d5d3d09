"""Composes e-mails: text, link to the booking, and calendar file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from clinic.contracts.calendar_file import Method
from clinic.contracts.messages import BookingStateChanged
from clinic.domain import reasons
from clinic.domain.booking import Booking, Status
from clinic.domain.manage_link import link_code
from clinic.domain.manage_token import BookingCredentials
from notification_service.email.alternative_slots import AlternativeSlots
from notification_service.email.content import ManageLink, compose, compose_reminder
from notification_service.email.invitation import Invitation
from notification_service.email.outgoing_email import OutgoingEmail

#: No details, because calendars are shared with colleagues and family.
_SUMMARIES = {"es": "Cita", "en": "Appointment"}


@dataclass(frozen=True, slots=True)
class Links:
    """Creates the links with which patients manage their bookings."""

    public_url: str
    secret: str = field(repr=False)
    access: Callable[[str], BookingCredentials]

    def of(self, booking_id: str) -> ManageLink:
        """Raises: BookingNotFound, DatabaseUnavailable."""
        code = link_code(self.secret, booking_id, self.access(booking_id).salt)
        return ManageLink(f"{self.public_url}/cita/{booking_id}#{code}", code)


@dataclass(frozen=True, slots=True)
class EmailComposer:
    """E-mails show times in the clinic's `zone`; an appointment lasts `slot`. With None for `links`
    or `free_slots`, e-mails omit them.

    All copies of an e-mail are identical, except for the current free slots.
    """

    sender: str
    zone: ZoneInfo
    slot: timedelta
    links: Links | None = None
    free_slots: AlternativeSlots | None = None

    def compose(self, booking: Booking, event: BookingStateChanged) -> OutgoingEmail | None:
        """Compose the e-mail about an event; None for a patient without an address.

        Raises: BookingNotFound, DatabaseUnavailable.
        """
        if booking.patient_email is None:
            return None
        link = self._link(booking) if event.status is Status.CONFIRMED else None
        content = compose(
            booking, event, self.zone, link=link, alternatives=self._alternatives(event)
        )
        message_key = f"{event.booking_id}.{event.version}"
        invitation = self._invitation(booking.patient_email, booking.language, event)
        return OutgoingEmail(
            booking.patient_email, message_key, booking.language, content, invitation
        )

    def compose_reminder(self, booking: Booking) -> OutgoingEmail | None:
        """Compose the reminder of an appointment; None for a patient without an address.

        Raises: BookingNotFound, DatabaseUnavailable.
        """
        if booking.patient_email is None:
            return None
        content = compose_reminder(booking, self.zone, link=self._link(booking))
        message_key = f"{booking.id}.{booking.version}.reminder"
        return OutgoingEmail(booking.patient_email, message_key, booking.language, content)

    def _link(self, booking: Booking) -> ManageLink | None:
        return self.links.of(booking.id) if self.links else None

    def _alternatives(self, event: BookingStateChanged) -> list[datetime]:
        is_rejected = event.status is Status.REJECTED
        # No slot is free near a day beyond the booking window.
        if self.free_slots is None or not is_rejected or event.reason == reasons.TOO_FAR:
            return []
        return self.free_slots.near(event.date)

    def _invitation(
        self, attendee: str, language: str, event: BookingStateChanged
    ) -> Invitation | None:
        method = _method(event)
        if method is None:
            return None
        return Invitation(method, event, self.slot, _SUMMARIES[language], self.sender, attendee)


def _method(event: BookingStateChanged) -> Method | None:
    """Return the calendar action, or None for a booking that no calendar contains."""
    if event.status is Status.CONFIRMED:
        return "REQUEST"
    was_confirmed = event.previous_status is Status.CONFIRMED
    return "CANCEL" if event.status is Status.CANCELLED and was_confirmed else None
