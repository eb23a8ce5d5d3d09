"""Authorizes access to one booking, by its patient or by staff."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum

from flask import current_app
from werkzeug.exceptions import Forbidden

from clinic.bookings.repository import BookingRepository
from clinic.domain.booking import Booking
from clinic.domain.manage_link import is_link_code
from clinic.domain.manage_token import BookingCredentials, create_credentials
from clinic.errors import BookingNotFound, DatabaseUnavailable
from clinic.mongo.confirmed_addresses import ConfirmedAddresses
from gateway.auth.staff_access import staff_keys, unauthorized
from gateway.http.requests import presented_token
from gateway.http.security_log import SecurityEvent
from gateway.limits.failed_attempts import count_failed_attempt

logger = logging.getLogger(__name__)

#: Compared with the token when the booking doesn't exist, so that the check takes as long.
_DECOY_CREDENTIALS = create_credentials()[1]


class ActorRole(StrEnum):
    """The values are stored in the booking's history."""

    PATIENT = "patient"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Actor:
    """`key_id` identifies the staff key; None for the patient."""

    role: ActorRole
    key_id: str | None = None

    def to_arguments(self) -> dict[str, str]:
        """Return the arguments that tell the booking service who makes the change."""
        key = {"key_id": self.key_id} if self.key_id else {}
        return {"by": self.role.value} | key


def authorize(booking_id: str) -> Actor:
    """Return the holder of the request's bearer token.

    Raises: Unauthorized without a token, and as `credential_holder`.
    """
    token = presented_token()
    if not token:
        raise unauthorized()
    return credential_holder(booking_id, token)


def credential_holder(booking_id: str, token: str) -> Actor:
    """Return the holder of a staff key, or of the manage token or link code of the booking.

    Raises: Forbidden for an invalid token, whether or not the booking exists; BookingNotFound for
    staff only; TooManyRequests; DatabaseUnavailable.
    """
    return _authorized(booking_id, token)[1]


def opened_booking(booking_id: str, token: str) -> Booking:
    """Return the booking if the token grants access to its personal data.

    Raises: Unauthorized for an invalid token, whether or not the booking exists; BookingNotFound
    for staff only; TooManyRequests; DatabaseUnavailable.
    """
    try:
        return _authorized(booking_id, token)[0]
    except Forbidden:
        raise unauthorized() from None


def _authorized(booking_id: str, token: str) -> tuple[Booking, Actor]:
    """Raises: as `credential_holder`."""
    key_id = staff_keys().key_id(token)
    booking, access = _find(booking_id)
    is_token, is_code = _matches(token, booking_id, access)
    if key_id and booking is None:
        raise BookingNotFound("no booking has that id")
    if booking is None or not (key_id or is_token or is_code):
        logged = {"booking_id": booking.id} if booking else {}
        count_failed_attempt(SecurityEvent.CREDENTIAL_REJECTED, **logged)
        raise Forbidden
    if is_code:
        _confirm_address(booking)
    return booking, Actor(ActorRole.STAFF, key_id) if key_id else Actor(ActorRole.PATIENT)


def _confirm_address(booking: Booking) -> None:
    """The code is sent to that mailbox only, so its owner reads it."""
    if booking.patient_email is None:
        return
    addresses: ConfirmedAddresses = current_app.config["CONFIRMED_ADDRESSES"]
    try:
        addresses.add(booking.patient_email)
    except DatabaseUnavailable:
        logger.warning("e-mail address not recorded as confirmed", extra={"booking_id": booking.id})


def _find(booking_id: str) -> tuple[Booking | None, BookingCredentials]:
    store: BookingRepository = current_app.config["BOOKINGS"]
    try:
        return store.get_with_access(booking_id)
    except BookingNotFound:
        return None, _DECOY_CREDENTIALS


def _matches(token: str, booking_id: str, access: BookingCredentials) -> tuple[bool, bool]:
    """Whether it is the manage token, and whether it is the link code.

    Always checks both, so that the time taken does not reveal which one matches.
    """
    secrets = current_app.config["LINK_SECRETS"]
    return access.is_opened_by(token), is_link_code(token, secrets, booking_id, access.salt)
