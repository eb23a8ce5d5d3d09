"""The code of a booking in the browser that has made it: a cookie that no script and no other page
gets, until the browser is closed."""

from __future__ import annotations

from flask import Response, current_app, request

from clinic.bookings.repository import BookingRepository
from clinic.domain.booking import Booking
from gateway.http.secure_requests import is_secure, path_cookie

_COOKIE = "manage"


def keep(answer: Response, booking_id: str, token: str) -> None:
    """Let this browser change the booking without typing a code."""
    answer.set_cookie(
        path_cookie(_COOKIE),
        token,
        path=f"/cita/{booking_id}",
        secure=is_secure(),
        httponly=True,
        samesite="Strict",
    )


def typed_code() -> str:
    return request.form.get("code", "").strip()


def given_code() -> str:
    """Return the code that was typed, else the one that is kept; nothing where there is none."""
    return typed_code() or _kept()


def needs_code(booking: Booking) -> bool:
    """Whether a code has to be typed here."""
    store: BookingRepository = current_app.config["BOOKINGS"]
    token = request.cookies.get(path_cookie(_COOKIE), "")
    return not (token and store.access(booking.id).is_opened_by(token))


def _kept() -> str:
    """The browser says where a form was sent from: another site's form is not the patient's."""
    is_ours = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    return request.cookies.get(path_cookie(_COOKIE), "") if is_ours else ""
