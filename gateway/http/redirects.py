"""Redirects for addresses that are almost correct."""

from __future__ import annotations

import re
from urllib.parse import quote

from flask import Response, request
from flask.globals import request_ctx

#: A booking's page with its code after an escaped number sign. Some mail filters escape links, even
#: twice; the browser then sends the code to the server instead of keeping it.
_ESCAPED_FRAGMENT = re.compile(r"(/cita/[0-9A-Za-z-]{1,64})(?:#|%23)([\w-]{1,128})", re.ASCII)

#: Paths of the API: their errors are always problem details, whatever the client accepts.
_API = re.compile(r"/(admin|book|booking|bookings|slots|health|metrics|openapi\.json|static)(/.*)?")


def is_api(path: str) -> bool:
    return _API.fullmatch(path) is not None


def restore_fragment() -> Response | None:
    """Redirect an escaped code back into the fragment. Must run before the address is logged."""
    path = request.environ["PATH_INFO"]
    if "#" not in path and "%23" not in path:
        return None
    found = _ESCAPED_FRAGMENT.fullmatch(path)
    if not found or request.method not in ("GET", "HEAD"):
        return None
    return _redirect(f"{_with_query(found[1])}#{found[2]}")


def redirect_to_canonical_id() -> Response | None:
    """Redirect a page whose path has the id of its booking in capitals: the path of a cookie is
    case-sensitive, so the browser would not send the cookie of the booking."""
    booking_id = (request.view_args or {}).get("booking_id")
    _, site, given, *rest = request.path.split("/")
    if given == booking_id or request.method not in ("GET", "HEAD"):
        return None
    return _redirect(_with_query("/".join(["", site, str(booking_id), *rest])))


def nearest_address() -> Response | None:
    """Redirect an unknown path without its trailing slash, or with its first segment in lower
    case, if that path exists for the method; else return None."""
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
