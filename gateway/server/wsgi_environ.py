"""Converts an ASGI request to a WSGI environ."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException

from gateway.server.http_rules import MAX_FIELD_CHARACTERS, violation

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Scope = dict[str, Any]

#: The environ key of the error that the application must respond with, if any.
HEAD_ERROR = "clinic.head_error"

#: Common to all requests. `input_terminated` lets werkzeug read a body without a length.
_BASE: dict[str, Any] = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}

#: The headers without the prefix HTTP_ (PEP 3333).
_PLAIN = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}

#: A cookie-pair of RFC 6265, section 4.1.1. Other applications of the domain may set invalid ones,
#: and a lenient parser would read our cookies as part of them.
_COOKIE = re.compile(
    rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+="
    rb'("?)[!#-+\--:<-\[\]-~]*\1'
)


def wsgi_environ(scope: Scope) -> WSGIEnvironment:
    """Return the environ of PEP 3333, without the body.

    Drops headers with an underscore in the name, which could pass for the one with a dash.
    """
    environ: WSGIEnvironment = _BASE | {
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": scope["server"][0],
        "SERVER_PORT": scope["server"][1],
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0],
        "wsgi.url_scheme": scope["scheme"],
    }
    headers, long_fields = _headers(scope["headers"])
    environ |= headers
    error: HTTPException | None = violation(environ, len(scope["raw_path"]), long_fields)
    if error is not None:
        environ[HEAD_ERROR] = error
    return environ


def _headers(fields: Iterable[tuple[bytes, bytes]]) -> tuple[dict[str, str], set[str]]:
    """Return the fields, and the names of those that are too long to parse."""
    environ: dict[str, str] = {}
    too_long: set[str] = set()
    for name, value in fields:
        key = _environ_key(name)
        if not key:
            continue
        if key == "HTTP_COOKIE":
            value = _cookies(value)
        text = value.decode("latin-1")
        if key in environ:  # RFC 9110, 5.3; RFC 6265, 5.4
            text = environ[key] + ("; " if key == "HTTP_COOKIE" else ", ") + text
        if len(text) > MAX_FIELD_CHARACTERS:
            too_long.add(key)
        environ[key] = text
    return environ, too_long


@lru_cache(maxsize=256)
def _environ_key(name: bytes) -> str:
    if b"_" in name:
        return ""
    return _PLAIN.get(name) or "HTTP_" + name.decode("latin-1").upper().replace("-", "_")


def _cookies(header: bytes) -> bytes:
    pairs = (pair.strip(b" \t") for pair in header.split(b";"))
    return b"; ".join(pair for pair in pairs if _COOKIE.fullmatch(pair))
