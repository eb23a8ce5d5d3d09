"""`/admin/services`, `/admin/schedules` and `/admin/sites`: the items of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import Blueprint, Response, current_app, request

from clinic.catalogue.cache import CatalogueCache
from clinic.catalogue.schema.catalogue_schema import ItemKind, canonical_item
from clinic.catalogue.store import CatalogueStore
from clinic.domain.catalogue import DEFAULT_CLINIC
from clinic.errors import CatalogueItemNotFound
from gateway.admin.preconditions import require_preconditions
from gateway.auth.staff_access import require_staff
from gateway.http.requests import json_body
from gateway.http.responses import json_response
from gateway.http.security_log import SecurityEvent, log_security_event

items = Blueprint("admin_items", __name__, url_prefix="/admin")


def read_all(kind: ItemKind) -> Response:
    require_staff()
    return json_response(_store().list(DEFAULT_CLINIC, kind))


def read(kind: ItemKind, item_id: str) -> Response:
    require_staff()
    item, version = _store().get(DEFAULT_CLINIC, kind, item_id)
    response = json_response(item)
    response.set_etag(str(version))
    response.make_conditional(request)
    return response


def put(kind: ItemKind, item_id: str) -> Response:
    """Create an item, or replace it under If-Match."""
    key_id = require_staff()
    data = canonical_item(kind, item_id, json_body())
    current = _version(kind, item_id)
    require_preconditions(current)
    item, version = _store().put(DEFAULT_CLINIC, kind, item_id, data, current)
    if version != current:
        _note(SecurityEvent.CATALOGUE_ITEM_STORED, key_id, kind, item_id)
    response = json_response(item, 200 if current else 201)
    if not current:
        response.headers["Location"] = f"/admin/{kind.value}/{item_id}"
    response.set_etag(str(version))
    return response


def delete(kind: ItemKind, item_id: str) -> Response:
    """Delete an item under If-Match."""
    key_id = require_staff()
    _, current = _store().get(DEFAULT_CLINIC, kind, item_id)
    require_preconditions(current)
    _store().delete(DEFAULT_CLINIC, kind, item_id, current)
    _note(SecurityEvent.CATALOGUE_ITEM_DELETED, key_id, kind, item_id)
    return Response(status=204)


def _route(kind: ItemKind) -> None:
    path = f"/{kind.value}/<item_id>"
    routes: list[tuple[str, str, Callable[..., Response]]] = [
        ("GET", f"/{kind.value}", read_all),
        ("GET", path, read),
        ("PUT", path, put),
        ("DELETE", path, delete),
    ]
    for method, rule, view in routes:
        name = f"{view.__name__}_{kind.value}"
        items.add_url_rule(rule, name, partial(view, kind), methods=[method])


for _kind in ItemKind:
    _route(_kind)


def _version(kind: ItemKind, item_id: str) -> int | None:
    try:
        return _store().get(DEFAULT_CLINIC, kind, item_id)[1]
    except CatalogueItemNotFound:
        return None


def _note(event: SecurityEvent, key_id: str, kind: ItemKind, item_id: str) -> None:
    """Log a change, and let this process read the catalogue again."""
    log_security_event(event, key_id=key_id, item=f"{kind.value}/{item_id}")
    catalogues: CatalogueCache = current_app.config["CATALOGUES"]
    catalogues.forget()


def _store() -> CatalogueStore:
    store: CatalogueStore = current_app.config["CATALOGUE_STORE"]
    return store
