"""Composes e-mails: text, link to the booking, and calendar file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from clinic.catalogue.from_configuration import DEFAULT_SETTINGS
from clinic.configuration.sender import NO_SENDER, Sender, parse_sender
from clinic.contracts.calendar_file import Method
from clinic.contracts.messages import BookingStateChanged
from clinic.domain import reasons
from clinic.domain.booking import Booking, Choice, Status
from clinic.domain.catalogue import Catalogue
from clinic.domain.manage_link import link_code
from clinic.domain.manage_token import BookingCredentials
from clinic.domain.named_choice import NamedChoice, name_choice, zone_of
from notification_service.email.alternative_slots import AlternativeSlots
from notification_service.email.content import ManageLink, compose, compose_reminder
from notification_service.email.invitation import Invitation
from notification_service.email.outgoing_email import OutgoingEmail

#: Names no service, because calendars are shared with colleagues and family.
_SUMMARIES = {"es": "Cita", "en": "Appointment"}


@dataclass(frozen=True, slots=True)
class Links:
    """Creates the links with which patients manage their bookings. `public_url` is "" if only the
    profiles of clinics name an address."""

    public_url: str
    secret: str = field(repr=False)
    access: Callable[[str], BookingCredentials]

    def of(self, booking_id: str, clinic_url: str = "") -> ManageLink | None:
        """Return the link below the clinic's own address, if it has one; None without any.

        Raises: BookingNotFound, DatabaseUnavailable.
        """
        base = clinic_url or self.public_url
        if not base:
            return None
        code = link_code(self.secret, booking_id, self.access(booking_id).salt)
        return ManageLink(f"{base}/cita/{booking_id}#{code}", code)


def _no_catalogue(_clinic: str) -> Catalogue:
    return DEFAULT_SETTINGS.default


@dataclass(frozen=True, slots=True)
class EmailComposer:
    """E-mails show times in the zone of the appointment's site, else in `zone`. An appointment of
    unknown end lasts `slot`. With None for `links` or `free_slots`, e-mails omit them.

    Practitioner, site and end are those of the event, even if the booking has changed since. All
    copies of an e-mail are identical, except for the current free slots. If the catalogue changes
    between two attempts, the later copy has its new names and its new sender: the current address
    of a site is worth more than an identical copy.
    """

    sender: str
    zone: ZoneInfo
    slot: timedelta
    links: Links | None = None
    free_slots: AlternativeSlots | None = None
    catalogue_of: Callable[[str], Catalogue] = _no_catalogue

    def compose(self, booking: Booking, event: BookingStateChanged) -> OutgoingEmail | None:
        """Compose the e-mail about an event; None for a patient without an address.

        Raises: BookingNotFound, DatabaseUnavailable.
        """
        if booking.patient_email is None:
            return None
        event = BookingStateChanged.in_booking(booking, event.version)
        catalogue = self.catalogue_of(booking.clinic)
        named = name_choice(event.choice, catalogue, booking.language)
        content = compose(
            booking,
            event,
            self._zone(event.choice, catalogue),
            named=named,
            link=self._link(booking, catalogue) if event.status is Status.CONFIRMED else None,
            alternatives=self._alternatives(event),
        )
        sender = _sender(catalogue)
        invitation = self._invitation(booking, event, named, sender.address or self.sender)
        message_key = f"{event.booking_id}.{event.version}"
        return OutgoingEmail(
            booking.patient_email, message_key, booking.language, content, invitation, sender
        )

    def compose_reminder(self, booking: Booking) -> OutgoingEmail | None:
        """Compose the reminder of an appointment; None for a patient without an address.

        Raises: BookingNotFound, DatabaseUnavailable.
        """
        if booking.patient_email is None:
            return None
        catalogue = self.catalogue_of(booking.clinic)
        named = name_choice(booking.choice, catalogue, booking.language)
        zone = self._zone(booking.choice, catalogue)
        content = compose_reminder(booking, zone, named=named, link=self._link(booking, catalogue))
        message_key = f"{booking.id}.{booking.version}.reminder"
        return OutgoingEmail(
            booking.patient_email,
            message_key,
            booking.language,
            content,
            sender=_sender(catalogue),
        )

    def _zone(self, choice: Choice, catalogue: Catalogue) -> ZoneInfo:
        return zone_of(choice, catalogue, self.zone) if choice.service else self.zone

    def _link(self, booking: Booking, catalogue: Catalogue) -> ManageLink | None:
        return self.links.of(booking.id, catalogue.profile.public_url) if self.links else None

    def _alternatives(self, event: BookingStateChanged) -> list[datetime]:
        is_rejected = event.status is Status.REJECTED
        # No slot is free near a day beyond the booking window.
        if self.free_slots is None or not is_rejected or event.reason == reasons.TOO_FAR:
            return []
        return self.free_slots.near(event.date, event.choice)

    def _invitation(
        self, booking: Booking, event: BookingStateChanged, named: NamedChoice, organizer: str
    ) -> Invitation | None:
        method = _method(event)
        if method is None or booking.patient_email is None:
            return None
        duration = booking.end - booking.date if booking.end else self.slot
        return Invitation(
            method,
            event,
            event.end or event.date + duration,
            _SUMMARIES[booking.language],
            organizer,
            booking.patient_email,
            domain=self.sender.rpartition("@")[2],
            location=named.location,
            description=named.practitioner,
        )


def _sender(catalogue: Catalogue) -> Sender:
    """Return the sender of the clinic's profile; empty values mean those of the configuration."""
    profile = catalogue.profile
    address, name = parse_sender(profile.sender) if profile.sender else NO_SENDER
    return Sender(address, profile.name or name)


def _method(event: BookingStateChanged) -> Method | None:
    """Return the calendar action, or None for a booking that no calendar contains."""
    if event.status is Status.CONFIRMED:
        return "REQUEST"
    was_confirmed = event.previous_status is Status.CONFIRMED
    return "CANCEL" if event.status is Status.CANCELLED and was_confirmed else None
