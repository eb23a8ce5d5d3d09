"""What every request gets: a request id, a metric, and security headers."""

from __future__ import annotations

import uuid
from functools import cache
from typing import TYPE_CHECKING

from flask import Flask, Response, current_app, request
from prometheus_client import Counter

from clinic.observability.logs import is_request_id, request_id
from clinic.observability.metrics import HTTP_REQUESTS
from gateway.http.secure_requests import STRICT_TRANSPORT, is_https

if TYPE_CHECKING:
    pass

_HEADER = "X-Request-ID"

#: JSON responses hold personal data and are no documents: no caching, framing or sniffing.
_SECURITY_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)

_OVER_TLS = (*_SECURITY_HEADERS, STRICT_TRANSPORT)

#: Clients may invent methods; the metrics must not grow by them.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def register(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_forget)
    app.after_request(_secure)


def _begin() -> None:
    given = request.headers.get(_HEADER)
    request_id.set(given if given and is_request_id(given) else str(uuid.uuid4()))


def _forget(_error: BaseException | None) -> None:
    """The thread is about to serve another request."""
    request_id.set("")


def _finish(answer: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "unknown"
    method = request.method if request.method in _METHODS else "other"
    _counter(route, method, answer.status_code).inc()
    answer.headers[_HEADER] = request_id.get()
    if answer.status_code not in (429, 503):
        answer.headers.pop("Retry-After", None)  # the limiter sets it on every answer
    return answer


def _secure(answer: Response) -> Response:
    """Add the security headers that an answer does not set itself."""
    is_secure = is_https(request.environ, current_app.config["IS_PUBLISHED_SECURELY"])
    for name, value in _OVER_TLS if is_secure else _SECURITY_HEADERS:
        answer.headers.setdefault(name, value)
    return answer


@cache
def _counter(route: str, method: str, status: int) -> Counter:
    return HTTP_REQUESTS.labels(route, method, status)
