"""`POST /book` and `GET /booking/{id}`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, current_app, request

from clinic.bookings.repository import BookingRepository
from clinic.contracts.booking_json import booking_to_json, public_view
from clinic.contracts.schemas import check_booking, parse_booking
from clinic.contracts.strict_json import dumps
from clinic.domain.booking import Booking
from clinic.domain.clock import now, to_wire
from clinic.domain.manage_token import create_credentials, derive_credentials
from clinic.errors import DatabaseUnavailable, IdempotencyConflict, IdempotencyKeyUsed
from gateway.api.catalogue_api import current_catalogue
from gateway.auth.actor import opened_booking
from gateway.http.requests import idempotency_key, json_body, language, presented_token
from gateway.http.responses import json_response

logger = logging.getLogger(__name__)

bookings = Blueprint("bookings", __name__)


#: A shorter key could be guessed, and with it the token of a request that can be guessed too.
_SAFE_KEY = 16
#: How long a shorter key may repeat its request: enough for the retries of a client.
_SHORT_KEY_PERIOD = timedelta(minutes=10)


def content(booking: Booking) -> bytes:
    """Return what identifies the request, independent of how its JSON is written."""
    return dumps(content_of(booking))


def content_of(booking: Booking) -> list[str | None]:
    chosen = booking.choice
    choice = [chosen.service, chosen.practitioner, chosen.site] if chosen.service else []
    return [booking.patient_name, booking.patient_email, to_wire(booking.date), *choice]


def accept(booking: Booking, content: bytes, key: str | None) -> tuple[Booking, str]:
    """Store the booking, or find the one that this idempotency key created; return its token too.

    Raises: IdempotencyConflict, TooManyOpenBookings, OutboxFull, DatabaseUnavailable.
    """
    token, access = create_credentials(key, content)
    try:
        _bookings().insert(booking, access)
    except IdempotencyKeyUsed:
        booking, stored = _bookings().find_by_key(access)
        _require_reusable(key or "", booking)
        return booking, derive_credentials(stored.salt, key or "")
    logger.info("booking accepted", extra={"booking_id": booking.id})
    return booking, token


def _require_reusable(key: str, booking: Booking) -> None:
    """Raises: IdempotencyConflict for a short key that has expired."""
    if len(key) < _SAFE_KEY and now() - booking.created_at > _SHORT_KEY_PERIOD:
        raise IdempotencyConflict("a key this short has expired")


@bookings.post("/book")
def book() -> Response:
    """Store a booking request; the booking service decides it in the background."""
    booking = _requested(json_body())
    key = idempotency_key()
    booking, token = accept(booking, content(booking) if key else b"", key)
    body = {"booking": booking_to_json(booking) | {"manageToken": token}}
    return json_response(body, 201, Location=f"/booking/{booking.id}")


def _requested(payload: Any) -> Booking:
    """Raises: ValidationError, even while the database is down; DatabaseUnavailable."""
    try:
        catalogue = current_catalogue()
    except DatabaseUnavailable:
        check_booking(payload)
        raise
    return parse_booking(payload, language=language(), by="patient", catalogue=catalogue)


@bookings.get("/booking/<booking_id>")
def read(booking_id: str) -> Response:
    """Return a booking, with name and e-mail address only for its patient and staff."""
    token = presented_token()
    if token is None:
        return _conditional(_bookings().get(booking_id), public_view, "public")
    return _conditional(opened_booking(booking_id, token), booking_to_json, "full")


def _conditional(booking: Booking, to_json: Callable[[Booking], Any], variant: str) -> Response:
    response = json_response(to_json(booking))
    response.set_etag(f"{booking.version}.{int(booking.attention is not None)}.{variant}")
    response.make_conditional(request)
    return response


def _bookings() -> BookingRepository:
    store: BookingRepository = current_app.config["BOOKINGS"]
    return store
