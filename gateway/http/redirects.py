"""Addresses that are nearly one of ours: where they lead."""

from __future__ import annotations

import re
from urllib.parse import quote

from flask import Response, request
from flask.globals import request_ctx

#: A page of a booking with its code behind an escaped number sign: some mail filters rewrite links,
#: once or twice, and the code arrives here instead of staying in the browser.
_ESCAPED_FRAGMENT = re.compile(r"(/cita/[0-9A-Za-z-]{1,64})(?:#|%23)([\w-]{1,128})", re.ASCII)

#: Paths that programs call: they get problem documents only, whatever they accept.
_API = re.compile(r"/(book|booking|bookings|slots|health|metrics|openapi\.json|static)(/.*)?")


def is_api(path: str) -> bool:
    return _API.fullmatch(path) is not None


def restore_fragment() -> Response | None:
    """Send the code back to where it belongs, the browser. It is written nowhere on its way."""
    path = request.environ["PATH_INFO"]
    if "#" not in path and "%23" not in path:
        return None
    found = _ESCAPED_FRAGMENT.fullmatch(path)
    if not found or request.method not in ("GET", "HEAD"):
        return None
    return _redirect(f"{_with_query(found[1])}#{found[2]}")


def nearest_address() -> Response | None:
    """Lead an unknown path to the one without a slash at its end, or with its first part in small
    letters, if there is one for that method."""
    path = request.path
    for candidate in _candidates(path):
        is_known = request_ctx.url_adapter and request_ctx.url_adapter.test(candidate)
        if candidate != path and is_known:
            return _redirect(_with_query(quote(candidate)))
    return None


def _candidates(path: str) -> list[str]:
    trimmed = path if path.endswith("//") else path.removesuffix("/")
    first, slash, rest = trimmed.removeprefix("/").partition("/")
    lowered = f"/{first.lower()}{slash}{rest}"
    return [trimmed] if is_api(lowered) else [trimmed, lowered]


def _with_query(path: str) -> str:
    query = quote(request.query_string, safe="%&=+;:@!$'()*,/?-._~")
    return f"{path}?{query}" if query else path


def _redirect(location: str) -> Response:
    """308 keeps the method and the body."""
    headers = {"Location": location, "Content-Length": "0"}
    return Response(status=308, headers=headers)
