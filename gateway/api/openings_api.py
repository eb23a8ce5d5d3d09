"""`GET /openings`: the free times of a service, by a synchronous call of the booking service."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response

from clinic.contracts.slot_queries import MAX_OPENINGS, parse_openings
from clinic.rpc.rpc_client import deadline as rpc_deadline
from gateway.api.catalogue_api import current_catalogue
from gateway.http.requests import query
from gateway.http.responses import json_response
from gateway.rpc_clients.booking_service import free_slots

openings = Blueprint("openings", __name__)


@openings.get("/openings")
def read() -> Response:
    """Return a page. If there is more, `Link` leads to the next one (RFC 8288)."""
    deadline, parameters = rpc_deadline(), query()
    parse_openings(parameters, current_catalogue())  # before the call, for a complete error
    found = free_slots().openings(parameters, MAX_OPENINGS + 1, deadline)
    page = _whole_starts(found)
    links = {}
    if len(page) < len(found):
        following = urlencode(parameters | {"after": page[-1]["start"]})
        links["Link"] = f'</openings?{following}>; rel="next"'
    return json_response(page, 200, **links)


def _whole_starts(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cut a page that is too long before its last start, whose openings may be incomplete."""
    if len(found) <= MAX_OPENINGS:
        return found
    return [opening for opening in found if opening["start"] != found[-1]["start"]]
