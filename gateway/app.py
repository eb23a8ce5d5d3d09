"""Puts the Flask application together."""

from __future__ import annotations

from flask import Flask

from clinic.relay import Relay
from clinic.store import BookingStore
from gateway import problems
from gateway.bookings import bookings
from gateway.health import health
from gateway.requests import MAX_BODY_BYTES


def create_app(store: BookingStore, relay: Relay, staff_api_keys: frozenset[str]) -> Flask:
    """Without staff keys the list of bookings is open to everybody."""
    app = Flask(__name__, static_folder=None)
    app.config.update(
        BOOKINGS=store,
        RELAY=relay,
        STAFF_API_KEYS=staff_api_keys,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
    )
    problems.register(app)
    app.register_blueprint(bookings)
    app.register_blueprint(health)
    return app
