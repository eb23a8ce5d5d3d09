"""A WSGI application that reports its request, alone and behind our ASGI adapter."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from typing import Any

from gateway.server.asgi_adapter import AsgiAdapter


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer with the request's environ, its body, and the name of the thread that is at work."""
    if environ["QUERY_STRING"] == "fail":
        raise RuntimeError("as asked")
    body = environ["wsgi.input"].read()
    reported = {
        name: value
        for name, value in environ.items()
        if name in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SCRIPT_NAME", "REMOTE_ADDR")
        or name.startswith(("HTTP_", "CONTENT_", "SERVER_", "wsgi.url", "wsgi.input_"))
        if name not in ("SERVER_PORT", "SERVER_SOFTWARE")
    }
    answer = {"environ": reported, "length": len(body), "body": body.decode("latin-1")[:100]}
    answer["thread"] = threading.current_thread().name
    data = json.dumps(answer).encode()
    start_response(
        "200 OK", [("Content-Length", str(len(data))), ("X-Twice", "1"), ("X-Twice", "2")]
    )
    return _Closing(data)


class _Closing:
    closed = 0

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Any:
        yield self._data[:10]
        yield self._data[10:]

    def close(self) -> None:
        type(self).closed += 1


front = AsgiAdapter(application, threads=2)
