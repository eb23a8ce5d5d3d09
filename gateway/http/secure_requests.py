"""Whether browsers reach the gateway over TLS, and what cookies are called and marked then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app, request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: For a year (RFC 6797). Other hosts of the clinic's domain are not ours to speak for.
STRICT_TRANSPORT = ("Strict-Transport-Security", "max-age=31536000")


def is_secure() -> bool:
    """Whether the request, or the address that the operator publishes, is https."""
    return is_https(request.environ, current_app.config["IS_PUBLISHED_SECURELY"])


def is_https(environ: WSGIEnvironment, is_published_securely: bool) -> bool:
    """The same outside of a request. A trusted proxy may have said how its client came."""
    return is_published_securely or environ.get("wsgi.url_scheme") == "https"


def host_cookie(name: str) -> str:
    """Return the name of a cookie for all paths: browsers take `__Host-` from this host over TLS
    only."""
    return f"__Host-{name}" if is_secure() else name


def path_cookie(name: str) -> str:
    """The same for a cookie with a path, which `__Host-` does not allow."""
    return f"__Secure-{name}" if is_secure() else name
