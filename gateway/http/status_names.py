"""The names of HTTP statuses. Python 3.13 has others than 3.11 for 413 and 422; these are the same
for every version."""

from __future__ import annotations

from werkzeug.http import HTTP_STATUS_CODES


def title_of(status: int) -> str:
    """As in "Request Entity Too Large"."""
    return HTTP_STATUS_CODES[status]


def code_of_status(status: int) -> str:
    """As in `request_entity_too_large`: the code of an error that has no code of its own."""
    return title_of(status).lower().replace(" ", "_")
