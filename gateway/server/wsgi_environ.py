"""A request of ASGI, as a WSGI application reads it."""

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

#: Where the application finds an error that it has to answer with, before it does anything else.
REFUSAL = "clinic.refusal"

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
_PLAIN = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}

#: A cookie-pair of RFC 6265, section 4.1.1. Other applications of the same domain set cookies that
#: are none, and a lenient parser would read ours as a part of theirs.
_COOKIE = re.compile(
    rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+="
    rb'("?)[!#-+\--:<-\[\]-~]*\1'
)


def wsgi_environ(scope: Scope) -> WSGIEnvironment:
    """Lay a request out as PEP 3333 has it, without its body.

    A header with an underscore in its name is left out: it would pass for the one with a dash.
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
    refusal: HTTPException | None = violation(environ, len(scope["raw_path"]), long_fields)
    if refusal is not None:
        environ[REFUSAL] = refusal
    return environ


def _headers(fields: Iterable[tuple[bytes, bytes]]) -> tuple[dict[str, str], set[str]]:
    """Return the fields, and the names of those that are too long to be parsed."""
    found: dict[str, str] = {}
    too_long: set[str] = set()
    for name, value in fields:
        key = _key(name)
        if not key:
            continue
        if key == "HTTP_COOKIE":
            value = _cookies(value)
        text = value.decode("latin-1")
        if key in found:  # RFC 9110, 5.3; RFC 6265, 5.4
            text = found[key] + ("; " if key == "HTTP_COOKIE" else ", ") + text
        if len(text) > MAX_FIELD_CHARACTERS:
            too_long.add(key)
        found[key] = text
    return found, too_long


@lru_cache(maxsize=256)
def _key(name: bytes) -> str:
    if b"_" in name:
        return ""
    return _PLAIN.get(name) or "HTTP_" + name.decode("latin-1").upper().replace("-", "_")


def _cookies(header: bytes) -> bytes:
    pairs = (pair.strip(b" \t") for pair in header.split(b";"))
    return b"; ".join(pair for pair in pairs if _COOKIE.fullmatch(pair))
