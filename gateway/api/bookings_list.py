"""The documented call that lists all bookings, a page at a time."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app

from clinic.contracts.bookings_query import encode_cursor, parse_bookings_query
from clinic.contracts.schemas import booking_to_json, public_view
from gateway.auth.staff_access import require_staff, staff_key_id
from gateway.http.requests import query
from gateway.http.responses import json_response

listing = Blueprint("listing", __name__)


@listing.get("/bookings")
@listing.get("/bookings/")
def read_all() -> Response:
    """Without a staff key list bookings without personal data, unless the list requires one."""
    is_restricted = current_app.config["IS_LIST_RESTRICTED"]
    key_id = require_staff() if is_restricted else staff_key_id()
    parameters = query()
    wanted = parse_bookings_query(parameters)
    # One more than asked for, to know whether there is a next page.
    found = current_app.config["BOOKINGS"].list(replace(wanted, limit=wanted.limit + 1))
    page = found[: wanted.limit]
    write = booking_to_json if key_id else public_view
    answer = json_response([write(booking) for booking in page])
    if len(found) > len(page):
        following = urlencode(parameters | {"after": encode_cursor(page)})
        answer.headers["Link"] = f'</bookings/?{following}>; rel="next"'
    return answer
