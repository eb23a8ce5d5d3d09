"""The gateway against RFC 9110 and RFC 9112, over raw sockets."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator

import pytest

from gateway.server.http_rules import MAX_FIELD_CHARACTERS, MAX_TARGET_BYTES
from gateway.server.request_body import MAX_BODY_BYTES
from runner.backends.mongodb import MongoServer
from tests.wire import GATEWAY, chunked, connected, read_all, request, send, serving, status

STAFF_KEY = "a-staff-key-of-32-characters-000"
BODY = json.dumps(
    {
        "patientName": "Juan Pérez",
        "patientEmail": "juan@example.com",
        "date": "2031-01-07T10:00:00Z",
    }
).encode()
JSON = "Content-Type: application/json"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, mongo_server: MongoServer) -> Iterator[int]:
    variables = {
        "MONGODB_URI": mongo_server.uri.replace("/clinic", f"/test_{uuid.uuid4().hex}"),
        "AMQP_URI": "amqp://guest:guest@127.0.0.1:1/",
        "STAFF_API_KEY": STAFF_KEY,
        "RATE_LIMIT": "10000/minute",
        "MAX_OPEN_BOOKINGS": "off",
    }
    log = tmp_path_factory.mktemp("gateway") / "log"
    with serving(GATEWAY, "gateway.asgi:app", log, **variables) as found:
        yield found


def head(line: str, *fields: bytes) -> bytes:
    """A request head with only these fields and `Connection: close`."""
    return b"\r\n".join([line.encode(), b"Connection: close", *fields, b"", b""])


def post_booking(*headers: str, body: bytes = BODY, length: bool = True) -> bytes:
    lengths = [f"Content-Length: {len(body)}"] if length else []
    return request("POST /book", JSON, *lengths, *headers, body=body)


def code(port: int, data: bytes) -> tuple[int, str]:
    """The status of the response and the code of its problem."""
    response_head, body = send(port, data)
    return int(response_head.split()[1]), json.loads(body)["code"]


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [b"Host: "],
        [b"Host: a", b"Host: b"],
        [b"Host: a", b"Host: a"],
        [b"Host: a b"],
        [b"Host: a, b"],
        [b"Host: http://a/"],
        [b"Host: user@a"],
        [b"Host: a:b"],
        [b"Host: a/b"],
        [b"Host: cl\xednica.example"],
        ["Host: clínica.example".encode()],
        [b"Host: [::1"],
        [b"Host: " + b"a" * (MAX_FIELD_CHARACTERS + 1)],
    ],
    ids=ascii,
)
def test_a_request_without_exactly_one_valid_host_is_rejected(
    port: int, fields: list[bytes]
) -> None:
    assert code(port, head("GET /health/live HTTP/1.1", *fields)) == (400, "bad_request")


@pytest.mark.parametrize(
    "host", ["a", "localhost:3000", "127.0.0.1:3000", "[::1]:3000", "gateway_1", "a.b-c.example:"]
)
def test_a_valid_host_is_accepted(port: int, host: str) -> None:
    assert status(port, head("GET /health/live HTTP/1.1", f"Host: {host}".encode())) == 200


def test_http_1_0_may_omit_the_host_but_not_repeat_it(port: int) -> None:
    assert status(port, b"GET /health/live HTTP/1.0\r\n\r\n") == 200
    assert status(port, b"GET /health/live HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n") == 400


@pytest.mark.parametrize(
    "field",
    [b"X: a\r\n b", b"X : a", b"X: a\rb", b"X: a\0b", b": a", b"X Y: a", b"novalue"],
    ids=ascii,
)
def test_a_malformed_header_field_is_rejected(port: int, field: bytes) -> None:
    assert status(port, head("GET /health/live HTTP/1.1", b"Host: a", field)) == 400


@pytest.mark.parametrize(
    "line",
    ["GET /health/live", "GET  /health/live HTTP/1.1", "GET /a b HTTP/1.1", "GET / HTTP/1.2"],
)
def test_a_malformed_request_line_is_rejected(port: int, line: str) -> None:
    assert status(port, head(line, b"Host: a")) == 400


@pytest.mark.parametrize("target", ["http://clinic.example/health/live", "/health/live?x=%zz"])
def test_other_forms_of_a_request_target_are_accepted(port: int, target: str) -> None:
    assert status(port, head(f"GET {target} HTTP/1.1", b"Host: elsewhere.example")) == 200


@pytest.mark.parametrize(
    "path", ["/%ff", "/%00", "/%zz", "/booking/%ff", "/..%2f..%2fetc", "//evil.example/"]
)
def test_a_malformed_path_is_not_found(port: int, path: str) -> None:
    assert status(port, request(f"GET {path}")) == 404


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PUT", "DELETE", "BREW"])
def test_a_wrong_method_returns_405_with_the_allowed_ones(port: int, method: str) -> None:
    response_head, _ = send(port, request(f"{method} /health/live"))
    assert response_head.startswith(b"HTTP/1.1 405")
    (allowed,) = re.findall(rb"(?i)\r\nallow: ([^\r]*)", response_head)
    assert set(allowed.split(b", ")) == {b"GET", b"HEAD"}


def test_methods_are_case_sensitive(port: int) -> None:
    assert code(port, request("get /health/live")) == (501, "not_implemented")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/" + "a" * MAX_TARGET_BYTES, (414, "request_uri_too_long")),
        ("/slots?" + "a=1&" * (MAX_TARGET_BYTES // 4), (414, "request_uri_too_long")),
    ],
    ids=["path", "query"],
)
def test_an_overlong_request_target_is_rejected(
    port: int, line: str, expected: tuple[int, str]
) -> None:
    assert code(port, request(f"GET {line}")) == expected


@pytest.mark.parametrize(
    "name",
    [
        "Accept",
        "Accept-Language",
        "Authorization",
        "Idempotency-Key",
        "If-None-Match",
        "X-Forwarded-For",
        "X-Request-ID",
    ],
)
def test_an_overlong_parsed_header_field_is_rejected(port: int, name: str) -> None:
    value = "a," * (MAX_FIELD_CHARACTERS // 2 + 1)
    expected = (431, "request_header_fields_too_large")
    assert code(port, post_booking(f"{name}: {value}")) == expected
    halves = [f"{name}: {value[: len(value) // 2]}"] * 2
    assert code(port, post_booking(*halves)) == expected


def test_an_overlong_content_type_is_rejected(port: int) -> None:
    assert code(port, request("POST /book", JSON + ";a=b" * 2000, "Content-Length: 0"))[0] == 431


# --- bodies


def test_expect_100_continue_is_answered_before_the_body(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(post_booking("Expect: 100-continue", body=BODY).removesuffix(BODY))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(BODY)
        assert read_all(connection).startswith(b"HTTP/1.1 201")


def test_expect_100_continue_with_an_oversized_body_is_rejected_at_once(port: int) -> None:
    waiting = ["Expect: 100-continue", f"Content-Length: {MAX_BODY_BYTES + 1}"]
    assert status(port, request("POST /book", JSON, *waiting)) == 413


@pytest.mark.parametrize("expected", ["200-ok", "100-continue, x", "x=y"])
def test_an_unknown_expectation_is_rejected(port: int, expected: str) -> None:
    assert code(port, post_booking(f"Expect: {expected}")) == (417, "expectation_failed")


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "gzip, identity"])
def test_a_compressed_body_is_rejected_with_the_accepted_encoding(port: int, coding: str) -> None:
    response_head, body = send(port, post_booking(f"Content-Encoding: {coding}"))
    assert json.loads(body)["code"] == "unsupported_media_type"
    assert b"\r\naccept-encoding: identity\r\n" in response_head.lower()


def test_a_compressed_form_is_rejected_with_a_page(port: int) -> None:
    fields = ["Accept: text/html,*/*;q=0.8", "Content-Encoding: gzip", "Content-Length: 1"]
    form = "Content-Type: application/x-www-form-urlencoded"
    response_head, body = send(port, request("POST /", *fields, form, body=b"1"))
    assert response_head.startswith(b"HTTP/1.1 415")
    assert b"<!doctype html>" in body.lower()


def test_a_body_with_identity_encoding_is_accepted(port: int) -> None:
    assert status(port, post_booking("Content-Encoding: identity")) == 201


@pytest.mark.parametrize(
    "lengths",
    [
        ["Content-Length: 1", "Content-Length: 2"],
        ["Content-Length: 1, 1"],
        ["Content-Length: +1"],
        ["Content-Length: -1"],
        ["Content-Length: 0x1"],
        ["Content-Length: "],
        ["Content-Length: 99999999999999999999999"],
        ["Transfer-Encoding: gzip"],
    ],
    ids=ascii,
)
def test_an_invalid_body_length_is_rejected(port: int, lengths: list[str]) -> None:
    assert status(port, request("POST /book", JSON, *lengths, body=b"1")) == 400


def test_an_unknown_transfer_coding_returns_not_implemented(port: int) -> None:
    data = request("POST /book", JSON, "Transfer-Encoding: gzip, chunked", body=chunked(BODY))
    assert code(port, data) == (501, "not_implemented")


def test_chunks_may_have_extensions_and_trailers(port: int) -> None:
    body = b"%x;a=b\r\n%s\r\n0\r\nX-Checksum: 1\r\n\r\n" % (len(BODY), BODY)
    assert status(port, request("POST /book", JSON, "Transfer-Encoding: chunked", body=body)) == 201


@pytest.mark.parametrize("rest", [b"", b"ZZZ\r\n", b"5\r\nab", b"0\r\nX"], ids=ascii)
def test_a_truncated_chunked_request_creates_no_booking(port: int, rest: bytes) -> None:
    whole = b"%x\r\n%s\r\n" % (len(BODY), BODY)
    with connected(port) as connection:
        broken = request("POST /book", JSON, "Transfer-Encoding: chunked", body=whole + rest)
        connection.sendall(broken)
        connection.shutdown(1)
        assert b" 201 " not in read_all(connection)


def test_a_persistent_connection_serves_pipelined_requests(port: int) -> None:
    kept = post_booking().replace(b"Connection: close\r\n", b"")
    with connected(port) as connection:
        connection.sendall(kept + kept + post_booking())
        assert read_all(connection).count(b"HTTP/1.1 201") == 3


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("application/json; charset=utf-8", 201),
        ('application/json; charset="UTF-8"', 201),
        ("Application/JSON;charset=utf8", 201),
        ("application/json; version=1", 201),
        ("application/json; charset=utf-16", 415),
        ("application/json; charset=UTF-32LE", 415),
    ],
)
def test_json_is_accepted_only_as_utf_8(port: int, kind: str, expected: int) -> None:
    data = request("POST /book", f"Content-Type: {kind}", f"Content-Length: {len(BODY)}", body=BODY)
    assert status(port, data) == expected


def test_two_content_types_are_rejected(port: int) -> None:
    assert status(port, post_booking("Content-Type: application/json")) == 415


def test_two_idempotency_keys_are_rejected(port: int) -> None:
    keys = [f"Idempotency-Key: {uuid.uuid4()}"] * 2
    assert code(port, post_booking(*keys)) == (400, "invalid_request")


# --- conditional requests


@pytest.fixture(scope="module")
def booking(port: int) -> tuple[str, str]:
    """The path of a booking and its entity tag."""
    _, body = send(port, post_booking())
    path = f"/booking/{json.loads(body)['booking']['id']}"
    response_head, _ = send(port, request(f"GET {path}"))
    (tag,) = re.findall(rb"(?i)\r\netag: ([^\r]*)", response_head)
    return path, tag.decode()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{tag}", 304),
        ("W/{tag}", 304),
        ('"x", {tag}', 304),
        ('"x" , W/{tag},"y"', 304),
        ("*", 304),
        ('"x"', 200),
        ("", 200),
    ],
)
def test_if_none_match_is_evaluated(
    port: int, booking: tuple[str, str], method: str, condition: str, expected: int
) -> None:
    path, tag = booking
    field = f"If-None-Match: {condition.format(tag=tag)}"
    response_head, body = send(port, request(f"{method} {path}", field))
    assert int(response_head.split()[1]) == expected
    assert b"\r\netag: " + tag.encode() in response_head.lower()
    assert b"\r\ncache-control: no-store" in response_head.lower()
    assert (body == b"") == (expected == 304 or method == "HEAD")


def test_if_modified_since_is_ignored(port: int, booking: tuple[str, str]) -> None:
    since = "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"
    assert status(port, request(f"GET {booking[0]}", since)) == 200
    assert status(port, request(f"GET {booking[0]}", since, 'If-None-Match: "x"')) == 200
    assert status(port, request(f"GET {booking[0]}", since, "If-None-Match: *")) == 304


def test_a_range_header_is_ignored(port: int, booking: tuple[str, str]) -> None:
    response_head, body = send(port, request(f"GET {booking[0]}", "Range: bytes=0-1"))
    assert response_head.startswith(b"HTTP/1.1 200")
    assert json.loads(body)["id"] in booking[0]


# --- cookies


def test_a_foreign_cookie_does_not_end_a_staff_session(port: int) -> None:
    foreign = 'ciudad=Málaga; q="'
    cookie, form = _form(port, "/staff/login", "", foreign)
    signed_in, _ = send(port, _posted_form(form, cookie, foreign))
    assert signed_in.startswith(b"HTTP/1.1 303")
    cookie = _cookie(signed_in) or cookie
    for encoding in ("latin-1", "utf-8"):
        for order in (f"{foreign}; {cookie}", f"{cookie}; {foreign}"):
            raw_request = request("GET /staff").removesuffix(b"\r\n")
            raw_request += b"Cookie: " + order.encode(encoding) + b"\r\n\r\n"
            assert status(port, raw_request) == 200


def _form(port: int, path: str, cookie: str, foreign: str) -> tuple[str, str]:
    response_head, body = send(port, request(f"GET {path}", f"Cookie: {foreign}; {cookie}"))
    (token,) = re.findall(rb'name="csrf_token" value="([^"]+)"', body)[:1]
    return _cookie(response_head), token.decode()


def _posted_form(token: str, cookie: str, foreign: str) -> bytes:
    body = f"csrf_token={token}&key={STAFF_KEY}".encode()
    headers = [f"Cookie: {foreign}; {cookie}", "Content-Type: application/x-www-form-urlencoded"]
    return request("POST /staff/login", *headers, f"Content-Length: {len(body)}", body=body)


def _cookie(response_head: bytes) -> str:
    found = re.findall(rb"(?i)\r\nset-cookie: ([^=;]*staff=[^;]+)", response_head)
    return found[-1].decode() if found else ""
