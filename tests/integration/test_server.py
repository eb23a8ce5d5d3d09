"""Server limits on connections and request heads, over raw sockets."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gateway.server.granian_server import HEAD_SECONDS, MAX_CONNECTIONS, MAX_HEAD_BYTES
from tests.wire import GATEWAY, connected, read_all, request, send, serving, status

SLACK_SECONDS = 20  #: tolerance for a busy machine


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with serving(GATEWAY, "tests.echo:front", tmp_path_factory.mktemp("server") / "log") as found:
        yield found


@pytest.mark.parametrize(
    "header",
    [
        "Content-Type: application/json" + ";a=b" * 75_000,
        "Cookie: " + "; ".join(f"c{number}=v" for number in range(40_000)),
        "Accept-Language: " + ",".join(["es;q=0.1"] * 40_000),
        "X-Forwarded-For: " + ",".join(["203.0.113.7"] * 30_000),
        "Authorization: Bearer " + "x" * 400_000,
        "If-None-Match: " + ",".join(['"1.0"'] * 60_000),
        "Idempotency-Key: " + "k" * 400_000,
        f"X-{'n' * 400_000}: 1",
    ],
    ids=lambda header: header.partition(":")[0][:20],
)
def test_a_head_of_400_kb_is_rejected_before_it_is_parsed(port: int, header: str) -> None:
    assert status(port, request("GET /booking/1", header)) in (431, 0)
    assert status(port, request("GET /booking/1")) == 200


def test_a_target_of_400_kb_is_rejected(port: int) -> None:
    for target in ("/" + "a" * 400_000, "/?" + "a=1&" * 100_000):
        assert status(port, request(f"GET {target}")) in (414, 431, 0)


def test_more_than_a_hundred_header_fields_are_rejected(port: int) -> None:
    assert status(port, request("GET /", *[f"X-{n}: 1" for n in range(200)])) == 431


def test_a_head_just_below_the_limit_is_accepted(port: int) -> None:
    padding = "x" * (MAX_HEAD_BYTES - 1000)
    assert status(port, request("GET /", f"Referer: {padding}")) == 200


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", request("GET /")[:-2]]
)
def test_an_incomplete_head_times_out(port: int, begun: bytes) -> None:
    began = time.monotonic()
    with connected(port) as connection:
        connection.sendall(begun)
        read_all(connection)
    assert HEAD_SECONDS - 1 < time.monotonic() - began < HEAD_SECONDS + SLACK_SECONDS


def test_trickling_bytes_do_not_extend_the_timeout(port: int) -> None:
    began = time.monotonic()
    with connected(port) as connection:
        try:
            for byte in b"GET / HTTP/1.1\r\nX-Slow: " + b"x" * 200:
                connection.sendall(bytes([byte]))
                time.sleep(0.2)
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert time.monotonic() - began < HEAD_SECONDS + SLACK_SECONDS


def test_an_idle_connection_is_closed_after_its_last_response(port: int) -> None:
    kept = request("GET /").replace(b"Connection: close\r\n", b"")
    with connected(port) as connection:
        connection.sendall(kept)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(kept)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        assert read_all(connection) == b""
    assert time.monotonic() - began < HEAD_SECONDS + SLACK_SECONDS


@pytest.fixture
def _many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < MAX_CONNECTIONS:
        pytest.skip(f"only {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_CONNECTIONS, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("_many_files")
def test_idle_connections_and_slow_bodies_delay_no_other_requests(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(1100):
            stack.enter_context(connected(port))
        for _ in range(200):
            slow = stack.enter_context(connected(port))
            slow.sendall(request("POST /form", "Content-Length: 6", body=b"abc"))
        began = time.monotonic()
        for _ in range(10):
            assert send(port, request("POST /book", "Content-Length: 2", body=b"{}"))[1]
        assert time.monotonic() - began < HEAD_SECONDS - 1  # before any connection times out


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ((1024, 20_000), f"{MAX_CONNECTIONS} True"),
        ((1024, 1024), "768 True"),
    ],
)
def test_the_connection_limit_is_below_the_open_file_limit(
    limits: tuple[int, int], expected: str
) -> None:
    lines = [
        "import resource",
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({limits[0]}, {limits[1]}))",
        "from gateway.server.granian_server import connection_limit",
        "connections = connection_limit()",
        "print(connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0] > connections)",
    ]
    if limits[1] > resource.getrlimit(resource.RLIMIT_NOFILE)[1]:
        pytest.skip("the hard limit is lower here")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected
