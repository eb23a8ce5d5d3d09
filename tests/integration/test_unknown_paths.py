"""Unknown paths: browsers are redirected or shown a page, programs receive a JSON problem."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from pymongo.database import Database

from clinic.bookings.bootstrap import create_repository
from clinic.bookings.repository import BookingRepository
from clinic.config import settings
from clinic.domain.manage_token import create_credentials
from clinic.outbox.relay import Relay
from gateway.app import create_app
from gateway.settings import GatewaySettings
from tests.bookings import requested
from tests.rpc import NO_SERVICE

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
CODE = "Ab_-" * 10 + "xyz"


@pytest.fixture
def relayed(database: Database[Any], mongodb_uri: str) -> tuple[BookingRepository, Relay]:
    """A repository and a relay that is not started, for a broker that does not exist."""
    broker = "amqp://guest:guest@127.0.0.1:1/"
    return create_repository(
        database, settings({"AMQP_URI": broker, "MONGODB_CONNECTION_URL": mongodb_uri})
    )


@pytest.fixture
def store(relayed: tuple[BookingRepository, Relay]) -> BookingRepository:
    return relayed[0]


@pytest.fixture
def client(relayed: tuple[BookingRepository, Relay]) -> FlaskClient:
    keys = frozenset({"a-staff-key-of-32-characters-000"})
    own = GatewaySettings(staff_api_keys=keys)
    return create_app(*relayed, own, NO_SERVICE, NO_SERVICE).test_client()


@pytest.fixture
def booking_id(store: BookingRepository) -> str:
    booking = requested(date=datetime(2031, 1, 7, 10, tzinfo=UTC))
    store.insert(booking, create_credentials()[1])
    return booking.id


UNKNOWN = [
    "/citas",
    "/cita",
    "/appointments",
    "/index.html",
    "/wp-login.php",
    "/cita/a/b/c",
    "/%ff",
]


@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.parametrize(
    ("language", "title"),
    [("es-ES,es;q=0.9", "Esta página no existe"), ("en-GB,en", "This page does not exist")],
)
def test_an_unknown_path_shows_browsers_a_page(
    client: FlaskClient, path: str, language: str, title: str
) -> None:
    headers = {"Accept": BROWSER, "Accept-Language": language}
    response = client.get(path, headers=headers)
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert title in response.text
    assert 'href="/"' in response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "",
        "application/json",
        "application/json, text/html",
        "application/json;q=0.9, text/html;q=0.5",
        "text/html;q=0",
        "text/plain",
        "text/html," + "a/b," * 300,
    ],
)
@pytest.mark.parametrize("path", UNKNOWN)
def test_an_unknown_path_returns_a_problem_to_programs(
    client: FlaskClient, path: str, accept: str
) -> None:
    response = client.get(path, headers={"Accept": accept})
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
    assert response.get_json()["code"] == "not_found"


@pytest.mark.parametrize("path", ["/booking/1", "/bookings/1", "/book/1", "/slots/1", "/health"])
def test_api_paths_return_a_problem_to_browsers_too(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers={"Accept": BROWSER})
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/cita/1/cancel"), ("PUT", "/"), ("DELETE", "/cita/1")]
)
def test_a_wrong_method_shows_browsers_a_page(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(path, method=method, headers={"Accept": BROWSER})
    assert (response.status_code, response.mimetype) == (405, "text/html")
    assert response.headers["Allow"]


def test_an_oversized_form_returns_an_error_page(client: FlaskClient) -> None:
    response = client.post("/", data={"name": "x" * 20_000}, headers={"Accept": BROWSER})
    assert (response.status_code, response.mimetype) == (413, "text/html")
    assert "No hemos podido leer" in response.text


@pytest.mark.parametrize(
    "path", ["/cita/{id}/", "/Cita/{id}", "/CITA/{id}/", "/Cita/{id}/reschedule"]
)
def test_a_booking_page_path_with_wrong_case_or_slash_redirects_to_the_page(
    client: FlaskClient, booking_id: str, path: str
) -> None:
    path = path.format(id=booking_id)
    response = client.get(f"{path}?lang=en", headers={"Accept": BROWSER})
    right = "/cita/" + path.rstrip("/").partition("ita/" if "ita/" in path else "ITA/")[2]
    assert (response.status_code, response.headers["Location"]) == (308, f"{right}?lang=en")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/Staff/login", "/staff/login"),
        ("GET", "/docs/", "/docs"),
        ("POST", "/book/", "/book"),
        ("GET", "/health/live/", "/health/live"),
        ("GET", "/slots/?date=2031-01-07", "/slots?date=2031-01-07"),
    ],
)
def test_a_known_path_with_wrong_case_or_trailing_slash_redirects_to_it(
    client: FlaskClient, method: str, path: str, expected: str
) -> None:
    response = client.open(path, method=method)
    assert (response.status_code, response.headers["Location"]) == (308, expected)


@pytest.mark.parametrize("path", ["/%2fevil.example/", "/\\evil.example/", "/cita//"])
def test_redirects_never_lead_to_another_host(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code in (404, 308)
    assert response.headers.get("Location", "/").startswith("/")
    assert not response.headers.get("Location", "/").startswith(("//", "/\\"))


@pytest.mark.parametrize("number_sign", ["%23", "%2523"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_code_after_an_escaped_number_sign_redirects_to_the_fragment(
    client: FlaskClient, booking_id: str, number_sign: str, method: str
) -> None:
    response = client.open(f"/cita/{booking_id}{number_sign}{CODE}?lang=en", method=method)
    assert response.status_code == 308
    assert response.headers["Location"] == f"/cita/{booking_id}?lang=en#{CODE}"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert client.get(f"/cita/{booking_id}").status_code == 200


def test_a_code_in_the_path_appears_in_no_log_or_metric(
    client: FlaskClient, booking_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    client.get(f"/cita/{booking_id}%23{CODE}")
    client.get(f"/cita/{booking_id}%23{CODE}/", headers={"Accept": BROWSER})
    keys = {"Authorization": "Bearer a-staff-key-of-32-characters-000"}
    assert CODE not in client.get("/metrics", headers=keys).text
    assert CODE not in caplog.text


@pytest.mark.parametrize("code", ["", "a b", "%0d%0aX:1", "<script>", "x" * 200, "ñ", "a%23b"])
def test_an_invalid_code_after_an_escaped_number_sign_is_not_found(
    client: FlaskClient, booking_id: str, code: str
) -> None:
    response = client.get(f"/cita/{booking_id}%23{code}", headers={"Accept": BROWSER})
    assert (response.status_code, response.mimetype) == (404, "text/html")


@pytest.mark.parametrize("added", ["utm_source=x", "fbclid=1&fbclid=2", "_=1", "%ff=%00"])
def test_pages_ignore_unknown_query_parameters(
    client: FlaskClient, booking_id: str, added: str
) -> None:
    assert client.get(f"/cita/{booking_id}?{added}").status_code == 200
    assert client.get(f"/?{added}").status_code == 200
