"""What is seen of every request from outside: a request id, a count, and careful headers."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from prometheus_client import Counter

from clinic.observability.logs import is_request_id, request_id
from clinic.observability.metrics import HTTP_REQUESTS
from gateway.http.secure_requests import STRICT_TRANSPORT, is_https

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HEADER = "X-Request-ID"

#: JSON answers hold personal data and are no documents: nobody may keep, frame or guess at them.
_SECURITY_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)

_OVER_TLS = (*_SECURITY_HEADERS, STRICT_TRANSPORT)

#: Clients may invent methods; the metrics may not grow by them.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def register(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_forget)
    is_published_securely = app.config["IS_PUBLISHED_SECURELY"]
    app.wsgi_app = _careful(app.wsgi_app, is_published_securely)  # type: ignore[assignment, method-assign]


def _begin() -> None:
    given = request.headers.get(_HEADER)
    request_id.set(given if given and is_request_id(given) else _new_id())


def _new_id() -> str:
    """Make a UUIDv4 for the logs. It opens nothing, so it need not cost the system's randomness."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def _forget(_error: BaseException | None) -> None:
    """What the thread does next belongs to no request."""
    request_id.set("")


def _finish(answer: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "unknown"
    method = request.method if request.method in _METHODS else "other"
    _counter(route, method, answer.status_code).inc()
    answer.headers[_HEADER] = request_id.get()
    if answer.status_code not in (429, 503):
        answer.headers.pop("Retry-After", None)  # the limiter sets it on every answer
    return answer


@cache
def _counter(route: str, method: str, status: int) -> Counter:
    return HTTP_REQUESTS.labels(route, method, status)


def _careful(application: WSGIApplication, is_published_securely: bool) -> WSGIApplication:
    """Add the security headers that an answer does not set itself.

    Done on the finished list: werkzeug checks each header that is set on an answer, and these
    never change.
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        ours = _OVER_TLS if is_https(environ, is_published_securely) else _SECURITY_HEADERS

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            named = {name.lower() for name, _ in headers}
            added = [each for each in ours if each[0].lower() not in named]
            return start_response(status, headers + added, *rest)

        return application(environ, start)

    return answer
