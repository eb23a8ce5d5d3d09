"""Serves the WSGI application by ASGI, a protocol for event loops.

Of granian's protocols for event loops it is the one that gives header fields as bytes: a cookie of
another application may hold anything.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from clinic.concurrency.fibers import Fiber
from gateway.server.request_body import Receive, read_body
from gateway.server.wsgi_environ import Scope, wsgi_environ

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

Send = Callable[[dict[str, Any]], Awaitable[None]]

#: What books and reads one booking waits for nothing but fibers' own ways to wait.
_FIBERS = re.compile(r"/book|/booking/[^/]*")


@dataclass(slots=True)
class _Answer:
    """Is what a WSGI application calls `start_response`."""

    status: int = 500
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def __call__(self, status: str, headers: list[tuple[str, str]], *_error: Any) -> Any:
        self.status, self.headers = int(status[:3]), headers
        return None


class AsgiAdapter:
    """Runs the frequent requests as fibers and all others in threads, so many at once of each.

    A fiber must not block; so a request that may belongs into a thread, where it holds up nobody.
    """

    def __init__(self, application: WSGIApplication, fibers: int, threads: int) -> None:
        self._application = application
        self._room = asyncio.Semaphore(fibers)
        self._threads = ThreadPoolExecutor(threads, "request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        environ = wsgi_environ(scope)
        environ["wsgi.input"] = await read_body(environ, receive)
        if _FIBERS.fullmatch(scope["path"]):
            async with self._room:
                answer = await _in_a_fiber(lambda: self._answer(environ))
        else:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, self._answer, environ)
        headers = [(_name(name), value.encode("latin-1")) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def _answer(self, environ: WSGIEnvironment) -> _Answer:
        answer = _Answer()
        chunks: Iterable[bytes] = self._application(environ, answer)
        try:
            answer.body = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        return answer


async def _in_a_fiber(function: Callable[[], _Answer]) -> _Answer:
    done: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()

    def run() -> None:
        try:
            answer = function()
        except BaseException as error:  # else it would end the loop
            done.set_exception(error)
        else:
            done.set_result(answer)

    Fiber(run).switch()
    return await done


@lru_cache(maxsize=256)
def _name(header: str) -> bytes:
    return header.lower().encode("latin-1")
