"""`GET /bookings`, page by page."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app

from clinic.contracts.booking_json import booking_to_json, public_view
from clinic.contracts.bookings_query import encode_cursor, parse_bookings_query
from gateway.auth.staff_access import require_staff, staff_key_id
from gateway.http.requests import query
from gateway.http.responses import json_response

listing = Blueprint("listing", __name__)


@listing.get("/bookings")
@listing.get("/bookings/")
def read_all() -> Response:
    """List bookings, with personal data only for staff. The list may be for staff only."""
    is_restricted = current_app.config["IS_LIST_RESTRICTED"]
    key_id = require_staff() if is_restricted else staff_key_id()
    parameters = query()
    bookings_query = parse_bookings_query(parameters)
    # One extra row shows whether there is a next page.
    limit = bookings_query.limit
    found = current_app.config["BOOKINGS"].list(replace(bookings_query, limit=limit + 1))
    page = found[:limit]
    serialize = booking_to_json if key_id else public_view
    response = json_response([serialize(booking) for booking in page])
    if len(found) > len(page):
        next_query = urlencode(parameters | {"after": encode_cursor(page)})
        response.headers["Link"] = f'</bookings/?{next_query}>; rel="next"'
    return response
