"""A TCP proxy that fails in every way a network does: slow, cut, reset, refused, frozen."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import eventlet
from eventlet.green import socket
from greenlet import GreenletExit

#: Of a link: towards the server, and back.
UP, DOWN = "up", "down"
_BOTH = (UP, DOWN)
#: A socket that breaks, or that is closed in the middle of a read.
_BROKEN = (OSError, EOFError)
#: An abortive close: what is in flight is thrown away, and the peer reads "connection reset".
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass
class _Link:
    """One connection of a client, and ours to the server for it."""

    near: socket.socket
    far: socket.socket
    pumps: list[Any] = field(default_factory=list)

    def shut(self) -> None:
        for end in (self.near, self.far):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        for end in (self.near, self.far):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        # eventlet must have forgotten a socket before its number is given to the next one, so it
        # is closed by whoever waits for these two.
        for pump in self.pumps:
            pump.kill()


class Proxy:
    """Listens on a port of its own and passes bytes on, `latency_seconds` later."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = eventlet.listen(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.latency_seconds = 0.0
        self._frozen: set[str] = set()
        self._fatal: bytes | None = None
        self._links: list[_Link] = []
        self._acceptor = eventlet.spawn(self._accept)

    def refuse(self) -> None:
        """Close the listener and every link."""
        self._acceptor.kill()
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End every link that is open now, as a process that exits does."""
        for link in self._forgotten():
            link.shut()

    def reset(self) -> None:
        """Break every link that is open now, as a crashed machine does."""
        for link in self._forgotten():
            link.reset()

    def freeze(self, *ways: str) -> None:
        """Keep links open and silent: both ways, or only UP or DOWN."""
        self._frozen = set(ways or _BOTH)

    def freeze_at(self, data: bytes) -> None:
        """Freeze as soon as these bytes come by, and hold them back."""
        self._fatal = data

    def restore(self) -> None:
        self.latency_seconds = 0.0
        self._frozen = set()
        self._fatal = None
        if self._acceptor.dead:
            self._listener = eventlet.listen(("127.0.0.1", self.port))
            self._acceptor = eventlet.spawn(self._accept)

    def close(self) -> None:
        self.refuse()

    def _forgotten(self) -> list[_Link]:
        """Take the open links off the list, which changes while they end."""
        links, self._links = self._links, []
        return links

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            eventlet.spawn_n(self._link, near)

    def _link(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._target)
        except OSError:
            near.close()  # the server is down, and so are we
            return
        link = _Link(near, far)
        self._links.append(link)
        ways = ((near, far, UP), (far, near, DOWN))
        link.pumps = [eventlet.spawn(self._pump, *way) for way in ways]
        for pump in link.pumps:
            with contextlib.suppress(GreenletExit):
                pump.wait()
        near.close()
        far.close()
        with contextlib.suppress(ValueError):
            self._links.remove(link)

    def _pump(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        with contextlib.suppress(*_BROKEN):
            while data := source.recv(65536):
                if self._fatal and self._fatal in data:
                    self.freeze()
                eventlet.sleep(self.latency_seconds)
                while way in self._frozen:
                    eventlet.sleep(0.05)
                sink.sendall(data)
        with contextlib.suppress(*_BROKEN):
            sink.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxied(target_port: int) -> Iterator[Proxy]:
    proxy = Proxy(target_port)
    try:
        yield proxy
    finally:
        proxy.close()
