"""Puts the Flask application together."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.middleware.proxy_fix import ProxyFix

from clinic.relay import Relay
from clinic.rpc import RpcPool
from clinic.store import BookingStore
from gateway import observation, problems
from gateway.bookings import bookings
from gateway.breaker import Breaker
from gateway.changes import changes
from gateway.health import health
from gateway.openapi.routes import documents
from gateway.requests import MAX_BODY_BYTES
from gateway.settings import GatewaySettings
from gateway.slots import slots


def create_app(
    store: BookingStore, relay: Relay, settings: GatewaySettings, booking_service: RpcPool
) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # a path with too many is unknown, and redirects nobody
    app.config.update(
        BOOKINGS=store,
        RELAY=relay,
        BOOKING_SERVICE=booking_service,
        STAFF_API_KEYS=settings.staff_api_keys,
        LINK_SECRETS=settings.link_secrets,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
    )
    observation.register(app, store.outbox)
    problems.register(app)
    Breaker(app, bookings.name, changes.name)
    for each in (bookings, changes, slots, health, documents):
        app.register_blueprint(each)
    if settings.trusted_proxies:
        proxies = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    if settings.rate_limit:
        _limit(app, settings.rate_limit)
    return app


def _limit(app: Flask, rate: str) -> None:
    """Count requests for each address, in the memory of this process."""
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", headers_enabled=True)
    book = "bookings.book"
    view: Any = limiter.limit(rate)(app.view_functions[book])
    app.view_functions[book] = view
