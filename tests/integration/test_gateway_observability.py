"""Request ids, security headers, metrics, staff keys and rate limits of the gateway."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from pymongo import MongoClient
from pymongo.database import Database
from werkzeug.test import TestResponse

from clinic.bookings.bootstrap import create_repository
from clinic.bookings.repository import BookingRepository
from clinic.config import settings
from clinic.domain.clock import now
from clinic.mongo.client import durable_uri
from clinic.outbox.outbox import Outbox
from clinic.outbox.relay import Relay
from clinic.outbox.relay_registry import Checkpoint
from gateway.app import create_app
from gateway.server.request_body import MAX_BODY_BYTES
from gateway.settings import GatewaySettings
from runner.backends.ports import free_port
from runner.processes.services import ROOT
from tests.bookings import put_booking
from tests.conftest import UNLIMITED
from tests.integration.test_gateway import EXAMPLE, book, booked, problem
from tests.rpc import NO_SERVICE

NOWHERE = "amqp://guest:guest@127.0.0.1:1/"
#: Generated staff key: gives access to the metrics when no key is configured.
KEY = "the key of this machine"
WITH_KEY = {"Authorization": f"Bearer {KEY}"}
STAFF = GatewaySettings(staff_api_keys=frozenset({"staff-key-1", "staff-key-2"}))
UNKNOWN_BOOKING = f"/booking/{uuid.uuid4()}"
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def relayed(database: Database[Any], mongodb_uri: str) -> tuple[BookingRepository, Relay]:
    """A repository whose relay is not load_gateway; its broker is unreachable."""
    config = {"AMQP_URI": NOWHERE, "MONGODB_CONNECTION_URL": mongodb_uri, **UNLIMITED}
    return create_repository(database, settings(config))


@pytest.fixture
def store(relayed: tuple[BookingRepository, Relay]) -> BookingRepository:
    return relayed[0]


@pytest.fixture
def make_client(relayed: tuple[BookingRepository, Relay]) -> Callable[..., FlaskClient]:
    def make(own: GatewaySettings | None = None, **fields: Any) -> FlaskClient:
        usual = GatewaySettings(generated_staff_keys=frozenset({KEY}), **fields)
        return create_app(*relayed, own or usual, NO_SERVICE, NO_SERVICE).test_client()

    return make


@pytest.fixture
def client(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    return make_client()


@pytest.fixture
def cut_off_client() -> Iterator[FlaskClient]:
    """A gateway whose database is unreachable."""
    uri = f"mongodb://127.0.0.1:{free_port()}/clinic?serverSelectionTimeoutMS=100"
    config = {"AMQP_URI": NOWHERE, "MONGODB_CONNECTION_URL": uri, **UNLIMITED}
    with MongoClient[dict[str, Any]](durable_uri(uri)) as mongo:
        parts = create_repository(mongo.get_default_database(), settings(config))
        own = GatewaySettings(generated_staff_keys=frozenset({KEY}))
        yield create_app(*parts, own, NO_SERVICE, NO_SERVICE).test_client()


class BrokenRepository:
    def get(self, booking_id: str) -> None:
        raise ValueError("geheim@example.com")


RESPONSES: dict[str, tuple[int, Callable[[FlaskClient], TestResponse]]] = {
    "a booking accepted": (201, book),
    "a list": (200, lambda client: client.get("/bookings/")),
    "a HEAD": (200, lambda client: client.head("/bookings/")),
    "health": (200, lambda client: client.get("/health/live")),
    "metrics": (200, lambda client: client.get("/metrics", headers=WITH_KEY)),
    "not JSON": (400, lambda client: client.post("/book", data=b"{", mimetype="application/json")),
    "an unknown booking": (404, lambda client: client.get(UNKNOWN_BOOKING)),
    "an unknown path": (404, lambda client: client.get("/nothing")),
    "a wrong method": (405, lambda client: client.delete("/book")),
    "a method of nobody": (405, lambda client: client.open("/book", method="BREW")),
    "OPTIONS": (405, lambda client: client.options("/metrics")),
    "a body too large": (
        413,
        lambda client: client.post(
            "/book", data=b"x" * (MAX_BODY_BYTES + 1), mimetype="application/json"
        ),
    ),
    "another media type": (415, lambda client: client.post("/book", data=b"x")),
}


def failing(client: FlaskClient, **kwargs: Any) -> TestResponse:
    """The response of an endpoint that raises an unexpected exception."""
    client.application.config["BOOKINGS"] = BrokenRepository()
    return client.get(UNKNOWN_BOOKING, **kwargs)


# --- request ids


def test_a_response_echoes_the_clients_request_id(client: FlaskClient) -> None:
    response = book(client, {"X-Request-ID": "clinic-42.a_b"})
    assert response.headers["X-Request-ID"] == "clinic-42.a_b"


def test_a_request_without_an_id_gets_a_random_one(client: FlaskClient) -> None:
    one, other = (client.get("/health/live").headers["X-Request-ID"] for _ in range(2))
    assert uuid.UUID(one).version == 4
    assert one != other


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        " ",
        "two words",
        "x" * 65,
        "x" * 10_000,
        "a\tb",
        "a;b=c",
        '{"level":"ERROR"}',
        "../../etc/passwd",
        "%0d%0aSet-Cookie:x",
        "\xf1",
        "\x7f",
        "<script>",
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_an_unsafe_request_id_is_replaced(client: FlaskClient, hostile: str) -> None:
    response = client.get("/health/live", headers={"X-Request-ID": hostile})
    assert uuid.UUID(response.headers["X-Request-ID"]).version == 4


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"], ids=repr)
def test_a_request_id_with_a_line_break_is_never_echoed(client: FlaskClient, end: str) -> None:
    # No server passes one on, so it is put into the WSGI environment directly.
    hostile = {"HTTP_X_REQUEST_ID": f"a{end}Set-Cookie: x=y"}
    response = client.get("/health/live", environ_overrides=hostile)
    assert uuid.UUID(response.headers["X-Request-ID"]).version == 4
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("kind", RESPONSES)
def test_every_response_has_a_request_id(client: FlaskClient, kind: str) -> None:
    status, ask = RESPONSES[kind]
    response = ask(client)
    assert response.status_code == status
    assert uuid.UUID(response.headers["X-Request-ID"])


@pytest.mark.parametrize("path", ["/nothing", UNKNOWN_BOOKING, "/book", "/bookings/?limit=0"])
def test_an_error_response_has_the_request_id(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers={"X-Request-ID": "r-1"})
    assert response.mimetype == "application/problem+json"
    assert response.headers["X-Request-ID"] == "r-1"


def test_an_internal_error_reveals_only_the_request_id(client: FlaskClient) -> None:
    response = failing(client, headers={"X-Request-ID": "r-1"})
    problem(response, 500, "internal_error")
    assert response.headers["X-Request-ID"] == "r-1"
    assert "geheim" not in response.text


def test_a_stored_booking_keeps_the_id_of_its_request(
    client: FlaskClient, database: Database[Any]
) -> None:
    booking = book(client, {"X-Request-ID": "r-1"}).get_json()["booking"]
    found: Any = database["bookings"].find_one({"_id": booking["id"]})
    assert [entry["requestId"] for entry in found["outbox"]] == ["r-1"]
    # The next request of the same thread has another id.
    other = booked(client)
    found = database["bookings"].find_one({"_id": other["id"]})
    assert found["outbox"][0]["requestId"] not in ("", "r-1")


# --- security headers


@pytest.mark.parametrize("kind", RESPONSES)
def test_every_response_has_the_security_headers(client: FlaskClient, kind: str) -> None:
    status, ask = RESPONSES[kind]
    response = ask(client)
    assert response.status_code == status
    assert {name: response.headers.getlist(name) for name in SECURITY_HEADERS} == {
        name: [value] for name, value in SECURITY_HEADERS.items()
    }


def test_responses_of_other_statuses_have_the_security_headers(
    client: FlaskClient, cut_off_client: FlaskClient, make_client: Callable[..., FlaskClient]
) -> None:
    limited = make_client(rate_limit="1/hour")
    book(limited)
    path = f"/booking/{booked(client)['id']}"
    known = client.get(path).headers["ETag"]
    responses = {
        304: client.get(path, headers={"If-None-Match": known}),
        401: make_client(STAFF).get("/metrics"),
        429: book(limited),
        500: failing(client),
        503: book(cut_off_client),
    }
    for status, response in responses.items():
        assert response.status_code == status
        assert {name: response.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


# --- metrics of requests


def scraped(client: FlaskClient) -> Samples:
    response = client.get("/metrics", headers=WITH_KEY)
    assert response.status_code == 200
    return parsed(response.text)


def parsed(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def requests_of(samples: Samples, **labels: str) -> float:
    return samples.get(("clinic_http_requests_total", frozenset(labels.items())), 0)


def routes(samples: Samples) -> set[tuple[str, str, str]]:
    """The label values of all counted requests."""
    found = [dict(labels) for name, labels in samples if name == "clinic_http_requests_total"]
    return {(each["route"], each["method"], each["status"]) for each in found}


def test_metrics_use_the_prometheus_text_format(client: FlaskClient) -> None:
    assert client.get("/metrics", headers=WITH_KEY).content_type.startswith("text/plain; version=")


@pytest.mark.parametrize(
    ("ask", "labels"),
    [
        (book, ("/book", "POST", "201")),
        (lambda client: client.post("/book", data=b"x"), ("/book", "POST", "415")),
        (lambda client: client.get(UNKNOWN_BOOKING), ("/booking/<booking_id>", "GET", "404")),
        (lambda client: client.get("/bookings/"), ("/bookings/", "GET", "200")),
        (lambda client: client.head("/bookings/"), ("/bookings/", "HEAD", "200")),
        (lambda client: client.get("/health/live"), ("/health/live", "GET", "200")),
        (lambda client: client.get("/nothing"), ("unknown", "GET", "404")),
        (lambda client: client.open("/book", method="BREW"), ("unknown", "other", "405")),
        (failing, ("/booking/<booking_id>", "GET", "500")),
    ],
    ids=str,
)
def test_requests_are_counted_by_route_method_and_status(
    client: FlaskClient,
    ask: Callable[[FlaskClient], TestResponse],
    labels: tuple[str, str, str],
) -> None:
    named = dict(zip(("route", "method", "status"), labels, strict=True))
    before = requests_of(scraped(client), **named)
    ask(client)
    assert requests_of(scraped(client), **named) == before + 1


def test_client_input_adds_no_metric_labels(client: FlaskClient) -> None:
    client.open("/book", method="BREW")
    client.get("/nothing")
    client.get(UNKNOWN_BOOKING)
    book(client)
    before = routes(scraped(client))
    for number in range(20):
        client.open("/book", method=f"BREW{number}")
        client.get(f"/nothing/{number}")
        client.get(f"/booking/{uuid.uuid4()}")
        client.get(f"/booking/{number}?x={number}")
        book(client, {"X-Request-ID": f"r-{number}", "User-Agent": f"agent-{number}"})
    assert routes(scraped(client)) - before <= {("/metrics", "GET", "200")}


def test_metrics_hold_no_ids_and_no_personal_data(client: FlaskClient) -> None:
    booking = book(client, {"X-Request-ID": "r-canary"}).get_json()["booking"]
    client.get(f"/booking/{booking['id']}")
    text = client.get("/metrics", headers=WITH_KEY).text
    for secret in (booking["id"], booking["manageToken"], "r-canary", "Juan", "example.com"):
        assert secret not in text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text)


# --- the outbox


def gauge(samples: Samples, name: str) -> float | None:
    return samples.get((name, frozenset()))


def test_metrics_of_an_empty_outbox_are_zero(client: FlaskClient) -> None:
    samples = scraped(client)
    assert gauge(samples, "clinic_outbox_backlog") == 0
    assert gauge(samples, "clinic_outbox_oldest_seconds") == 0


def test_the_backlog_metric_counts_unsent_messages_of_all_relays(
    client: FlaskClient, store: BookingRepository, database: Database[Any]
) -> None:
    other = BookingRepository(database, Outbox(database))
    for written in (store, store, other):
        put_booking(written)
    for noted in (store, other):
        noted.outbox.save_checkpoint()
    assert gauge(scraped(client), "clinic_outbox_backlog") == 3
    store.outbox.pending.discard([1])
    store.outbox.save_checkpoint()
    assert gauge(scraped(client), "clinic_outbox_backlog") == 2


def test_the_age_metric_is_that_of_the_oldest_message(
    client: FlaskClient, store: BookingRepository, database: Database[Any]
) -> None:
    ages = {"a": 100, "b": 1000, "c": 0}
    for relay_id, seconds in ages.items():
        at = now() - timedelta(seconds=seconds)
        store.outbox.relays.save_checkpoint(Checkpoint(relay_id, 0, at, 1, at))
    store.outbox.relays.save_checkpoint(Checkpoint("idle", 7, now()))
    oldest = gauge(scraped(client), "clinic_outbox_oldest_seconds")
    assert oldest is not None
    assert 980 <= oldest < 1100


def test_a_scrape_without_a_database_omits_the_outbox_metrics(
    cut_off_client: FlaskClient,
) -> None:
    samples = scraped(cut_off_client)
    assert gauge(samples, "clinic_outbox_backlog") is None
    assert gauge(samples, "clinic_outbox_oldest_seconds") is None
    labels = {"route": "/metrics", "method": "GET", "status": "200"}
    assert requests_of(scraped(cut_off_client), **labels) > 0


def test_each_application_reports_its_own_outbox(
    client: FlaskClient, cut_off_client: FlaskClient, store: BookingRepository
) -> None:
    put_booking(store)
    store.outbox.save_checkpoint()
    assert gauge(scraped(client), "clinic_outbox_backlog") == 1
    assert "clinic_outbox" not in cut_off_client.get("/metrics", headers=WITH_KEY).text


# --- staff keys


@pytest.mark.parametrize("path", ["/metrics", "/bookings", "/bookings/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_staff_endpoints_require_a_staff_key(
    make_client: Callable[..., FlaskClient], path: str, method: str
) -> None:
    client = make_client(STAFF)
    rejected = client.open(path, method=method, headers={"Authorization": "Bearer staff-key-3"})
    assert rejected.status_code == 401
    assert rejected.headers["WWW-Authenticate"].lower() == "bearer"
    for key in sorted(STAFF.staff_api_keys):
        headers = {"Authorization": f"Bearer {key}"}
        assert client.open(path, method=method, headers=headers).status_code == 200


def test_a_metrics_request_without_a_key_gets_no_metrics(
    make_client: Callable[..., FlaskClient],
) -> None:
    response = make_client(STAFF).get("/metrics")
    problem(response, 401, "unauthorized")
    assert "clinic_" not in response.text


@pytest.mark.parametrize("credential", [None, "", "Bearer", "Bearer ", "Bearer x", "Basic eDp5"])
@pytest.mark.parametrize("keys", [frozenset(), frozenset({KEY})], ids=["no key", "generated"])
def test_metrics_require_a_key_even_when_none_is_configured(
    make_client: Callable[..., FlaskClient], keys: frozenset[str], credential: str | None
) -> None:
    client = make_client(GatewaySettings(generated_staff_keys=keys))
    headers = {} if credential is None else {"Authorization": credential}
    response = client.get("/metrics", headers=headers)
    problem(response, 401, "unauthorized")
    assert "clinic_" not in response.text


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_needs_no_key(make_client: Callable[..., FlaskClient], path: str) -> None:
    assert make_client(STAFF).get(path).status_code == 200


# --- the rate limit


def booked_by(client: FlaskClient, address: str, forwarded: str | None = None) -> TestResponse:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return client.post(
        "/book", json=EXAMPLE, headers=headers, environ_overrides={"REMOTE_ADDR": address}
    )


def test_requests_are_not_rate_limited_by_default(client: FlaskClient) -> None:
    assert {book(client).status_code for _ in range(50)} == {201}


def test_a_rate_limited_client_gets_a_retry_after(
    make_client: Callable[..., FlaskClient], database: Database[Any]
) -> None:
    client = make_client(rate_limit="3/hour")
    assert [book(client).status_code for _ in range(3)] == [201] * 3
    response = book(client)
    problem(response, 429, "too_many_requests")
    assert 0 < int(response.headers["Retry-After"]) <= 3600
    assert database["bookings"].count_documents({}) == 3


def test_rejected_requests_count_towards_the_rate_limit(
    make_client: Callable[..., FlaskClient],
) -> None:
    client = make_client(rate_limit="2/hour")
    responses = [book(client, patientName="").status_code for _ in range(3)]
    assert responses == [400, 400, 429]


def test_only_bookings_are_rate_limited(make_client: Callable[..., FlaskClient]) -> None:
    client = make_client(rate_limit="1/hour")
    booking = booked(client)
    assert book(client).status_code == 429
    for path in (f"/booking/{booking['id']}", "/bookings/", "/health/ready", "/metrics"):
        assert {client.get(path, headers=WITH_KEY).status_code for _ in range(5)} == {200}


def test_each_address_has_its_own_rate_limit(make_client: Callable[..., FlaskClient]) -> None:
    client = make_client(rate_limit="1/hour")
    assert booked_by(client, "192.0.2.1").status_code == 201
    assert booked_by(client, "192.0.2.2").status_code == 201
    assert booked_by(client, "192.0.2.1").status_code == 429


def test_each_application_counts_requests_separately(
    make_client: Callable[..., FlaskClient],
) -> None:
    clients = [make_client(rate_limit="1/hour") for _ in range(2)]
    assert [book(client).status_code for client in clients] == [201, 201]


def test_a_direct_client_cannot_spoof_its_address(
    make_client: Callable[..., FlaskClient],
) -> None:
    client = make_client(rate_limit="1/hour")
    responses = [booked_by(client, "192.0.2.1", f"198.51.100.{each}") for each in range(3)]
    assert [response.status_code for response in responses] == [201, 429, 429]


def test_each_client_behind_a_proxy_has_its_own_rate_limit(
    make_client: Callable[..., FlaskClient],
) -> None:
    client = make_client(rate_limit="1/hour", trusted_proxies=1)
    assert booked_by(client, "10.0.0.1", "198.51.100.1").status_code == 201
    assert booked_by(client, "10.0.0.1", "198.51.100.2").status_code == 201
    # The client's own claim is left of the address that the proxy has appended.
    assert booked_by(client, "10.0.0.1", "203.0.113.9, 198.51.100.1").status_code == 429


@pytest.mark.parametrize(
    "forwarded",
    [
        "203.0.113.7:{}",
        "[2001:db8::7]:{}",
        "2001:db8:1:1::{}",
        "[2001:db8:1:1::{}]:443",
        "::ffff:203.0.113.7",
        '"{}, 203.0.113.7',
    ],
)
def test_ports_and_addresses_of_one_network_count_as_one_client(
    make_client: Callable[..., FlaskClient], forwarded: str
) -> None:
    client = make_client(rate_limit="3/hour", trusted_proxies=1)
    sent = [booked_by(client, "10.0.0.1", forwarded.format(each)) for each in range(5000, 5005)]
    assert [response.status_code for response in sent] == [201, 201, 201, 429, 429]
    assert booked_by(client, "10.0.0.1", "203.0.113.8:5000").status_code == 201
    assert booked_by(client, "10.0.0.1", "[2001:db8:2::7]:5000").status_code == 201


def test_only_the_configured_number_of_proxies_is_trusted(
    make_client: Callable[..., FlaskClient],
) -> None:
    client = make_client(rate_limit="1/hour", trusted_proxies=2)
    chains = ("198.51.100.1, 10.0.0.2", "198.51.100.2, 10.0.0.2", "x, 198.51.100.1, 10.0.0.2")
    responses = [booked_by(client, "10.0.0.1", chain).status_code for chain in chains]
    assert responses == [201, 201, 429]


# --- the start


def load_gateway(**variables: str) -> subprocess.CompletedProcess[str]:
    """The result of importing a gateway that has neither broker nor database."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": "ignore",
        "AMQP_URI": "amqp://clinic:geheim@127.0.0.1:1/",
        "MONGODB_URI": "mongodb://clinic:geheim@127.0.0.1:1/clinic?serverSelectionTimeoutMS=100",
    }
    return subprocess.run(
        [sys.executable, "-c", "import gateway.wsgi"],
        env=environment | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("log_format", ["line", "json"])
def test_a_gateway_without_staff_keys_logs_one_warning(log_format: str) -> None:
    run = load_gateway(STAFF_API_KEY="", LOG_FORMAT=log_format)
    assert run.returncode == 0
    warnings = [line for line in run.stdout.splitlines() if "STAFF_API_KEY" in line]
    assert len(warnings) == 1
    assert "WARNING" in warnings[0]


def test_a_gateway_with_staff_keys_logs_no_warning_and_no_key() -> None:
    run = load_gateway(STAFF_API_KEY="the first key-geheim,the second key-geheim")
    assert run.returncode == 0
    assert "STAFF_API_KEY" not in run.stdout
    assert "geheim" not in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STAFF_API_KEY", "geheim"),
        ("LOG_FORMAT", "json geheim"),
        ("RATE_LIMIT", "many"),
        ("TRUSTED_PROXIES", "all"),
    ],
)
def test_a_misconfigured_gateway_exits_with_a_one_line_error(variable: str, value: str) -> None:
    run = load_gateway(**{variable: value})
    assert run.returncode == 1
    (line,) = run.stderr.splitlines()
    assert line.startswith("gateway: ")
    assert variable in line
    assert "geheim" not in line
