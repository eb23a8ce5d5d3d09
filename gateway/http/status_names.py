"""Names of HTTP statuses, from werkzeug: Python 3.13 renamed 413 and 422."""

from __future__ import annotations

from werkzeug.http import HTTP_STATUS_CODES


def title_of(status: int) -> str:
    """Return the name, such as "Request Entity Too Large"."""
    return HTTP_STATUS_CODES[status]


def code_of_status(status: int) -> str:
    """Return the code of an error without its own, such as `request_entity_too_large`."""
    return title_of(status).lower().replace(" ", "_")
