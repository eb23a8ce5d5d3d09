"""Raw HTTP/1.1: requests as bytes, to a gateway on this machine."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.backends.ports import free_port
from runner.processes.managed_process import start
from runner.processes.server import Server
from tests.conftest import eventually

ROOT = Path(__file__).parents[1]
GATEWAY = [sys.executable, "-m", "gateway"]


@contextmanager
def serving(command: list[str], application: str, log: Path, **environment: str) -> Iterator[int]:
    """Run a server of that application on a free port until the block is left."""
    port = free_port()
    address = ["--host", "127.0.0.1", "--port", str(port)]
    running = start(Server("front", [*command, *address, application], environment, ROOT), log)
    try:
        eventually(lambda: _listens(port))
        yield port
    finally:
        running.stop()


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"{line} HTTP/1.1", "Host: clinic.example:3000", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(body: bytes) -> bytes:
    chunks = [body[at : at + 5000] for at in range(0, len(body), 5000)]
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])


def send(port: int, data: bytes) -> tuple[bytes, bytes]:
    """Send the bytes as they are; return the head and the body of what is answered."""
    with connected(port) as connection:
        connection.sendall(data)
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    return head, body


def status(port: int, data: bytes) -> int:
    """Return the status of the answer; 0 if there is none."""
    line = send(port, data)[0].split()
    return int(line[1]) if line else 0


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side closes. One that refuses unread bytes may reset instead."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
