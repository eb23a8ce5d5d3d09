"""Adds a request id, a metric and security headers to every request."""

from __future__ import annotations

import uuid
from functools import cache

from flask import Flask, Response, current_app, request
from prometheus_client import Counter

from clinic.observability.logs import is_request_id, request_id
from clinic.observability.metrics import HTTP_REQUESTS
from gateway.http.secure_requests import STRICT_TRANSPORT, is_https

_HEADER = "X-Request-ID"

#: JSON responses hold personal data: no caching, framing or sniffing.
_SECURITY_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)

_OVER_TLS = (*_SECURITY_HEADERS, STRICT_TRANSPORT)

#: Methods with a metric label of their own. Clients could invent others without end.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def register(app: Flask) -> None:
    app.before_request(_set_request_id)
    app.after_request(_record)
    app.teardown_request(_clear_request_id)
    app.after_request(_add_security_headers)


def _set_request_id() -> None:
    received = request.headers.get(_HEADER)
    request_id.set(received if received and is_request_id(received) else str(uuid.uuid4()))


def _clear_request_id(_error: BaseException | None) -> None:
    """Clear the request id before the thread serves another request."""
    request_id.set("")


def _record(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "unknown"
    method = request.method if request.method in _METHODS else "other"
    _counter(route, method, response.status_code).inc()
    response.headers[_HEADER] = request_id.get()
    if response.status_code not in (429, 503):
        response.headers.pop("Retry-After", None)  # the limiter sets it on every response
    return response


def _add_security_headers(response: Response) -> Response:
    """Add the security headers that the view has not set."""
    is_secure = is_https(request.environ, current_app.config["IS_PUBLISHED_SECURELY"])
    for name, value in _OVER_TLS if is_secure else _SECURITY_HEADERS:
        response.headers.setdefault(name, value)
    return response


@cache
def _counter(route: str, method: str, status: int) -> Counter:
    return HTTP_REQUESTS.labels(route, method, status)
