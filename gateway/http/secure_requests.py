"""Whether browsers use TLS, and the cookie names that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app, request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: One year (RFC 6797). No `includeSubDomains`: other hosts of the domain are not ours.
STRICT_TRANSPORT = ("Strict-Transport-Security", "max-age=31536000")


def is_secure() -> bool:
    """Whether the request or the published address uses https."""
    return is_https(request.environ, current_app.config["IS_PUBLISHED_SECURELY"])


def is_https(environ: WSGIEnvironment, is_published_securely: bool) -> bool:
    """Like `is_secure`, outside a request context. A trusted proxy may have set the scheme."""
    return is_published_securely or environ.get("wsgi.url_scheme") == "https"


def host_cookie(name: str) -> str:
    """Return the name of a cookie for all paths. Over TLS it has the prefix `__Host-`, which
    browsers accept from this host only."""
    return f"__Host-{name}" if is_secure() else name


def path_cookie(name: str) -> str:
    """Return the name of a cookie with a path, which `__Host-` does not allow."""
    return f"__Secure-{name}" if is_secure() else name
