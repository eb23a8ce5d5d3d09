"""The documented calls about one booking: ask for it, read it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, current_app, request

from clinic.bookings.repository import BookingRepository
from clinic.contracts.schemas import booking_to_json, parse_booking, public_view
from clinic.contracts.strict_json import dumps
from clinic.domain.booking import Booking
from clinic.domain.clock import now, to_wire
from clinic.domain.manage_token import create_credentials, derive_credentials
from clinic.errors import IdempotencyConflict, IdempotencyKeyUsed
from gateway.auth.actor import opened_booking
from gateway.http.requests import idempotency_key, json_body, language, presented_token
from gateway.http.responses import json_response

logger = logging.getLogger(__name__)

bookings = Blueprint("bookings", __name__)


#: A key that is shorter could be guessed, and the token had by whoever guesses the request too.
_SAFE_KEY = 16
#: How long such a key may be used to repeat its request: enough for a client's retries.
_SHORT_KEY_PERIOD = timedelta(minutes=10)


def content(booking: Booking) -> bytes:
    """What tells one request from another, however its JSON is written."""
    return dumps([booking.patient_name, booking.patient_email, to_wire(booking.date)])


def accept(booking: Booking, content: bytes, key: str | None) -> tuple[Booking, str]:
    """Store the booking, or find the one that the same key has made before; return its token too.

    Raises: IdempotencyConflict, TooManyOpenBookings, OutboxFull, DatabaseUnavailable.
    """
    token, access = create_credentials(key, content)
    try:
        _bookings().insert(booking, access)
    except IdempotencyKeyUsed:
        booking, stored = _bookings().find_by_key(access)
        _require_valid(key or "", booking)
        return booking, derive_credentials(stored.salt, key or "")
    logger.info("booking accepted", extra={"booking_id": booking.id})
    return booking, token


def _require_valid(key: str, booking: Booking) -> None:
    """Raises: IdempotencyConflict for a short key after its period."""
    if len(key) < _SAFE_KEY and now() - booking.created_at > _SHORT_KEY_PERIOD:
        raise IdempotencyConflict("the key is too short to be used for so long")


@bookings.post("/book")
def book() -> Response:
    """Accept a request: it is stored, and will be decided whatever happens next."""
    booking = parse_booking(json_body(), language=language(), by="patient")
    key = idempotency_key()
    booking, token = accept(booking, content(booking) if key else b"", key)
    body = {"booking": booking_to_json(booking) | {"manageToken": token}}
    return json_response(body, 201, Location=f"/booking/{booking.id}")


@bookings.get("/booking/<booking_id>")
def read(booking_id: str) -> Response:
    """Show a booking; its patient's name and address only to its patient and to staff."""
    token = presented_token()
    if token is None:
        return _answer(_bookings().get(booking_id), public_view, "public")
    return _answer(opened_booking(booking_id, token), booking_to_json, "full")


def _answer(booking: Booking, write: Callable[[Booking], dict[str, Any]], kind: str) -> Response:
    answer = json_response(write(booking))
    answer.set_etag(f"{booking.version}.{int(booking.attention is not None)}.{kind}")
    answer.make_conditional(request)
    return answer


def _bookings() -> BookingRepository:
    store: BookingRepository = current_app.config["BOOKINGS"]
    return store
