"""The documented calls about one booking: ask for it, read it."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, current_app, request

from clinic.booking import Booking
from clinic.errors import IdempotencyKeyUsed
from clinic.manage_token import derive, issue
from clinic.schema import new_booking, view
from clinic.store import BookingStore
from gateway.answers import json_answer
from gateway.requests import idempotency_key, json_body, language

logger = logging.getLogger(__name__)

bookings = Blueprint("bookings", __name__)


def accept(booking: Booking, data: bytes, key: str | None) -> tuple[Booking, str]:
    """Store the booking, or find the one that the same key has made before; return its token too.

    Raises: IdempotencyConflict, TooManyOpenBookings, BacklogFull, DatabaseUnavailable.
    """
    token, access = issue(key, data)
    try:
        _bookings().insert(booking, access)
    except IdempotencyKeyUsed:
        booking, stored = _bookings().find_by_key(access)
        return booking, derive(stored.salt, key or "")
    logger.info("booking accepted", extra={"booking_id": booking.id})
    return booking, token


@bookings.post("/book", provide_automatic_options=False)
def book() -> Response:
    """Accept a request: it is stored, and will be decided whatever happens next."""
    data, payload = json_body()
    booking = new_booking(payload, language=language(), by="patient")
    booking, token = accept(booking, data, idempotency_key())
    body = {"booking": view(booking) | {"manageToken": token}}
    return json_answer(body, 201, Location=f"/booking/{booking.id}")


@bookings.get("/booking/<booking_id>", provide_automatic_options=False)
def read(booking_id: str) -> Response:
    booking = _bookings().get(booking_id)
    answer = json_answer(view(booking))
    answer.set_etag(f"{booking.version}.{int(booking.attention is not None)}")
    answer.make_conditional(request)
    return answer


def _bookings() -> BookingStore:
    store: BookingStore = current_app.config["BOOKINGS"]
    return store
