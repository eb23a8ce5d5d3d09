"""The body of a request, read by the event loop: whoever sends it slowly holds no thread."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from werkzeug.exceptions import BadRequest, HTTPException, RequestTimeout

from gateway.server.wsgi_environ import REFUSAL

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream

Receive = Callable[[], Awaitable[dict[str, Any]]]

#: The largest request that is read.
MAX_BODY_BYTES = 16 * 1024

#: How long a client may take to send its body. Less than a process is given to end.
BODY_SECONDS = 15


class _Broken(io.BytesIO):
    """Raises where the application reads, so that it answers as it does to every refusal."""

    def __init__(self, error: HTTPException) -> None:
        super().__init__()
        self._error = error

    def read(self, *_: object) -> NoReturn:
        raise self._error

    readline = readinto = read


async def read_body(environ: Mapping[str, Any], receive: Receive) -> InputStream:
    """Read no more than is needed to see that a body is too long."""
    length = environ.get("CONTENT_LENGTH")
    if length is None and "HTTP_TRANSFER_ENCODING" not in environ:
        return io.BytesIO()
    if REFUSAL in environ or (length is not None and int(length) > MAX_BODY_BYTES):
        return io.BytesIO()  # refused whatever it holds
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return io.BytesIO(await _received(receive, length))
    except TimeoutError:
        return _Broken(RequestTimeout())
    except HTTPException as error:
        return _Broken(error)


async def _received(receive: Receive, length: str | None) -> bytes:
    """Raises: BadRequest for a body that breaks off, which is none: RFC 9112, section 8."""
    enough = MAX_BODY_BYTES + 1 if length is None else int(length)
    body, is_unfinished = b"", True
    while is_unfinished and len(body) < enough:
        message = await receive()
        if message["type"] != "http.request":
            raise BadRequest
        body += message["body"]
        is_unfinished = message["more_body"]
    return body
