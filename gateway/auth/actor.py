"""Who asks for a booking to be shown or changed: its patient, or the clinic's staff."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum

from flask import current_app
from werkzeug.exceptions import Forbidden

from clinic.bookings.confirmed_addresses import ConfirmedAddresses
from clinic.bookings.repository import BookingRepository
from clinic.domain.booking import Booking
from clinic.domain.manage_link import is_link_code
from clinic.domain.manage_token import BookingCredentials, create_credentials
from clinic.errors import BookingNotFound, DatabaseUnavailable
from gateway.auth.staff_access import staff_keys, unauthorized
from gateway.http.requests import presented_token
from gateway.http.security_log import SecurityEvent
from gateway.limits.failed_attempts import count_failed_attempt

logger = logging.getLogger(__name__)

#: Stands in for the secrets of a booking that there is not: nobody knows its token.
_DECOY_CREDENTIALS = create_credentials()[1]


class ActorRole(StrEnum):
    """The values are what the history says of who did it."""

    PATIENT = "patient"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Actor:
    """`key_id` tells which of the staff's keys it was."""

    party: ActorRole
    key_id: str | None = None

    def to_arguments(self) -> dict[str, str]:
        """What the booking service is told of who asks."""
        key = {"key_id": self.key_id} if self.key_id else {}
        return {"by": self.party.value} | key


def authorize(booking_id: str) -> Actor:
    """Tell by the bearer token who asks; a patient may have it from a letter's link.

    Raises: Unauthorized without one; Forbidden for one that opens nothing, whether there is such a
    booking or not; BookingNotFound for staff only; TooManyRequests; DatabaseUnavailable.
    """
    token = presented_token()
    if not token:
        raise unauthorized()
    return credential_holder(booking_id, token)


def credential_holder(booking_id: str, token: str) -> Actor:
    """Tell whose token that is.

    Raises: Forbidden for one that opens nothing, whether there is such a booking or not;
    BookingNotFound for staff only; TooManyRequests; DatabaseUnavailable.
    """
    return _opened(booking_id, token)[1]


def opened_booking(booking_id: str, token: str) -> Booking:
    """Return the booking to whoever may see its personal data.

    Raises: Unauthorized for a token that opens nothing, whether there is such a booking or not;
    BookingNotFound for staff only; TooManyRequests; DatabaseUnavailable.
    """
    try:
        return _opened(booking_id, token)[0]
    except Forbidden:
        raise unauthorized() from None


def _opened(booking_id: str, token: str) -> tuple[Booking, Actor]:
    """Raises: as `credential_holder`."""
    key_id = staff_keys().key_id(token)
    booking, access = _find(booking_id)
    is_token, is_code = _matches(token, booking_id, access)
    if key_id and booking is None:
        raise BookingNotFound("that is not the id of a booking")
    if booking is None or not (key_id or is_token or is_code):
        told = {"booking_id": booking.id} if booking else {}
        count_failed_attempt(SecurityEvent.CREDENTIAL_REJECTED, **told)
        raise Forbidden
    if is_code:
        _confirm_address(booking)
    return booking, Actor(ActorRole.STAFF, key_id) if key_id else Actor(ActorRole.PATIENT)


def _confirm_address(booking: Booking) -> None:
    """The code was sent to that mailbox and nowhere else, so somebody reads it."""
    addresses: ConfirmedAddresses = current_app.config["CONFIRMED_ADDRESSES"]
    try:
        addresses.add(booking.patient_email)
    except DatabaseUnavailable:
        logger.warning("an address was not confirmed", extra={"booking_id": booking.id})


def _find(booking_id: str) -> tuple[Booking | None, BookingCredentials]:
    store: BookingRepository = current_app.config["BOOKINGS"]
    try:
        return store.get_with_access(booking_id)
    except BookingNotFound:
        return None, _DECOY_CREDENTIALS


def _matches(token: str, booking_id: str, access: BookingCredentials) -> tuple[bool, bool]:
    """Whether it is the manage token, and whether it is the link code.

    Both are tried in any case: how long it takes tells nobody which of them fits.
    """
    secrets = current_app.config["LINK_SECRETS"]
    return access.is_opened_by(token), is_link_code(token, secrets, booking_id, access.salt)
