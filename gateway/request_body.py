"""The body of a request, read by the event loop: whoever sends it slowly holds no thread."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, NoReturn

from granian.rsgi import HTTPProtocol, Scope  # type: ignore[attr-defined]
from werkzeug.exceptions import BadRequest, HTTPException, RequestTimeout

from gateway.requests import MAX_BODY_BYTES

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream

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


async def read_body(scope: Scope, protocol: HTTPProtocol) -> InputStream:
    """Read no more than is needed to see that a body is too long. Raises: ProtocolClosed."""
    length = scope.headers.get("content-length")
    if length is None and scope.headers.get("transfer-encoding") is None:
        return io.BytesIO()
    if length is not None and int(length) > MAX_BODY_BYTES:
        return io.BytesIO()  # refused by its length
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return io.BytesIO(await (protocol() if length is not None else _chunks(protocol)))
    except TimeoutError:
        return _Broken(RequestTimeout())
    except HTTPException as error:
        return _Broken(error)


async def _chunks(protocol: HTTPProtocol) -> bytes:
    """Raises: BadRequest for a body that breaks off. granian ends it with an empty chunk, as every
    body, and with another one: RFC 9112, section 8, has it that such a body is no body."""
    body, ends = bytearray(), 0
    async for chunk in protocol:
        body += chunk
        ends += not chunk
        if len(body) > MAX_BODY_BYTES:
            break
    if ends > 1:
        raise BadRequest
    return bytes(body)
