"""Serves the WSGI application over ASGI.

Of granian's asynchronous interfaces, only ASGI passes headers as bytes: cookies of other
applications may contain any bytes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gateway.server.request_body import Receive, read_body
from gateway.server.worker_threads import WorkerThreads
from gateway.server.wsgi_environ import Scope, wsgi_environ

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class _Response:
    """Collects a response; it is the `start_response` of the WSGI call."""

    status: int = 500
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def __call__(self, status: str, headers: list[tuple[str, str]], *_error: Any) -> Any:
        self.status, self.headers = int(status[:3]), headers
        return None


class AsgiAdapter:
    """Reads requests in the event loop, so that slow clients occupy no thread, and runs the
    application in `threads` threads."""

    def __init__(self, application: WSGIApplication, threads: int) -> None:
        self._application = application
        self._threads = WorkerThreads(threads, self._respond)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        environ = wsgi_environ(scope)
        environ["wsgi.input"] = await read_body(environ, receive)
        response = await self._threads.run(environ)
        headers = [(_name(name), value.encode("latin-1")) for name, value in response.headers]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    def _respond(self, environ: WSGIEnvironment) -> _Response:
        response = _Response()
        chunks: Iterable[bytes] = self._application(environ, response)
        try:
            response.body = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        return response


@lru_cache(maxsize=256)
def _name(header: str) -> bytes:
    return header.lower().encode("latin-1")
