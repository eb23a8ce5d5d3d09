from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import eventlet
import pytest
from flask.testing import FlaskClient
from pymongo import MongoClient

from clinic.bookings.bootstrap import create_repository
from clinic.config import settings
from clinic.errors import DatabaseUnavailable
from clinic.mongo.client import durable_uri
from gateway.app import create_app
from gateway.settings import GatewaySettings
from runner.backends.mongodb import MongoServer
from tests.conftest import UNLIMITED, eventually
from tests.e2e.stack import EXAMPLE
from tests.proxy import Proxy, proxied
from tests.rpc import NO_SERVICE


@pytest.fixture
def proxy(mongo_server: MongoServer) -> Iterator[Proxy]:
    with proxied(mongo_server.port) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy, mongodb_uri: str) -> Iterator[FlaskClient]:
    uri = mongodb_uri.replace(mongodb_uri.split(":")[2].split("/")[0], str(proxy.port))
    config = {"AMQP_URI": "amqp://127.0.0.1:9/", "MONGODB_CONNECTION_URL": uri, **UNLIMITED}
    mongo: MongoClient[dict[str, Any]] = MongoClient(durable_uri(uri))
    parts = create_repository(mongo.get_default_database(), settings(config), has_breaker=True)
    yield create_app(*parts, GatewaySettings(), NO_SERVICE, NO_SERVICE).test_client()
    mongo.close()


def status(client: FlaskClient) -> int:
    return client.post("/book", json=EXAMPLE).status_code


def test_an_open_breaker_fails_fast_while_the_database_is_frozen(
    client: FlaskClient, proxy: Proxy
) -> None:
    assert status(client) == 201
    proxy.freeze()
    assert status(client) == 503
    before = time.monotonic()
    assert [status(client) for _ in range(30)].count(503) == 30
    # Each would wait 2.5 s; with an open breaker only one probe per second does.
    assert time.monotonic() - before < 50
    assert client.get("/health/live").status_code == 200
    proxy.restore()


def test_the_gateway_recovers_with_its_database(client: FlaskClient, proxy: Proxy) -> None:
    assert status(client) == 201
    proxy.freeze()
    assert status(client) == 503
    proxy.restore()
    eventually(lambda: status(client) == 201)
    assert status(client) == 201


def test_concurrent_requests_all_get_a_response_while_the_database_is_frozen(
    client: FlaskClient, proxy: Proxy
) -> None:
    assert status(client) == 201
    proxy.freeze()
    assert status(client) == 503
    requests = [eventlet.spawn(status, client) for _ in range(50)]
    assert {each.wait() for each in requests} == {503}
    proxy.restore()


def test_a_slow_list_does_not_open_the_breaker_for_bookings(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_slow(*_: Any) -> list[Any]:
        raise DatabaseUnavailable("NetworkTimeout")

    monkeypatch.setattr("clinic.bookings.repository.BookingRepository.list", too_slow)
    for _ in range(3):
        assert client.get("/bookings/").status_code == 503
    assert status(client) == 201


def test_unavailable_cancellations_do_not_open_the_breaker_for_bookings(
    client: FlaskClient, proxy: Proxy
) -> None:
    booking = client.post("/book", json=EXAMPLE).json["booking"]
    key = {"Authorization": f"Bearer {booking['manageToken']}"}

    def error_code() -> str:
        response = client.post(f"/booking/{booking['id']}/cancel", headers=key)
        return str(response.json["code"])

    proxy.freeze()
    assert status(client) == 503
    proxy.restore()
    eventually(lambda: error_code() == "service_unavailable")
    assert status(client) == 201
