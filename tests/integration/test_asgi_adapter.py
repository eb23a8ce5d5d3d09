"""Our server adapter compared with granian's own WSGI, using raw requests."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.http import parse_cookie

from gateway.server.request_body import MAX_BODY_BYTES
from tests.wire import GATEWAY, chunked, request, send, serving


@pytest.fixture(scope="module")
def wsgi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    program = str(Path(sys.executable).with_name("granian"))
    options = ["--interface", "wsgi", "--http", "1", "--log-level", "error"]
    log = tmp_path_factory.mktemp("wsgi") / "log"
    with serving([program, *options], "tests.echo:application", log) as port:
        yield port


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    log = tmp_path_factory.mktemp("front") / "log"
    with serving(GATEWAY, "tests.echo:front", log) as port:
        yield port


def echoed(port: int, request: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(send(port, request)[1])
    return found


PLAIN = [
    request("GET /book"),
    request("GET /a%20b/%C3%A9%2F%2e?x=%41&y=1"),
    request("GET /booking/1?q", "X-Request-ID: 7", "Accept-Language: en", "Cookie: a=b"),
    request("OPTIONS *"),
    request("PURGE /book"),
    request("GET http://elsewhere.example/book"),
    request("POST /book", "Content-Type: application/json", "Content-Length: 3", body=b"a\xe9c"),
    request("POST /book", "Content-Length: 0"),
    request("POST /book", "Transfer-Encoding: chunked", body=chunked(b"abc" * 3000)),
    request("POST /form", "Transfer-Encoding: chunked", body=chunked(b"")),
]


@pytest.mark.parametrize("raw_request", PLAIN)
def test_the_adapter_builds_the_same_environ_as_granians_wsgi(
    wsgi: int, adapter: int, raw_request: bytes
) -> None:
    ours, theirs = echoed(adapter, raw_request), echoed(wsgi, raw_request)
    for each in (ours, theirs):
        del each["thread"]
    assert ours == theirs


@pytest.mark.parametrize("path", ["/book", "/booking/1", "/bookings/", "/"])
def test_every_request_runs_in_a_worker_thread(adapter: int, path: str) -> None:
    assert echoed(adapter, request(f"GET {path}"))["thread"].startswith("request-")


def test_a_repeated_header_is_joined_into_one_list(adapter: int) -> None:
    twice = ["X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 2.2.2.2", "Cookie: a=1", "Cookie: b=2"]
    environ = echoed(adapter, request("GET /", *twice))["environ"]
    assert environ["HTTP_X_FORWARDED_FOR"] == "1.1.1.1, 2.2.2.2"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"


def test_a_non_ascii_header_value_is_decoded_as_latin_1(adapter: int) -> None:
    environ = echoed(adapter, request("GET /book", "Idempotency-Key: caf\u00e9"))["environ"]
    assert environ["HTTP_IDEMPOTENCY_KEY"].encode("latin-1").decode() == "caf\u00e9"


FOREIGN_COOKIES = [
    "ciudad=Málaga".encode("latin-1"),
    "ciudad=Málaga".encode(),
    "город=Київ".encode(),
    b'q="',
    b'q="; r=1',
    b'q="a b',
    b"prefs={a:1, b:2}",
    b"novalue",
    b"=noname",
    b"path=C:\\x",
    b"e=\xff\xfe",
    b"bad name=1",
    b";;",
]


@pytest.mark.parametrize("foreign", FOREIGN_COOKIES)
@pytest.mark.parametrize("template", [b"%s; ours=v", b"ours=v; %s", b"%s; ours=v; %s"])
def test_a_foreign_cookie_does_not_hide_our_own(
    adapter: int, foreign: bytes, template: bytes
) -> None:
    header = template.replace(b"%s", foreign)
    raw_request = request("GET /").replace(b"\r\n\r\n", b"\r\nCookie: " + header + b"\r\n\r\n")
    cookies = parse_cookie(echoed(adapter, raw_request)["environ"]["HTTP_COOKIE"])
    assert cookies.getlist("ours") == ["v"]


def test_many_cookies_in_many_fields_are_all_parsed(adapter: int) -> None:
    fields = [f"Cookie: a{number}=1; b{number}=2" for number in range(50)]
    raw_request = request(
        "GET /", *fields, "Cookie: ours=v", "Cookie: " + "x=1; " * 1000 + "last=w"
    )
    cookies = parse_cookie(echoed(adapter, raw_request)["environ"]["HTTP_COOKIE"])
    assert (cookies["ours"], cookies["last"], cookies["a49"]) == ("v", "w", "1")


def test_a_header_name_with_underscores_does_not_spoof_one_with_dashes(adapter: int) -> None:
    environ = echoed(adapter, request("GET /", "X_Forwarded_For: 6.6.6.6"))["environ"]
    assert "HTTP_X_FORWARDED_FOR" not in environ


@pytest.mark.parametrize("path", ["/book", "/form"])
def test_reading_an_oversized_body_stops_at_the_limit(adapter: int, path: str) -> None:
    body = b"x" * (MAX_BODY_BYTES * 4)
    in_chunks = request(f"POST {path}", "Transfer-Encoding: chunked", body=chunked(body))
    assert MAX_BODY_BYTES < echoed(adapter, in_chunks)["length"] <= MAX_BODY_BYTES + 5000
    with_length = request(f"POST {path}", f"Content-Length: {len(body)}", body=body)
    assert echoed(adapter, with_length)["length"] == 0
    exactly = request(
        f"POST {path}", f"Content-Length: {MAX_BODY_BYTES}", body=body[:MAX_BODY_BYTES]
    )
    assert echoed(adapter, exactly)["length"] == MAX_BODY_BYTES


@pytest.mark.parametrize("path", ["/book", "/form"])
@pytest.mark.parametrize("rest", [b"", b"ZZZ\r\n", b"5\r\nab"])
def test_a_truncated_chunked_body_is_rejected(adapter: int, path: str, rest: bytes) -> None:
    whole = b'7\r\n{"a":1}\r\n'
    broken = request(f"POST {path}", "Transfer-Encoding: chunked", body=whole + rest)
    with socket.create_connection(("127.0.0.1", adapter), timeout=30) as connection:
        connection.sendall(broken)
        connection.shutdown(socket.SHUT_WR)
        response = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b" 200 " not in response.partition(b"\r\n")[0]
    assert (
        echoed(
            adapter, request("POST /form", "Transfer-Encoding: chunked", body=whole + b"0\r\n\r\n")
        )["length"]
        == 7
    )


def test_a_head_response_keeps_repeated_headers_and_has_no_body(adapter: int) -> None:
    head, body = send(adapter, request("HEAD /"))
    assert body == b""
    assert b"content-length: " in head.lower()
    assert head.lower().count(b"x-twice: ") == 2


@pytest.mark.parametrize("path", ["/book", "/form"])
def test_an_application_error_returns_500_and_the_next_request_is_served(
    adapter: int, path: str
) -> None:
    head, _ = send(adapter, request(f"GET {path}?fail"))
    assert b" 500 " in head.partition(b"\r\n")[0]
    assert echoed(adapter, request(f"GET {path}"))["length"] == 0


def test_a_client_that_disconnects_mid_body_does_not_block_others(adapter: int) -> None:
    for _ in range(4):  # more than there are worker threads
        with socket.create_connection(("127.0.0.1", adapter)) as connection:
            connection.sendall(request("POST /form", "Content-Length: 10", body=b"abc"))
    assert echoed(adapter, request("GET /form"))["length"] == 0


def test_http_2_is_not_supported(adapter: int) -> None:
    head, _ = send(adapter, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert b" 200 " not in head.partition(b"\r\n")[0]


def test_slow_request_bodies_occupy_no_worker_thread(adapter: int) -> None:
    slow = [socket.create_connection(("127.0.0.1", adapter), timeout=30) for _ in range(8)]
    for connection in slow:
        connection.sendall(request("POST /form", "Content-Length: 6", body=b"abc"))
    assert echoed(adapter, request("GET /form"))["length"] == 0
    for connection in slow:
        connection.sendall(b"def")
        assert b" 200 " in connection.recv(65536).partition(b"\r\n")[0]
        connection.close()
