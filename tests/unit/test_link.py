"""Reading ahead, with py-amqp's own transport over a pair of sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from struct import pack
from types import SimpleNamespace

import pytest
from amqp.transport import TCPTransport

from clinic.messaging.connection import enable_read_buffering


class Counted:
    """A socket that counts how often it is asked."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self.reads = 0

    def recv(self, size: int) -> bytes:
        self.reads += 1
        return self._inner.recv(size)

    def sendall(self, data: bytes) -> None:
        self._inner.sendall(data)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    near.settimeout(0.2)
    with near, far:
        yield near, far


@pytest.fixture
def transport(ends: tuple[socket.socket, socket.socket]) -> TCPTransport:
    transport = TCPTransport("nowhere")
    transport.sock = Counted(ends[0])
    transport._setup_transport()
    enable_read_buffering(SimpleNamespace(connection=SimpleNamespace(transport=transport)))  # type: ignore[arg-type]
    return transport


def frame(payload: bytes) -> bytes:
    return pack(">BHI", 1, 1, len(payload)) + payload + b"\xce"


def test_many_frames_are_read_at_once(transport: TCPTransport, ends: tuple[socket.socket, ...]):
    payloads = [bytes([number]) * 20 for number in range(30)]
    ends[1].sendall(b"".join(map(frame, payloads)))
    assert [transport.read_frame() for _ in payloads] == [(1, 1, each) for each in payloads]
    assert transport.sock.reads == 1


def test_a_frame_longer_than_that_is_read_whole(
    transport: TCPTransport, ends: tuple[socket.socket, ...]
):
    ends[1].sendall(frame(b"x" * 50_000) + frame(b"y"))
    assert transport.read_frame() == (1, 1, b"x" * 50_000)
    assert transport.read_frame() == (1, 1, b"y")


def test_what_was_read_of_a_frame_waits_for_the_rest(
    transport: TCPTransport, ends: tuple[socket.socket, ...]
):
    whole = frame(b"x" * 20)
    ends[1].sendall(whole[:12])
    with pytest.raises(TimeoutError):
        transport.read_frame()
    ends[1].sendall(whole[12:])
    assert transport.read_frame() == (1, 1, b"x" * 20)
