"""Staff sessions: how they end, which secret signs them, and their cookies over TLS."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient
from itsdangerous import BadSignature
from pymongo import MongoClient
from pymongo.database import Database
from werkzeug.test import TestResponse

from clinic.bookings.bootstrap import create_repository
from clinic.config import settings
from clinic.domain.clock import now
from clinic.mongo.client import durable_uri
from gateway.app import create_app
from gateway.auth import staff_sessions
from gateway.auth.ended_sessions import EndedSessions
from gateway.auth.server_secret import server_secret
from gateway.auth.staff_sessions import StaffSessions
from gateway.settings import GatewaySettings
from runner.backends.mongodb import MongoServer
from runner.backends.ports import free_port
from tests.integration.test_pages import relayed, service, store
from tests.integration.test_staff_pages import (
    KEY,
    OTHER_KEY,
    admin,
    copy_cookie,
    make_client,
    send,
    sign_in,
    token,
)
from tests.proxy import proxied
from tests.rpc import NO_SERVICE

__all__ = ["admin", "make_client", "relayed", "service", "store"]

HTTPS = {"X-Forwarded-Proto": "https"}


@pytest.fixture
def client(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    client = make_client(KEY)
    sign_in(client)
    return client


# --- the end of a session


def test_signing_out_invalidates_every_copy_of_the_cookie_in_every_process(
    client: FlaskClient, make_client: Callable[..., FlaskClient]
) -> None:
    here, elsewhere = copy_cookie(client, make_client(KEY)), make_client(KEY)
    copy_cookie(client, elsewhere)
    assert elsewhere.get("/staff").status_code == 200
    send(client, "/staff/logout")
    restarted = copy_cookie(here, make_client(KEY))
    for copy in (here, elsewhere, restarted):
        assert copy.get("/staff").status_code == 302


def test_signing_out_ends_no_other_session(
    client: FlaskClient, make_client: Callable[..., FlaskClient]
) -> None:
    colleague = make_client(KEY)
    sign_in(colleague)
    send(client, "/staff/logout")
    assert colleague.get("/staff").status_code == 200


def test_signing_in_again_ends_the_previous_session(
    client: FlaskClient, make_client: Callable[..., FlaskClient]
) -> None:
    copy = copy_cookie(client, make_client(KEY))
    data = {"key": KEY, "csrf_token": token(client, "/staff/search")}
    assert client.post("/staff/login", data=data).status_code == 303
    assert [each.get("/staff").status_code for each in (client, copy)] == [200, 302]


def test_using_a_copied_cookie_after_sign_out_is_logged(
    client: FlaskClient,
    make_client: Callable[..., FlaskClient],
    caplog: pytest.LogCaptureFixture,
) -> None:
    copy = copy_cookie(client, make_client(KEY))
    send(client, "/staff/logout")
    copy.get("/staff")
    (record,) = [each for each in caplog.records if hasattr(each, "event")]
    assert record.event == "session_rejected"


def test_an_ended_session_is_stored_until_its_cookie_expires(
    client: FlaskClient, database: Database[Any]
) -> None:
    send(client, "/staff/logout")
    (ended,) = database["ended_staff_sessions"].find()
    left = ended["expiresAt"].replace(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta(hours=7.9) < left <= timedelta(hours=8)
    expiry = database["ended_staff_sessions"].index_information()["expiry"]
    assert (expiry["key"], expiry["expireAfterSeconds"]) == ([("expiresAt", 1)], 0)


def test_a_session_can_be_ended_concurrently(database: Database[Any]) -> None:
    ended, errors = EndedSessions(database), []

    def end() -> None:
        try:
            ended.add("s-1", now() + timedelta(hours=1))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=end) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    assert (ended.has("s-1"), ended.has("s-2")) == (True, False)


@pytest.mark.parametrize(("minutes", "status"), [(29, 200), (31, 302)])
def test_a_session_expires_after_half_an_hour_of_inactivity(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, minutes: int, status: int
) -> None:
    _clock(monkeypatch, minutes)
    assert client.get("/staff").status_code == status


def test_automatic_page_refreshes_do_not_extend_the_session(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _clock(monkeypatch, 20)
    assert client.get("/staff", headers={"Sec-Fetch-Mode": "cors"}).status_code == 200
    _clock(monkeypatch, 20)
    assert client.get("/staff", headers={"Sec-Fetch-Mode": "cors"}).status_code == 302


def test_the_cookie_is_not_renewed_by_every_page(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get("/staff")
    assert "Set-Cookie" not in client.get("/staff").headers
    _clock(monkeypatch, 2)
    assert "Set-Cookie" in client.get("/staff").headers


def _clock(monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    later = staff_sessions.now() + timedelta(minutes=minutes)
    monkeypatch.setattr(staff_sessions, "now", lambda: later)


# --- without the database


def test_signing_out_fails_without_a_database_and_works_afterwards(
    mongo_server: MongoServer, database: Database[Any]
) -> None:
    with proxied(mongo_server.port) as link:
        uri = f"mongodb://127.0.0.1:{link.port}/{database.name}?serverSelectionTimeoutMS=500"
        with _gateway(uri) as client:
            sign_in(client)
            data = {"csrf_token": token(client, "/staff/search")}
            link.refuse()
            assert client.post("/staff/logout", data=data).status_code == 503
            link.restore()
            assert client.post("/staff/logout", data=data).status_code == 303
            assert client.get("/staff").status_code == 302


def test_staff_pages_return_503_until_the_database_was_reached() -> None:
    with _gateway(f"mongodb://127.0.0.1:{free_port()}/x?serverSelectionTimeoutMS=100") as client:
        for path in ("/staff", "/staff/login", "/staff/booking/x", "/staff/nothing"):
            response = client.get(path)
            assert (response.status_code, response.mimetype) == (503, "text/html")
            assert "Set-Cookie" not in response.headers
        assert client.post("/staff/login", data={"key": KEY}).status_code == 503


class _gateway:  # noqa: N801 - used as a function
    def __init__(self, uri: str) -> None:
        self._client: MongoClient[Any] = MongoClient(durable_uri(uri))
        uris = {"AMQP_URI": "amqp://guest@127.0.0.1:1/", "MONGODB_CONNECTION_URL": uri}
        parts = create_repository(self._client.get_default_database(), settings(uris))
        own = GatewaySettings(staff_api_keys=frozenset({KEY}))
        self._app = create_app(*parts, own, NO_SERVICE, NO_SERVICE)

    def __enter__(self) -> FlaskClient:
        return self._app.test_client()

    def __exit__(self, *_error: object) -> None:
        self._client.close()


# --- the signing secret


def test_concurrent_gateways_agree_on_one_random_secret(
    database: Database[Any],
) -> None:
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(server_secret(database))) for _ in range(8)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(found[0]) == 32
    assert database["server_secrets"].count_documents({}) == 1


def test_each_installation_has_its_own_secret(database: Database[Any]) -> None:
    first = server_secret(database)
    database["server_secrets"].delete_many({})
    assert server_secret(database) != first


def test_a_session_cookie_cannot_be_used_to_guess_keys(
    make_client: Callable[..., FlaskClient],
) -> None:
    """Knowing the key without the server secret is not enough to verify a signature."""
    anonymous = make_client(KEY)
    anonymous.get("/staff/login")
    cookie = anonymous.get_cookie("staff", path="/staff")
    assert cookie
    derived = hashlib.scrypt(KEY.encode(), salt=b"the staff's sessions", n=2**14, r=8, p=1)
    for secret in (KEY, derived.hex(), hmac.new(b"", derived, hashlib.sha256).hexdigest()):
        guess = _serializer(secret)
        with pytest.raises(BadSignature):
            guess.loads(cookie.value)


def _serializer(secret: str) -> Any:
    app = Flask(__name__)
    app.secret_key = secret
    sessions: SecureCookieSessionInterface = StaffSessions()
    return sessions.get_signing_serializer(app)


# --- cookies over TLS


@pytest.fixture(params=["proxy", "published"])
def over_tls(
    make_client: Callable[..., FlaskClient], request: pytest.FixtureRequest
) -> FlaskClient:
    """A client of a gateway behind a trusted HTTPS proxy, or with an HTTPS public URL."""
    if request.param == "proxy":
        client = make_client(KEY, trusted_proxies=1)
        client.environ_base["HTTP_X_FORWARDED_PROTO"] = "https"
    else:
        client = make_client(KEY, public_url="https://citas.clinica.example")
    client.environ_base["wsgi.url_scheme"] = "http"
    return client


def _with_cookie(client: FlaskClient, path: str, cookie: str) -> TestResponse:
    """Send a request with only this cookie."""
    bare = client.application.test_client(use_cookies=False)
    bare.environ_base = client.environ_base
    return bare.get(path, headers={"Cookie": cookie})


def test_the_session_has_a_secure_cookie_with_a_prefix(over_tls: FlaskClient) -> None:
    response = over_tls.get("/staff/login")
    name, _, rest = response.headers["Set-Cookie"].partition("=")
    assert name == "__Secure-staff"
    assert {"Secure", "HttpOnly", "Path=/staff", "SameSite=Strict"} <= set(rest.split("; "))
    assert "Domain" not in rest


def test_a_cookie_without_the_prefix_is_ignored_over_tls(
    over_tls: FlaskClient, client: FlaskClient
) -> None:
    """An attacker on the plain-HTTP host could have planted it."""
    plain = client.get_cookie("staff", path="/staff")
    assert plain
    assert _with_cookie(over_tls, "/staff", f"staff={plain.value}").status_code == 302
    assert _with_cookie(over_tls, "/staff", f"__Secure-staff={plain.value}").status_code == 200


def test_the_language_cookie_is_limited_to_this_host(over_tls: FlaskClient) -> None:
    response = over_tls.get("/?lang=en")
    name, _, rest = response.headers["Set-Cookie"].partition("=")
    assert name == "__Host-lang"
    assert {"Secure", "HttpOnly", "Path=/"} <= set(rest.split("; "))
    assert "Domain" not in rest
    for cookie, language in (("__Host-lang=en", "en"), ("lang=en", "es")):
        assert f'<html lang="{language}">' in _with_cookie(over_tls, "/", cookie).text


def test_responses_over_tls_have_an_hsts_header(over_tls: FlaskClient) -> None:
    for path in ("/", "/health/live", "/booking/x", "/nothing", "/staff/login", "/bookings"):
        header = over_tls.get(path).headers["Strict-Transport-Security"]
        assert header == "max-age=31536000"


@pytest.mark.parametrize("fields", [{}, {"public_url": "http://citas.clinica.example"}])
def test_without_tls_there_is_no_hsts_and_no_proxy_is_trusted(
    make_client: Callable[..., FlaskClient], fields: dict[str, str]
) -> None:
    client = make_client(KEY, **fields)
    for response in (
        client.get("/?lang=en", headers=HTTPS),
        client.get("/staff/login", headers=HTTPS),
    ):
        assert "Strict-Transport-Security" not in response.headers
        assert not response.headers["Set-Cookie"].startswith("__")
        assert "Secure" not in response.headers["Set-Cookie"].split("; ")


def test_adding_a_key_to_some_gateways_ends_no_sessions(
    make_client: Callable[..., FlaskClient],
) -> None:
    """As when a second key is rolled out to one gateway after the other."""
    new, old = make_client(KEY, OTHER_KEY), make_client(KEY)
    sign_in(old)
    assert copy_cookie(old, new).get("/staff").status_code == 200
