"""Keeps the manage token of a booking in the browser that made it: a session cookie for the pages
of this booking, hidden from scripts."""

from __future__ import annotations

from flask import Response, current_app, request

from clinic.bookings.repository import BookingRepository
from clinic.domain.booking import Booking
from gateway.http.secure_requests import is_secure, path_cookie

_COOKIE = "manage"


def set_booking_cookie(response: Response, booking_id: str, token: str) -> None:
    """Set the cookie, so that this browser can change the booking without a code."""
    response.set_cookie(
        path_cookie(_COOKIE),
        token,
        path=f"/cita/{booking_id}",
        secure=is_secure(),
        httponly=True,
        samesite="Strict",
    )


def typed_code() -> str:
    return request.form.get("code", "").strip()


def submitted_code() -> str:
    """Return the typed code, else the token of the cookie, else an empty string."""
    return typed_code() or _cookie_token()


def needs_code(booking: Booking) -> bool:
    """Whether this browser has no valid token, so that the patient must type a code."""
    store: BookingRepository = current_app.config["BOOKINGS"]
    token = request.cookies.get(path_cookie(_COOKIE), "")
    return not (token and store.access(booking.id).is_opened_by(token))


def _cookie_token() -> str:
    """Return the cookie's token, unless another site submitted the form (CSRF)."""
    is_same_origin = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    return request.cookies.get(path_cookie(_COOKIE), "") if is_same_origin else ""
