"""What only the clinic's staff may see, when it has keys."""

from __future__ import annotations

from flask import current_app
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from gateway.requests import bearer, is_any


def require_staff() -> None:
    """Raises: Unauthorized without one of the staff keys; without keys everybody is let in."""
    keys: frozenset[str] = current_app.config["STAFF_API_KEYS"]
    if keys and not is_any(bearer(), keys):
        raise Unauthorized(www_authenticate=WWWAuthenticate("bearer"))
