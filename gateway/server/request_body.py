"""Reads request bodies in the event loop, so that slow clients occupy no thread."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from werkzeug.exceptions import BadRequest, HTTPException, RequestTimeout

from gateway.server.wsgi_environ import HEAD_ERROR

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream

Receive = Callable[[], Awaitable[dict[str, Any]]]

#: Maximum size of a request body.
MAX_BODY_BYTES = 16 * 1024

#: Timeout for receiving a body; shorter than the grace period of a shutdown.
BODY_SECONDS = 15


class _FailingBody(io.BytesIO):
    """Raises when the application reads it, so that the usual error handlers respond."""

    def __init__(self, error: HTTPException) -> None:
        super().__init__()
        self._error = error

    def read(self, *_: object) -> NoReturn:
        raise self._error

    readline = readinto = read


async def read_body(environ: Mapping[str, Any], receive: Receive) -> InputStream:
    """Return the body as a stream, which raises on a failed read. Stops at the size limit."""
    length = environ.get("CONTENT_LENGTH")
    if length is None and "HTTP_TRANSFER_ENCODING" not in environ:
        return io.BytesIO()
    if HEAD_ERROR in environ or (length is not None and int(length) > MAX_BODY_BYTES):
        return io.BytesIO()  # rejected without reading
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return io.BytesIO(await _receive_bytes(receive, length))
    except TimeoutError:
        return _FailingBody(RequestTimeout())
    except HTTPException as error:
        return _FailingBody(error)


async def _receive_bytes(receive: Receive, length: str | None) -> bytes:
    """Raises: BadRequest for an incomplete body: RFC 9112, section 8."""
    length_needed = MAX_BODY_BYTES + 1 if length is None else int(length)
    body, is_unfinished = b"", True
    while is_unfinished and len(body) < length_needed:
        message = await receive()
        if message["type"] != "http.request":
            raise BadRequest
        body += message["body"]
        is_unfinished = message["more_body"]
    return body
