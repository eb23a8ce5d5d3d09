"""The sessions of the staff's pages: how they end, what signs them, and their cookies over TLS."""

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
from runner.mongodb import MongoServer
from runner.ports import free_port
from tests.integration.test_pages import relayed, service, store
from tests.integration.test_staff_pages import (
    KEY,
    OTHER_KEY,
    carried,
    desk,
    make_client,
    send,
    sign_in,
    token,
)
from tests.proxy import proxied
from tests.rpc import NO_SERVICE

__all__ = ["desk", "make_client", "relayed", "service", "store"]

HTTPS = {"X-Forwarded-Proto": "https"}


@pytest.fixture
def client(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    client = make_client(KEY)
    sign_in(client)
    return client


# --- the end of a session


def test_signing_out_ends_the_session_for_every_copy_of_its_cookie_and_every_process(
    client: FlaskClient, make_client: Callable[..., FlaskClient]
) -> None:
    here, elsewhere = carried(client, make_client(KEY)), make_client(KEY)
    carried(client, elsewhere)
    assert elsewhere.get("/staff").status_code == 200
    send(client, "/staff/logout")
    restarted = carried(here, make_client(KEY))
    for copy in (here, elsewhere, restarted):
        assert copy.get("/staff").status_code == 302


def test_signing_out_ends_no_other_session(
    client: FlaskClient, make_client: Callable[..., FlaskClient]
) -> None:
    colleague = make_client(KEY)
    sign_in(colleague)
    send(client, "/staff/logout")
    assert colleague.get("/staff").status_code == 200


def test_signing_in_again_ends_the_session_before(
    client: FlaskClient, make_client: Callable[..., FlaskClient]
) -> None:
    copy = carried(client, make_client(KEY))
    data = {"key": KEY, "csrf_token": token(client, "/staff/search")}
    assert client.post("/staff/login", data=data).status_code == 303
    assert [each.get("/staff").status_code for each in (client, copy)] == [200, 302]


def test_a_copy_that_is_used_after_signing_out_is_logged(
    client: FlaskClient,
    make_client: Callable[..., FlaskClient],
    caplog: pytest.LogCaptureFixture,
) -> None:
    copy = carried(client, make_client(KEY))
    send(client, "/staff/logout")
    copy.get("/staff")
    (record,) = [each for each in caplog.records if hasattr(each, "event")]
    assert record.event == "session_rejected"


def test_an_ended_session_is_kept_until_its_cookie_expires_and_not_longer(
    client: FlaskClient, database: Database[Any]
) -> None:
    send(client, "/staff/logout")
    (ended,) = database["ended_staff_sessions"].find()
    left = ended["expiresAt"].replace(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta(hours=7.9) < left <= timedelta(hours=8)
    expiry = database["ended_staff_sessions"].index_information()["expiry"]
    assert (expiry["key"], expiry["expireAfterSeconds"]) == ([("expiresAt", 1)], 0)


def test_a_session_may_be_ended_twice_at_once(database: Database[Any]) -> None:
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
def test_who_does_nothing_for_half_an_hour_is_signed_out(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, minutes: int, status: int
) -> None:
    _clock(monkeypatch, minutes)
    assert client.get("/staff").status_code == status


def test_a_page_that_fetches_itself_keeps_no_session_open(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _clock(monkeypatch, 20)
    assert client.get("/staff", headers={"Sec-Fetch-Mode": "cors"}).status_code == 200
    _clock(monkeypatch, 20)
    assert client.get("/staff", headers={"Sec-Fetch-Mode": "cors"}).status_code == 302


def test_the_cookie_is_not_set_anew_by_each_page(
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


def test_without_a_database_signing_out_says_so_and_works_once_it_is_back(
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


def test_a_gateway_that_has_never_seen_its_database_answers_503_on_staff_pages() -> None:
    with _gateway(f"mongodb://127.0.0.1:{free_port()}/x?serverSelectionTimeoutMS=100") as client:
        for path in ("/staff", "/staff/login", "/staff/booking/x", "/staff/nothing"):
            answer = client.get(path)
            assert (answer.status_code, answer.mimetype) == (503, "text/html")
            assert "Set-Cookie" not in answer.headers
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


# --- what signs


def test_all_gateways_agree_on_one_random_secret_whoever_comes_first(
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


def test_each_installation_has_a_secret_of_its_own(database: Database[Any]) -> None:
    first = server_secret(database)
    database["server_secrets"].delete_many({})
    assert server_secret(database) != first


def test_the_cookie_of_a_stranger_can_not_be_used_to_try_out_keys(
    make_client: Callable[..., FlaskClient],
) -> None:
    """Whoever knows the key, but not the installation's secret, can't tell that it was used."""
    stranger = make_client(KEY)
    stranger.get("/staff/login")
    cookie = stranger.get_cookie("staff", path="/staff")
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
    """Behind a trusted proxy that says so, or by the address that the operator has published."""
    if request.param == "proxy":
        client = make_client(KEY, trusted_proxies=1)
        client.environ_base["HTTP_X_FORWARDED_PROTO"] = "https"
    else:
        client = make_client(KEY, public_url="https://citas.clinica.example")
    client.environ_base["wsgi.url_scheme"] = "http"
    return client


def _with_cookie(client: FlaskClient, path: str, cookie: str) -> TestResponse:
    """Ask as a browser does that has this cookie and no other."""
    bare = client.application.test_client(use_cookies=False)
    bare.environ_base = client.environ_base
    return bare.get(path, headers={"Cookie": cookie})


def test_the_session_has_a_secure_cookie_with_a_prefix(over_tls: FlaskClient) -> None:
    answer = over_tls.get("/staff/login")
    name, _, rest = answer.headers["Set-Cookie"].partition("=")
    assert name == "__Secure-staff"
    assert {"Secure", "HttpOnly", "Path=/staff", "SameSite=Strict"} <= set(rest.split("; "))
    assert "Domain" not in rest


def test_a_cookie_without_the_prefix_is_nobody_over_tls(
    over_tls: FlaskClient, client: FlaskClient
) -> None:
    """Whoever can speak for the host without TLS could have planted it."""
    plain = client.get_cookie("staff", path="/staff")
    assert plain
    assert _with_cookie(over_tls, "/staff", f"staff={plain.value}").status_code == 302
    assert _with_cookie(over_tls, "/staff", f"__Secure-staff={plain.value}").status_code == 200


def test_the_language_has_a_cookie_of_this_host_only(over_tls: FlaskClient) -> None:
    answer = over_tls.get("/?lang=en")
    name, _, rest = answer.headers["Set-Cookie"].partition("=")
    assert name == "__Host-lang"
    assert {"Secure", "HttpOnly", "Path=/"} <= set(rest.split("; "))
    assert "Domain" not in rest
    for cookie, language in (("__Host-lang=en", "en"), ("lang=en", "es")):
        assert f'<html lang="{language}">' in _with_cookie(over_tls, "/", cookie).text


def test_browsers_are_told_to_come_over_tls_only(over_tls: FlaskClient) -> None:
    for path in ("/", "/health/live", "/booking/x", "/nothing", "/staff/login", "/bookings"):
        header = over_tls.get(path).headers["Strict-Transport-Security"]
        assert header == "max-age=31536000"


@pytest.mark.parametrize("fields", [{}, {"public_url": "http://citas.clinica.example"}])
def test_without_tls_nothing_is_said_of_it_and_no_proxy_is_believed(
    make_client: Callable[..., FlaskClient], fields: dict[str, str]
) -> None:
    client = make_client(KEY, **fields)
    for answer in (
        client.get("/?lang=en", headers=HTTPS),
        client.get("/staff/login", headers=HTTPS),
    ):
        assert "Strict-Transport-Security" not in answer.headers
        assert not answer.headers["Set-Cookie"].startswith("__")
        assert "Secure" not in answer.headers["Set-Cookie"].split("; ")


def test_a_key_in_use_by_some_gateways_only_signs_nobody_out(
    make_client: Callable[..., FlaskClient],
) -> None:
    """While a second key is introduced, one gateway after the other."""
    new, old = make_client(KEY, OTHER_KEY), make_client(KEY)
    sign_in(old)
    assert carried(old, new).get("/staff").status_code == 200
