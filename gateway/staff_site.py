"""The staff's pages: which there are, and what all of them are behind."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, session
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import NotFound

from clinic.bookings.repository import BookingRepository
from gateway import error_pages
from gateway.auth import staff_sessions
from gateway.http.redirects import nearest_address
from gateway.http.security_log import SecurityEvent, log_security_event
from gateway.staff_pages.agenda import agenda
from gateway.staff_pages.dead_letter_pages import dead_letters
from gateway.staff_pages.login import login
from gateway.staff_pages.queues_page import queues
from gateway.staff_pages.staff_booking import booking
from gateway.staff_pages.staff_rendering import staff_page
from gateway.staff_search.search_page import finding, search

elsewhere = Blueprint("staff_elsewhere", __name__, url_prefix=staff_sessions.HOME)


@elsewhere.get("/<path:unknown>")
def show(unknown: str) -> Response:
    """Say it as the other pages do, to those who may know what there is."""
    nearest = nearest_address()
    if nearest is None:
        raise NotFound
    return nearest


def _stale(_error: CSRFError) -> Response:
    log_security_event(SecurityEvent.CSRF_REJECTED, key_id=session.get("key_id"))
    return staff_page("refusal.html", 400, refusal="stale_form")


#: Those that ask for a session, and for a form of it.
PAGES = (agenda, search, finding, booking, dead_letters, queues, elsewhere)

staff_sessions.guard_door(login)
staff_sessions.guard(*PAGES)
error_pages.register(login, *PAGES)
for _each in (login, *PAGES):
    _each.register_error_handler(CSRFError, _stale)


def register(app: Flask, store: BookingRepository) -> None:
    staff_sessions.register(app, store)
    app.register_blueprint(login)
    for each in PAGES:
        app.register_blueprint(each)
