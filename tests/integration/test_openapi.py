"""The OpenAPI document and its page. The test client of this folder checks every response against
the document; here we check that it detects deviations."""

from __future__ import annotations

import re
import tomllib
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from jsonschema import ValidationError
from openapi_spec_validator import validate
from pymongo import MongoClient

from clinic.bookings.bootstrap import create_repository
from clinic.catalogue.schema.catalogue_schema import ItemKind
from clinic.config import settings
from clinic.mongo.client import durable_uri
from gateway.app import create_app
from gateway.openapi import error_responses
from gateway.openapi.examples import PENDING, PUBLIC
from gateway.settings import GatewaySettings
from runner.processes.services import ROOT
from tests.conftest import UNLIMITED
from tests.contract import CONTRACTS, routes
from tests.rpc import NO_SERVICE

STAFF = frozenset({"staff-key-1"})
DOCUMENTS = ("/openapi.json", "/docs")
BOTH = pytest.mark.parametrize("is_restricted", [False, True], ids=["open list", "restricted"])
LISTS = {("GET", "/bookings"), ("GET", "/bookings/")}
ADMIN = {
    call
    for kind in ItemKind
    for call in [
        ("GET", f"/admin/{kind.value}"),
        *((method, f"/admin/{kind.value}/{{}}") for method in ("GET", "PUT", "DELETE")),
    ]
}
#: Readable without a credential, but then without personal data.
OPEN = {("GET", "/booking/{}")}


@pytest.fixture
def make_app() -> Iterator[Callable[..., Flask]]:
    """Makes gateways without a database: these endpoints need none."""
    uri = "mongodb://127.0.0.1:1/clinic?serverSelectionTimeoutMS=100"
    config = {
        "AMQP_URI": "amqp://guest:guest@127.0.0.1:1/",
        "MONGODB_CONNECTION_URL": uri,
        **UNLIMITED,
    }
    with MongoClient[dict[str, Any]](durable_uri(uri)) as mongo:
        parts = create_repository(mongo.get_default_database(), settings(config))
        yield lambda keys=frozenset(): create_app(
            *parts, GatewaySettings(staff_api_keys=keys), NO_SERVICE, NO_SERVICE
        )


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


# --- the document


@BOTH
def test_the_document_is_openapi_3_1(is_restricted: bool) -> None:
    validate(CONTRACTS[is_restricted].document)
    assert CONTRACTS[is_restricted].document["openapi"].startswith("3.1.")


@BOTH
def test_the_document_describes_exactly_the_routes(app: Flask, is_restricted: bool) -> None:
    assert {call for call, _ in CONTRACTS[is_restricted].operations()} == routes(app)


def test_an_undocumented_route_is_detected(app: Flask) -> None:
    app.add_url_rule("/nowhere", view_func=lambda: "", methods=["GET"])
    described = {call for call, _ in CONTRACTS[False].operations()}
    assert ("GET", "/nowhere") in routes(app) - described


def test_the_gateway_serves_the_document(make_app: Callable[..., Flask]) -> None:
    for keys in (frozenset(), STAFF):
        response = make_app(keys).test_client().get("/openapi.json")
        assert response.get_json() == CONTRACTS[bool(keys)].document


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert CONTRACTS[False].document["info"]["version"] == project["version"]


def test_the_document_names_no_host() -> None:
    assert [server["url"] for server in CONTRACTS[False].document["servers"]] == ["/"]


@BOTH
def test_the_document_declares_public_and_staff_operations(is_restricted: bool) -> None:
    operations = dict(CONTRACTS[is_restricted].operations())
    guarded = {call: each["security"] for call, each in operations.items() if each["security"]}
    staffs = {call for call, schemes in guarded.items() if schemes == [{"staffKey": []}]}
    assert staffs == {("GET", "/metrics")} | ADMIN | (LISTS if is_restricted else set())
    is_open = {call for call, schemes in guarded.items() if {} in schemes}
    assert is_open == OPEN | (set() if is_restricted else LISTS)
    assert set(guarded) == {call for call, each in operations.items() if "401" in each["responses"]}


@BOTH
def test_the_document_describes_public_and_full_bookings(
    is_restricted: bool,
) -> None:
    contract = CONTRACTS[is_restricted]
    one = dict(contract.operations())[("GET", "/booking/{}")]["responses"]["200"]["content"]
    validator = contract.validator(one["application/json"]["schema"])
    validator.validate(PUBLIC)
    validator.validate(PENDING)
    for name in ("patientName", "patientEmail"):
        assert not validator.is_valid(PUBLIC | {name: PENDING[name]})


@BOTH
def test_every_example_is_valid(is_restricted: bool) -> None:
    contract = CONTRACTS[is_restricted]
    found = list(examples(contract.document))
    assert len(found) > 5
    for holder in found:
        contract.validator(holder["schema"]).validate(holder["example"])


def test_the_document_lists_every_problem_code() -> None:
    problem = CONTRACTS[False].document["components"]["schemas"]["Problem"]
    assert problem["properties"]["code"]["enum"] == list(error_responses.CODES)


def examples(node: Any) -> Iterator[dict[str, Any]]:
    """All nodes that have a schema and an example for it."""
    if isinstance(node, dict):
        if "schema" in node and "example" in node:
            yield node
        for each in node.values():
            yield from examples(each)
    elif isinstance(node, list):
        for each in node:
            yield from examples(each)


# --- responses that deviate from the document


def broken(change: Callable[[Response], Any]) -> FlaskClient:
    """A gateway whose responses are modified before they are sent."""
    app = Flask(__name__)
    app.config["IS_LIST_RESTRICTED"] = False

    @app.get("/health/live")
    def live() -> Response:
        response = Response('{"status":"live"}', mimetype="application/json")
        response.headers["X-Request-ID"] = "r-1"
        change(response)
        return response

    return app.test_client()


def test_a_documented_response_passes() -> None:
    assert broken(lambda response: None).get("/health/live").status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda response: response.set_data("{}"), id="a field is missing"),
        pytest.param(lambda response: response.set_data('{"status":1}'), id="another type"),
        pytest.param(
            lambda response: response.set_data('{"status":"live","x":1}'), id="a field too many"
        ),
        pytest.param(lambda response: setattr(response, "status_code", 202), id="another status"),
        pytest.param(
            lambda response: setattr(response, "mimetype", "text/plain"), id="another type"
        ),
        pytest.param(lambda response: response.headers.pop("X-Request-ID"), id="no header"),
        pytest.param(
            lambda response: response.headers.set("X-Request-ID", "ñ"), id="another header"
        ),
    ],
)
def test_an_undocumented_response_is_detected(change: Callable[[Response], Any]) -> None:
    with pytest.raises((AssertionError, ValidationError)):
        broken(change).get("/health/live")


# --- how the document and the page are served


@pytest.mark.parametrize("path", DOCUMENTS)
def test_document_and_page_are_cacheable(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert re.fullmatch(r"public, max-age=\d+", response.headers["Cache-Control"])


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_matching_etag_gets_a_304_without_body(client: FlaskClient, path: str) -> None:
    etag = client.get(path).headers["ETag"]
    response = client.get(path, headers={"If-None-Match": etag})
    assert (response.status_code, response.data, response.headers["ETag"]) == (304, b"", etag)
    assert response.headers["Cache-Control"].startswith("public")


@pytest.mark.parametrize("path", DOCUMENTS)
def test_head_returns_the_headers_of_get_without_a_body(client: FlaskClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.data) == (200, b"")
    for name in ("ETag", "Content-Length", "Content-Type"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize("path", DOCUMENTS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_rejected(client: FlaskClient, path: str, method: str) -> None:
    assert client.open(path, method=method).status_code == 405


@pytest.mark.parametrize("path", DOCUMENTS)
def test_document_and_page_need_neither_key_nor_database(
    make_app: Callable[..., Flask], path: str
) -> None:
    assert make_app(STAFF).test_client().get(path).status_code == 200


@pytest.mark.parametrize("path", DOCUMENTS)
def test_document_and_page_have_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


# --- the page


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, attribute: str) -> list[str]:
        return [value for _, each in self.tags if (value := each.get(attribute)) is not None]

    def names(self) -> list[str]:
        return [tag for tag, _ in self.tags]


@pytest.fixture(params=[frozenset(), STAFF], ids=["open", "staff keys"])
def page(make_app: Callable[..., Flask], request: pytest.FixtureRequest) -> Page:
    return Page(make_app(request.param).test_client().get("/docs").text)


def test_the_page_has_a_language_and_a_title(page: Page) -> None:
    assert page.tags[0] == ("html", {"lang": "en"})
    assert "title" in page.names()


def test_the_page_shows_every_operation_and_every_code(page: Page) -> None:
    for path, methods in CONTRACTS[True].document["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in page.text
    for code in error_responses.CODES:
        assert code in page.text


def test_the_page_has_a_command_for_every_operation(page: Page) -> None:
    commands = re.findall(r"curl -s .*", page.text)
    assert len(commands) == len(list(CONTRACTS[True].operations()))
    assert "{" not in "".join(each for each in commands if " -d " not in each)


def test_the_page_loads_no_external_resources(page: Page) -> None:
    assert not {"script", "link", "img", "iframe", "form", "object"} & set(page.names())
    assert page.values("src") == page.values("style") == []
    assert {each for each in page.values("href") if not each.startswith("#")} == {"/openapi.json"}


def test_the_content_security_policy_allows_only_the_page_style(client: FlaskClient) -> None:
    response = client.get("/docs")
    (style,) = re.findall(r"<style>(.*?)</style>", response.text, re.DOTALL)
    allowed = f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'"
    policy = response.headers["Content-Security-Policy"]
    assert f"default-src 'none'; style-src {allowed};" in policy
    assert "unsafe" not in policy
    assert "url(" not in style
    assert "@import" not in style


def test_every_internal_link_has_a_target(page: Page) -> None:
    ids = Counter(page.values("id"))
    assert set(ids.values()) == {1}
    targets = {each[1:] for each in page.values("href") if each.startswith("#")}
    assert targets | set(page.values("aria-labelledby")) <= set(ids)


def test_the_heading_levels_are_not_skipped(page: Page) -> None:
    levels = [int(tag[1]) for tag in page.names() if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def test_the_page_is_accessible_by_keyboard_and_screen_reader(page: Page) -> None:
    assert {"header", "nav", "main"} <= set(page.names())
    assert page.names().count("caption") == page.names().count("table")
    assert all("scope" in each for tag, each in page.tags if tag == "th")
    # Scrollable elements must be focusable, and so need an accessible name.
    scrolling = [each for _, each in page.tags if each.get("tabindex") == "0"]
    assert len(scrolling) > 20
    assert all(each.get("aria-label") for each in scrolling)
