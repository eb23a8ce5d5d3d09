"""Who asks for a booking to be changed: its patient, or the clinic's staff."""

from __future__ import annotations

from enum import StrEnum

from flask import current_app
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from clinic.errors import BookingNotFound
from clinic.manage_link import is_link_code
from clinic.manage_token import Access, issue
from clinic.store import BookingStore
from gateway.requests import bearer, is_any

#: Stands in for the secrets of a booking that there is not: nobody knows its token.
_NOBODYS = issue()[1]


class Party(StrEnum):
    """The values are what the history says of who did it."""

    PATIENT = "patient"
    STAFF = "staff"


def party_of(booking_id: str) -> Party:
    """Tell by the bearer token who asks; a patient may have it from a letter's link.

    Raises: Unauthorized without one; Forbidden for one that opens nothing, whether there is such a
    booking or not; BookingNotFound for staff only; DatabaseUnavailable.
    """
    token = bearer()
    if not token:
        raise Unauthorized(www_authenticate=WWWAuthenticate("bearer"))
    return holder_of(booking_id, token)


def holder_of(booking_id: str, token: str) -> Party:
    """Tell whose token that is.

    Raises: Forbidden for one that opens nothing, whether there is such a booking or not;
    BookingNotFound for staff only; DatabaseUnavailable.
    """
    is_staff = is_any(token, current_app.config["STAFF_API_KEYS"])
    store: BookingStore = current_app.config["BOOKINGS"]
    try:
        access = store.access(booking_id)
    except BookingNotFound:
        if is_staff:
            raise
        access = _NOBODYS
    is_patient = _is_patient(token, booking_id, access)
    if not (is_staff or is_patient):
        raise Forbidden
    return Party.STAFF if is_staff else Party.PATIENT


def _is_patient(token: str, booking_id: str, access: Access) -> bool:
    """Try both in any case: how long it takes tells nobody which of them fits."""
    secrets = current_app.config["LINK_SECRETS"]
    return access.is_opened_by(token) | is_link_code(token, secrets, booking_id, access.salt)
