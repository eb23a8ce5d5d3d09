"""Who asks for a booking to be changed: its patient, or the clinic's staff."""

from __future__ import annotations

from enum import StrEnum

from flask import current_app
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from clinic.errors import BookingNotFound
from clinic.manage_token import issue
from clinic.store import BookingStore
from gateway.requests import bearer, is_any

#: Stands in for the secrets of a booking that there is not: nobody knows its token.
_NOBODYS = issue()[1]


class Party(StrEnum):
    """The values are what the history says of who did it."""

    PATIENT = "patient"
    STAFF = "staff"


def party_of(booking_id: str) -> Party:
    """Tell by the bearer token who asks. Raises: Unauthorized without one; as `holder_of`."""
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
    is_patient = access.is_opened_by(token)
    if not (is_staff or is_patient):
        raise Forbidden
    return Party.STAFF if is_staff else Party.PATIENT
