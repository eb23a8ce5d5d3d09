"""`/admin/services`, `/admin/schedules` and `/admin/sites`, on a real database."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database
from werkzeug.test import TestResponse

from clinic.bookings.repository import BookingRepository
from clinic.catalogue.cache import CatalogueCache
from clinic.catalogue.schema.catalogue_schema import parse_catalogue
from clinic.catalogue.store import CatalogueStore
from clinic.domain.catalogue import DEFAULT_CLINIC
from clinic.domain.clock import now
from clinic.errors import CatalogueContested, DatabaseUnavailable
from clinic.outbox.outbox import Outbox
from clinic.outbox.relay import Relay
from gateway.app import create_app
from gateway.server.request_body import MAX_BODY_BYTES
from gateway.settings import GatewaySettings
from tests.catalogues import WHOLE, item, whole
from tests.rpc import NO_SERVICE

KEY = "the-key-of-the-staff"
ANA = "/admin/schedules/ana"
KINDS = {"services": "review", "schedules": "ana", "sites": "centro"}
CANONICAL = parse_catalogue(WHOLE).to_json()

Ask = Callable[..., TestResponse]


@pytest.fixture
def store(database: Database[Any]) -> CatalogueStore:
    store = CatalogueStore(database)
    store.replace(DEFAULT_CLINIC, WHOLE)
    return store


@pytest.fixture
def app(database: Database[Any]) -> Flask:
    bookings = BookingRepository(database, Outbox(database))
    own = GatewaySettings(staff_api_keys=frozenset({KEY}))
    relay: Any = object.__new__(Relay)  # not used
    return create_app(bookings, relay, own, NO_SERVICE, NO_SERVICE)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def ask(client: FlaskClient) -> Ask:
    """Send a request with a staff key; underscores in header names are dashes."""

    def ask(method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        key = {"Authorization": f"Bearer {KEY}"}
        return client.open(path, method=method, json=body, headers=key | given)

    return ask


def problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.data
    assert response.mimetype == "application/problem+json"
    body: dict[str, Any] = json.loads(response.data)
    assert body["code"] == code
    return body


# --- access


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("token", [None, "Bearer wrong", "Basic x"])
def test_every_call_requires_a_staff_key(
    client: FlaskClient, store: CatalogueStore, method: str, token: str | None
) -> None:
    headers = {"Authorization": token} if token else {}
    for kind, item_id in KINDS.items():
        path = f"/admin/{kind}/{item_id}"
        problem(client.open(path, method=method, headers=headers), 401, "unauthorized")
        problem(client.get(f"/admin/{kind}", headers=headers), 401, "unauthorized")
    assert store.version(DEFAULT_CLINIC) == 1


def test_an_invalid_body_does_not_tell_anonymous_clients_anything(client: FlaskClient) -> None:
    response = client.put(ANA, data=b"{", content_type="application/json")
    problem(response, 401, "unauthorized")


# --- reading


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_has_all_items_in_order(ask: Ask, store: CatalogueStore, kind: str) -> None:
    assert ask("GET", f"/admin/{kind}").get_json() == CANONICAL[kind]


def test_the_lists_are_empty_without_a_catalogue(ask: Ask) -> None:
    assert [ask("GET", f"/admin/{kind}").get_json() for kind in KINDS] == [[], [], []]


@pytest.mark.parametrize(("kind", "item_id"), KINDS.items())
def test_an_item_has_an_etag(ask: Ask, store: CatalogueStore, kind: str, item_id: str) -> None:
    response = ask("GET", f"/admin/{kind}/{item_id}")
    assert response.status_code == 200
    assert response.get_json() in CANONICAL[kind]
    assert response.headers["ETag"] == '"1"'
    again = ask("GET", f"/admin/{kind}/{item_id}", If_None_Match='"1"')
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("item_id", ["nobody", "ANA", "a" * 25, "%7B%7D", "a%0Ab"])
def test_an_unknown_id_is_not_found(ask: Ask, store: CatalogueStore, item_id: str) -> None:
    for method in ("GET", "DELETE"):
        problem(ask(method, f"/admin/schedules/{item_id}"), 404, "item_not_found")


@pytest.mark.parametrize("path", ["/admin", "/admin/rooms", "/admin/sites/centro/closures"])
def test_an_unknown_path_is_a_problem_for_browsers_too(ask: Ask, path: str) -> None:
    problem(ask("GET", path, Accept="text/html"), 404, "not_found")


# --- replacing


@pytest.mark.parametrize(("kind", "item_id"), KINDS.items())
def test_an_item_is_replaced_under_its_etag(
    ask: Ask, store: CatalogueStore, kind: str, item_id: str
) -> None:
    path = f"/admin/{kind}/{item_id}"
    found = ask("GET", path)
    name = {"name": "Ana"} if kind == "schedules" else {"names": {"es": "Otra", "en": "Other"}}
    response = ask("PUT", path, found.get_json() | name, If_Match=found.headers["ETag"])
    assert (response.status_code, response.headers["ETag"]) == (200, '"2"')
    assert response.get_json() == found.get_json() | name
    again = ask("GET", path)
    assert (again.get_json(), again.headers["ETag"]) == (response.get_json(), '"2"')


def test_the_same_content_keeps_the_etag_and_is_not_logged(
    ask: Ask, store: CatalogueStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    response = ask("PUT", ANA, item("schedules", "ana"), If_Match='"1"')
    assert (response.status_code, response.headers["ETag"]) == (200, '"1"')
    assert not any(getattr(record, "item", None) for record in caplog.records)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_change_of_an_existing_item_requires_if_match(
    ask: Ask, store: CatalogueStore, method: str
) -> None:
    body = item("schedules", "ana", name="Ana")
    problem(ask(method, ANA, body), 428, "precondition_required")
    problem(ask(method, ANA, body, If_None_Match='"7"'), 428, "precondition_required")
    assert store.version(DEFAULT_CLINIC) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("etag", ['"2"', 'W/"1"', "1x", '""', '"0", "2"'])
def test_a_stale_if_match_is_rejected(
    ask: Ask, store: CatalogueStore, method: str, etag: str
) -> None:
    body = item("schedules", "ana", name="Ana")
    problem(ask(method, ANA, body, If_Match=etag), 412, "version_mismatch")
    assert store.version(DEFAULT_CLINIC) == 1


@pytest.mark.parametrize("etag", ["*", '"7", "1"'])
def test_if_match_may_name_several_versions_or_any(
    ask: Ask, store: CatalogueStore, etag: str
) -> None:
    response = ask("PUT", ANA, item("schedules", "ana", name="Ana"), If_Match=etag)
    assert response.status_code == 200


def test_the_second_of_two_editors_is_told(ask: Ask, store: CatalogueStore) -> None:
    etag = ask("GET", ANA).headers["ETag"]
    assert ask("PUT", ANA, item("schedules", "ana", name="A"), If_Match=etag).status_code == 200
    late = ask("PUT", ANA, item("schedules", "ana", name="B"), If_Match=etag)
    problem(late, 412, "version_mismatch")
    assert ask("GET", ANA).get_json()["name"] == "A"


def test_a_change_between_check_and_write_is_not_overwritten(
    ask: Ask, store: CatalogueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = CatalogueStore.get

    def read_before_another_change(*arguments: Any) -> Any:
        found = read(*arguments)
        monkeypatch.undo()
        store.put(DEFAULT_CLINIC, arguments[2], "ana", item("schedules", "ana", name="Other"), 1)
        return found

    monkeypatch.setattr(CatalogueStore, "get", read_before_another_change)
    response = ask("PUT", ANA, item("schedules", "ana", name="Ours"), If_Match='"1"')
    problem(response, 412, "version_mismatch")
    assert ask("GET", ANA).get_json()["name"] == "Other"


# --- creating


@pytest.mark.parametrize("headers", [{}, {"If_None_Match": "*"}])
def test_an_item_is_created(ask: Ask, store: CatalogueStore, headers: dict[str, str]) -> None:
    body = item("sites", "centro", id="norte")
    response = ask("PUT", "/admin/sites/norte", body, **headers)
    assert (response.status_code, response.headers["ETag"]) == (201, '"1"')
    assert response.headers["Location"] == "/admin/sites/norte"
    assert ask("GET", "/admin/sites/norte").get_json() == response.get_json()


def test_an_existing_item_is_not_created_again(ask: Ask, store: CatalogueStore) -> None:
    response = ask("PUT", ANA, item("schedules", "ana"), If_None_Match="*")
    problem(response, 412, "version_mismatch")


def test_an_item_that_is_gone_is_not_created_by_a_late_change(
    ask: Ask, store: CatalogueStore
) -> None:
    body = item("sites", "centro", id="norte")
    problem(ask("PUT", "/admin/sites/norte", body, If_Match='"1"'), 412, "version_mismatch")
    problem(ask("PUT", "/admin/sites/norte", body, If_Match="*"), 412, "version_mismatch")


def test_a_catalogue_is_built_item_by_item(app: Flask, ask: Ask) -> None:
    draft = item("services", "visit", active=False)
    calls = [
        ("/admin/sites/centro", item("sites", "centro"), {}),
        ("/admin/services/visit", draft, {}),
        (ANA, item("schedules", "ana", services=["visit"]), {}),
        ("/admin/services/visit", item("services", "visit"), {"If_Match": '"1"'}),
    ]
    catalogues: CatalogueCache = app.config["CATALOGUES"]
    assert not catalogues.get().is_configured
    statuses = [ask("PUT", path, body, **headers).status_code for path, body, headers in calls]
    assert statuses == [201, 201, 201, 200]
    assert list(catalogues.get().services) == ["visit"]  # this process reads it at once


# --- invalid changes


def test_all_problems_of_a_change_are_named(ask: Ask, store: CatalogueStore) -> None:
    body = item("schedules", "ana", weight=0, colour="red", hours=[{"site": "?"}])
    found = problem(ask("PUT", ANA, body, If_Match='"1"'), 400, "invalid_catalogue")
    assert set(found["errors"]) == {
        *("weight", "colour", "hours[0].site", "hours[0].weekday", "hours[0].intervals"),
    }
    assert store.version(DEFAULT_CLINIC) == 1


def test_problems_in_other_items_have_the_path_of_the_whole(
    ask: Ask, store: CatalogueStore
) -> None:
    hours = [{"site": "norte", "weekday": "monday", "intervals": ["09:00-10:00"]}]
    body = item("schedules", "ana", services=["visit"], hours=hours)
    found = problem(ask("PUT", ANA, body, If_Match='"1"'), 400, "invalid_catalogue")
    assert set(found["errors"]) == {"hours[0].site", "services[1]"}


@pytest.mark.parametrize("body", [[], "x", 3, None])
def test_an_item_must_be_an_object(client: FlaskClient, store: CatalogueStore, body: Any) -> None:
    headers = {"If-Match": '"1"', "Authorization": f"Bearer {KEY}"}
    data = json.dumps(body)
    response = client.put(ANA, data=data, content_type="application/json", headers=headers)
    found = problem(response, 400, "invalid_catalogue")
    assert set(found["errors"]) == {"catalogue"}


def test_a_body_that_is_no_json_or_too_large_is_rejected(
    client: FlaskClient, store: CatalogueStore
) -> None:
    headers = {"If-Match": '"1"', "Authorization": f"Bearer {KEY}"}
    cases = [
        (b"{", "application/json", 400, "malformed_json"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b" " * (MAX_BODY_BYTES + 1), "application/json", 413, "request_entity_too_large"),
        (b'{"id": "ana", "id": "ana"}', "application/json", 400, "malformed_json"),
    ]
    for data, content_type, status, code in cases:
        response = client.put(ANA, data=data, content_type=content_type, headers=headers)
        problem(response, status, code)


@pytest.mark.parametrize("item_id", ["ANA", "a" * 25, "%C2%84", "%7B%7D"])
@pytest.mark.parametrize("headers", [{}, {"If_Match": '"1"'}])
def test_an_item_with_an_invalid_id_is_not_stored(
    ask: Ask, store: CatalogueStore, item_id: str, headers: dict[str, str]
) -> None:
    body = item("sites", "centro")
    found = problem(
        ask("PUT", f"/admin/sites/{item_id}", body, **headers), 400, "invalid_catalogue"
    )
    assert set(found["errors"]) == {"id"}


# --- deleting


def test_an_item_is_deleted_under_its_etag(ask: Ask, store: CatalogueStore) -> None:
    ask("PUT", "/admin/sites/norte", item("sites", "centro", id="norte"))
    response = ask("DELETE", "/admin/sites/norte", If_Match='"1"')
    assert (response.status_code, response.data) == (204, b"")
    problem(ask("GET", "/admin/sites/norte"), 404, "item_not_found")


def test_a_referenced_item_is_not_deleted(ask: Ask, store: CatalogueStore) -> None:
    found = problem(
        ask("DELETE", "/admin/services/review", If_Match='"1"'), 400, "invalid_catalogue"
    )
    assert set(found["errors"]) == {"schedules[0].services", "schedules[1].services"}


def test_an_item_with_upcoming_bookings_is_not_deleted(
    ask: Ask, store: CatalogueStore, database: Database[Any]
) -> None:
    store.replace(DEFAULT_CLINIC, whole(sites=[*WHOLE["sites"], item("sites", "centro", id="x")]))
    booking = {"clinic": DEFAULT_CLINIC, "date": now() + timedelta(days=1), "site": "x"}
    database["bookings"].insert_many(
        [booking | {"status": status} for status in ("pending", "confirmed", "confirmed")]
    )
    found = problem(ask("DELETE", "/admin/sites/x", If_Match='"1"'), 409, "item_in_use")
    assert found["bookings"] == 3


# --- operation


def test_each_change_is_a_security_event(
    ask: Ask, store: CatalogueStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ask("PUT", "/admin/sites/norte", item("sites", "centro", id="norte", note="x"))
    ask("PUT", "/admin/sites/norte", item("sites", "centro", id="norte"))
    ask("DELETE", "/admin/sites/norte", If_Match='"1"')
    events = [
        (record.event, record.item, bool(record.key_id), record.client_address)  # type: ignore[attr-defined]
        for record in caplog.records
        if hasattr(record, "event")
    ]
    assert events == [
        ("catalogue_item_stored_by_staff", "sites/norte", True, "127.0.0.1"),
        ("catalogue_item_deleted_by_staff", "sites/norte", True, "127.0.0.1"),
    ]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DatabaseUnavailable("down"), "database_unavailable"),
        (CatalogueContested("x"), "catalogue_contested"),
    ],
)
def test_an_outage_is_a_reason_to_retry(
    ask: Ask,
    store: CatalogueStore,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: str,
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(CatalogueStore, "put", fail)
    response = ask("PUT", ANA, item("schedules", "ana"), If_Match='"1"')
    problem(response, 503, code)
    assert response.headers["Retry-After"]
