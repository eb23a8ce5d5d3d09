"""Creates the Flask application."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from clinic.bookings.repository import BookingRepository
from clinic.catalogue.cache import CatalogueCache
from clinic.catalogue.from_configuration import CatalogueSettings
from clinic.catalogue.store import CatalogueStore
from clinic.config import Settings
from clinic.domain.booking import canonical_id
from clinic.messaging.queue_statistics import QueueMonitor
from clinic.mongo.confirmed_addresses import ConfirmedAddresses
from clinic.outbox.relay import Relay
from clinic.rpc.rpc_client import RpcPool
from gateway import error_pages, staff_site
from gateway.admin.items_api import items
from gateway.api import metrics
from gateway.api.bookings_api import bookings
from gateway.api.bookings_list import listing
from gateway.api.catalogue_api import catalogue
from gateway.api.changes_api import changes
from gateway.api.health import health
from gateway.api.openings_api import openings
from gateway.api.slots_api import slots
from gateway.auth.staff_keys import StaffKeys
from gateway.http import instrumentation, problem_details
from gateway.http.client_address import ClientAddressMiddleware
from gateway.http.redirects import restore_fragment
from gateway.limits import failed_attempts
from gateway.limits.rate_limits import limit_requests
from gateway.openapi.routes import documents
from gateway.patient_pages.booking_form import booking_form, booking_form_post
from gateway.patient_pages.booking_page import booking_page
from gateway.patient_pages.reschedule_page import reschedule
from gateway.rpc_clients.free_slots import FreeSlots
from gateway.server.request_body import MAX_BODY_BYTES
from gateway.settings import GatewaySettings
from gateway.staff_pages.inspection_lock import InspectionLock
from gateway.web.static_files import assets

error_pages.register(booking_form, booking_form_post, booking_page, reschedule)


def create_app(
    store: BookingRepository,
    relay: Relay,
    settings: GatewaySettings,
    booking_service: RpcPool,
    notification_admin: RpcPool,
    shared: Settings | None = None,
    readers: RpcPool | None = None,
) -> Flask:
    """Create the application.

    `shared` has the broker settings of the dead-letter and queue pages, which fail without it.
    `readers` is the RPC pool for reading free slots, so that readers can't delay changes. It
    defaults to `booking_service`.
    """
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # extra slashes: 404, no redirect
    app.config.update(
        PROVIDE_AUTOMATIC_OPTIONS=False,
        BOOKINGS=store,
        RELAY=relay,
        BOOKING_SERVICE=booking_service,
        FREE_SLOTS=FreeSlots(readers or booking_service),
        NOTIFICATION_ADMIN=notification_admin,
        STAFF_KEYS=StaffKeys(settings.staff_keys),
        IS_LIST_RESTRICTED=settings.is_list_restricted,
        HOURS=settings.hours,
        DOMAIN=settings.domain,
        IS_PUBLISHED_SECURELY=settings.is_published_securely,
        LINK_SECRETS=settings.link_secrets,
        CONFIRMED_ADDRESSES=ConfirmedAddresses(store.database),
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
    )
    _configure_catalogues(app, store, settings.catalogue)
    if shared:
        app.config.update(INSPECTION_LOCK=InspectionLock(shared), QUEUES=QueueMonitor(shared))
    _register_hooks(app, store, settings)
    _register_views(app, store)
    _resolve_client(app, settings.trusted_proxies)
    if settings.rate_limit:
        limit_requests(app, settings.rate_limit)
    return app


def _configure_catalogues(
    app: Flask, bookings: BookingRepository, settings: CatalogueSettings
) -> None:
    store = CatalogueStore(bookings.database, settings.default.horizon, has_breaker=True)
    cache = CatalogueCache(store.load, settings.default, settings.refresh_seconds, store.version)
    app.config.update(CATALOGUE_STORE=store, CATALOGUES=cache)


def _register_hooks(app: Flask, store: BookingRepository, settings: GatewaySettings) -> None:
    """Register the hooks that run for every request, whichever view handles it."""
    failed_attempts.register(app, settings.failed_attempts_limit)
    app.url_value_preprocessor(_canonicalize_ids)
    instrumentation.register(app)
    problem_details.register(app)
    error_pages.register_fallback(app)
    app.before_request(restore_fragment)


def _register_views(app: Flask, store: BookingRepository) -> None:
    pages = (booking_form, booking_form_post, booking_page, reschedule, assets)
    api = (bookings, listing, changes, slots, openings, catalogue, items, health, documents)
    for blueprint in (*api, *pages):
        app.register_blueprint(blueprint)
    metrics.register(app, store.outbox)
    staff_site.register(app, store)


def _resolve_client(app: Flask, proxies: int) -> None:
    """Take the client's address and scheme from the headers of trusted proxies."""
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=0, x_proto=proxies)  # type: ignore[method-assign]
    app.wsgi_app = ClientAddressMiddleware(app.wsgi_app, proxies)  # type: ignore[method-assign]


def _canonicalize_ids(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Replace the id in the path by its canonical form, for views, links and responses."""
    if values and (booking_id := canonical_id(values.get("booking_id"))):
        values["booking_id"] = booking_id
