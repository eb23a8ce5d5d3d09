"""The reverse proxy in front of the gateway: limits per client, access log and TLS."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.compose.project import Project, inspect
from tests.conftest import eventually
from tests.e2e.stack import EXAMPLE

pytestmark = pytest.mark.timeout(900)

#: The connection limit of the gateway.
CONNECTIONS = 1024
#: Sends requests from inside the network, and so from another address than the tests.
OTHER_CLIENT = """
import time, urllib.request
times = []
for _ in range(50):
    began = time.monotonic()
    urllib.request.urlopen("http://proxy:8080/slots?date=2030-01-07", timeout=10).read()
    times.append(time.monotonic() - began)
print(max(times))
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tls")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", names]
    command += ["-keyout", f"{directory}/privkey.pem", "-out", f"{directory}/fullchain.pem"]
    subprocess.run(command, check=True, capture_output=True)
    for path in (directory, directory / "privkey.pem"):
        path.chmod(0o755)  # the container runs as another user
    return directory


@pytest.fixture(scope="module")
def project(certificate: Path) -> Iterator[Project]:
    with Project.started("clinic-compose-proxy", TLS_DIRECTORY=str(certificate)) as project:
        yield project


@pytest.fixture
def idle_connections(project: Project) -> Iterator[list[socket.socket]]:
    """As many idle connections of one client as the gateway accepts."""
    with ExitStack() as connections:
        yield [
            connections.enter_context(socket.create_connection(project.gateway, timeout=30))
            for _ in range(CONNECTIONS)
        ]


def slowest_response_of_another_client(project: Project) -> float:
    return float(project.run("exec", "-T", "gateway", "python", "-c", OTHER_CLIENT))


def test_idle_connections_of_one_client_delay_no_other(
    project: Project, idle_connections: list[socket.socket]
) -> None:
    assert len(idle_connections) == CONNECTIONS
    assert slowest_response_of_another_client(project) < 2


def test_unfinished_heads_of_one_client_delay_no_other(
    project: Project, idle_connections: list[socket.socket]
) -> None:
    for connection in idle_connections:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    assert slowest_response_of_another_client(project) < 2


def test_unfinished_bodies_of_one_client_delay_no_other_and_are_limited(
    project: Project, idle_connections: list[socket.socket]
) -> None:
    for connection in idle_connections:
        connection.sendall(b"POST /book HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
    assert slowest_response_of_another_client(project) < 2
    responses = [connection.recv(12) for connection in idle_connections[-100:]]
    assert responses.count(b"HTTP/1.1 429") == 100


def test_an_unfinished_head_times_out(project: Project) -> None:
    with socket.create_connection(project.gateway, timeout=30) as connection:
        began = time.monotonic()
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        ended = connection.recv(1000)
        assert ended == b"" or b" 408 " in ended
        assert time.monotonic() - began < 25


def test_a_flood_of_requests_is_rejected_and_its_address_logged(project: Project) -> None:
    url = "http://{}:{}/health/live".format(*project.gateway)
    with requests.Session() as session:
        responses = (session.get(url, timeout=30) for _ in range(20_000))
        rejected = next(response for response in responses if response.status_code == 429)
    assert rejected.headers["Content-Type"] == "application/problem+json"
    assert rejected.headers["Retry-After"]
    eventually(lambda: any(each["client"] for each in access_log(project)))
    time.sleep(5)  # until the rate limit allows the next tests


def access_log(project: Project) -> list[dict[str, str]]:
    lines = project.run("logs", "--no-color", "proxy").splitlines()
    return [json.loads(line.partition("|")[2]) for line in lines if "{" in line]


def test_the_access_log_contains_no_id_and_no_query(project: Project) -> None:
    booking_id = project.book()
    project.request("GET", f"/booking/{booking_id}?secret=query-{booking_id}")
    project.request("GET", f"/mistyped-{booking_id}")
    text = project.run("logs", "--no-color", "proxy")
    assert '"route":"/booking"' in text
    assert '"route":"other"' in text
    assert booking_id not in text
    assert EXAMPLE["patientEmail"] not in text


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 10_000 + b"\r\n", 431),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"POST /book HTTP/1.1\r\nHost: a\r\nContent-Length: 16385\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
         b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /../x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ],
)  # fmt: skip
def test_the_proxy_rejects_oversized_and_malformed_requests(
    project: Project, request_bytes: bytes, status: int
) -> None:
    with socket.create_connection(project.gateway, timeout=30) as connection:
        connection.sendall(request_bytes)
        response = b""
        while part := connection.recv(4096):
            response += part
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Server: nginx\r\n" in head  # without a version
    assert json.loads(body)["status"] == status


def test_an_unavailable_gateway_gets_an_error_page_of_the_proxy(project: Project) -> None:
    project.run("stop", "gateway")
    try:
        response = project.request("GET", "/bookings/")
        page = project.request("GET", "/", headers={"Accept": "text/html"})
    finally:
        project.up()
    assert (response.status_code, response.json()["status"]) == (503, 503)
    assert response.headers["Retry-After"]
    assert (page.status_code, "clínica" in page.text) == (503, True)


def test_the_gateway_publishes_no_ports(project: Project) -> None:
    (container,) = project.containers("gateway")
    assert inspect(container, "{{json .HostConfig.PortBindings}}") in ("{}", "null")


@pytest.fixture(scope="module")
def tls(project: Project) -> Project:
    project.run("--profile", "tls", "up", "-d", "tls_proxy")
    eventually(lambda: is_open(project.https))
    return project


def is_open(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=5).close()
    except OSError:
        return False
    return True


def test_pages_are_served_over_tls_with_hsts(tls: Project, certificate: Path) -> None:
    url = f"https://localhost:{tls.https[1]}/"
    response = requests.get(url, verify=str(certificate / "fullchain.pem"), timeout=30)
    assert response.status_code == 200
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_plain_http_redirects_to_tls(tls: Project) -> None:
    url = f"http://127.0.0.1:{tls.http[1]}/slots?date=2030-01-07"
    response = requests.get(url, allow_redirects=False, timeout=30)
    assert response.status_code == 308
    assert response.headers["Location"] == "https://127.0.0.1/slots?date=2030-01-07"
    assert requests.post(url, json=EXAMPLE, timeout=30).status_code == 403


@pytest.mark.parametrize(("version", "works"), [("1_1", False), ("1_2", True), ("1_3", True)])
def test_tls_is_1_2_or_newer(tls: Project, version: str, works: bool) -> None:
    address = "{}:{}".format(*tls.https)
    command = ["openssl", "s_client", f"-tls{version}", "-cipher", "DEFAULT:@SECLEVEL=0"]
    done = subprocess.run(
        [*command, "-connect", address], input=b"", capture_output=True, check=False
    )
    assert (done.returncode == 0) == works, done.stderr
