"""The staff's pages: which there are, and what all of them are behind."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, session
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import NotFound

from clinic.store import BookingStore
from gateway import page_refusals, staff_session
from gateway.addresses import nearest_address
from gateway.breaker import Breakers
from gateway.dead_letters import dead_letters
from gateway.door import door
from gateway.queues import queues
from gateway.security_log import SecurityEvent, log_security_event
from gateway.staff_agenda import agenda
from gateway.staff_booking import booking
from gateway.staff_page import staff_page
from gateway.staff_search import finding, search

elsewhere = Blueprint("staff_elsewhere", __name__, url_prefix=staff_session.HOME)


@elsewhere.get("/<path:unknown>", provide_automatic_options=False)
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

staff_session.guard_door(door)
staff_session.guard(*PAGES)
page_refusals.register(door, *PAGES)
for _each in (door, *PAGES):
    _each.register_error_handler(CSRFError, _stale)


def register(app: Flask, breakers: Breakers, store: BookingStore) -> None:
    staff_session.register(app, store)
    app.register_blueprint(door)
    for each in PAGES:
        app.register_blueprint(each)
    breakers.watch(agenda.name, finding.name)  # much to read: may be too slow where one isn't
    breakers.watch(booking.name)
