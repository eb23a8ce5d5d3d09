"""A TCP proxy that can refuse, cut and freeze the link between a service and its server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import eventlet
from eventlet.green import socket


class Proxy:
    """Listens on a port of its own and passes bytes on while it is `up`.

    `refuse` closes the listener and every link, `freeze` keeps them open and silent.
    """

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = eventlet.listen(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._frozen = False
        self._fatal: bytes | None = None
        self._links: list[socket.socket] = []
        self._acceptor = eventlet.spawn(self._accept)

    def refuse(self) -> None:
        self._acceptor.kill()
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Break every link that is open now."""
        for link in self._links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        self._links.clear()

    def freeze(self) -> None:
        self._frozen = True

    def freeze_at(self, data: bytes) -> None:
        """Freeze as soon as these bytes come by, and hold them back."""
        self._fatal = data

    def restore(self) -> None:
        self._frozen = False
        self._fatal = None
        if self._acceptor.dead:
            self._listener = eventlet.listen(("127.0.0.1", self.port))
            self._acceptor = eventlet.spawn(self._accept)

    def close(self) -> None:
        self.refuse()

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            far = socket.create_connection(self._target)
            self._links += [near, far]
            eventlet.spawn_n(self._pump, near, far)
            eventlet.spawn_n(self._pump, far, near)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self._fatal and self._fatal in data:
                    self._frozen = True
                while self._frozen:
                    eventlet.sleep(0.05)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
        source.close()


@contextlib.contextmanager
def proxied(target_port: int) -> Iterator[Proxy]:
    proxy = Proxy(target_port)
    try:
        yield proxy
    finally:
        proxy.close()
