"""Registers the staff pages, their sign-in, CSRF protection and error pages."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, session
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import NotFound

from clinic.bookings.repository import BookingRepository
from gateway import error_pages
from gateway.auth import staff_sessions
from gateway.http.redirects import nearest_address
from gateway.http.security_log import SecurityEvent, log_security_event
from gateway.phone_booking.phone_booking_page import phone_booking
from gateway.phone_booking.printable_confirmation import confirmation
from gateway.schedule_editor.schedule_pages import schedules
from gateway.staff_calendar.agenda import agenda
from gateway.staff_pages.dead_letter_pages import dead_letters
from gateway.staff_pages.login import login
from gateway.staff_pages.queues_page import queues
from gateway.staff_pages.staff_booking import booking
from gateway.staff_pages.staff_rendering import staff_page
from gateway.staff_search.search_page import search

unknown_pages = Blueprint("staff_unknown_pages", __name__, url_prefix=staff_sessions.HOME)


@unknown_pages.get("/<path:unknown>")
def show(unknown: str) -> Response:
    """Redirect or answer 404 only after sign-in, so that others can't probe for pages."""
    redirect = nearest_address()
    if redirect is None:
        raise NotFound
    return redirect


def _handle_csrf_error(_error: CSRFError) -> Response:
    log_security_event(SecurityEvent.CSRF_REJECTED, key_id=session.get("key_id"))
    return staff_page("error.html", 400, error_key="stale_form")


#: The pages that require a session, and its CSRF token in every form.
PAGES = (
    agenda,
    phone_booking,
    search,
    booking,
    confirmation,
    schedules,
    dead_letters,
    queues,
    unknown_pages,
)

staff_sessions.protect_sign_in(login)
staff_sessions.require_sign_in(*PAGES)
error_pages.register(login, *PAGES)
for _blueprint in (login, *PAGES):
    _blueprint.register_error_handler(CSRFError, _handle_csrf_error)


def register(app: Flask, store: BookingRepository) -> None:
    staff_sessions.register(app, store)
    app.register_blueprint(login)
    for blueprint in PAGES:
        app.register_blueprint(blueprint)
