"""A request of granian's RSGI, as a WSGI application reads it."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from granian.rsgi import Scope

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, WSGIEnvironment

#: What all requests have in common. werkzeug asks whether a body without a length has an end.
_BASE: dict[str, Any] = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}

#: Two whose names don't begin with HTTP_, by PEP 3333.
_PLAIN = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


def environ_of(scope: Scope, body: InputStream) -> WSGIEnvironment:
    """Lay a request out as PEP 3333 has it.

    A header with an underscore in its name is left out: it would pass for the one with a dash.
    """
    server, _, port = scope.server.rpartition(":")
    environ: WSGIEnvironment = _BASE | {
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": body,
    }
    environ |= _headers(scope)
    return environ


def _headers(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in scope.headers.items():
        if "_" in name:
            continue
        key = _key(name)
        if key in found:  # RFC 9110, 5.3; RFC 6265, 5.4
            value = found[key] + ("; " if name == "cookie" else ", ") + value
        found[key] = value
    for name in scope.headers.keys():  # noqa: SIM118 - they can't be iterated
        if "_" not in name:
            found.setdefault(_key(name), "")  # not ASCII: granian keeps the value to itself
    return found


@lru_cache(maxsize=256)
def _key(name: str) -> str:
    return _PLAIN.get(name) or "HTTP_" + name.upper().replace("-", "_")
