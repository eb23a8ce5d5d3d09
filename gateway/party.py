"""Who asks for a booking to be shown or changed: its patient, or the clinic's staff."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from flask import current_app
from werkzeug.exceptions import Forbidden

from clinic.booking import Booking
from clinic.errors import BookingNotFound
from clinic.manage_link import is_link_code
from clinic.manage_token import Access, issue
from clinic.store import BookingStore
from gateway.requests import presented_token
from gateway.security_log import SecurityEvent, log_security_event
from gateway.staff import staff_keys, unauthorized

#: Stands in for the secrets of a booking that there is not: nobody knows its token.
_NOBODYS = issue()[1]


class Party(StrEnum):
    """The values are what the history says of who did it."""

    PATIENT = "patient"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Actor:
    """`key_id` tells which of the staff's keys it was."""

    party: Party
    key_id: str | None = None

    def to_arguments(self) -> dict[str, str]:
        """What the booking service is told of who asks."""
        key = {"key_id": self.key_id} if self.key_id else {}
        return {"by": self.party.value} | key


def party_of(booking_id: str) -> Actor:
    """Tell by the bearer token who asks; a patient may have it from a letter's link.

    Raises: Unauthorized without one; Forbidden for one that opens nothing, whether there is such a
    booking or not; BookingNotFound for staff only; DatabaseUnavailable.
    """
    token = presented_token()
    if not token:
        raise unauthorized()
    return holder_of(booking_id, token)


def holder_of(booking_id: str, token: str) -> Actor:
    """Tell whose token that is.

    Raises: Forbidden for one that opens nothing, whether there is such a booking or not;
    BookingNotFound for staff only; DatabaseUnavailable.
    """
    return _opened(booking_id, token)[1]


def opened_booking(booking_id: str, token: str) -> Booking:
    """Return the booking to whoever may see its personal data.

    Raises: Unauthorized for a token that opens nothing, whether there is such a booking or not;
    BookingNotFound for staff only; DatabaseUnavailable.
    """
    try:
        return _opened(booking_id, token)[0]
    except Forbidden:
        raise unauthorized() from None


def _opened(booking_id: str, token: str) -> tuple[Booking, Actor]:
    """Raises: as `holder_of`."""
    key_id = staff_keys().key_id(token)
    booking, access = _find(booking_id)
    is_patient = _is_patient(token, booking_id, access)
    if key_id and booking is None:
        raise BookingNotFound("that is not the id of a booking")
    if booking is None or not (key_id or is_patient):
        told = {"booking_id": booking.id} if booking else {}
        log_security_event(SecurityEvent.CREDENTIAL_REJECTED, **told)
        raise Forbidden
    return booking, Actor(Party.STAFF, key_id) if key_id else Actor(Party.PATIENT)


def _find(booking_id: str) -> tuple[Booking | None, Access]:
    store: BookingStore = current_app.config["BOOKINGS"]
    try:
        return store.get_with_access(booking_id)
    except BookingNotFound:
        return None, _NOBODYS


def _is_patient(token: str, booking_id: str, access: Access) -> bool:
    """Try both in any case: how long it takes tells nobody which of them fits."""
    secrets = current_app.config["LINK_SECRETS"]
    return access.is_opened_by(token) | is_link_code(token, secrets, booking_id, access.salt)
