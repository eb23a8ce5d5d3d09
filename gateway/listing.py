"""The documented call that lists all bookings, a page at a time."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app

from clinic.listing import cursor, read_listing
from clinic.schema import public_view, view
from gateway.answers import json_answer
from gateway.requests import query
from gateway.staff import require_staff, staff_key_id

listing = Blueprint("listing", __name__)


@listing.get("/bookings", provide_automatic_options=False)
@listing.get("/bookings/", provide_automatic_options=False)
def read_all() -> Response:
    """Without a staff key list bookings without personal data, unless the list requires one."""
    is_restricted = current_app.config["IS_LIST_RESTRICTED"]
    key_id = require_staff() if is_restricted else staff_key_id()
    parameters = query()
    wanted = read_listing(parameters)
    # One more than asked for, to know whether there is a next page.
    found = current_app.config["BOOKINGS"].list(replace(wanted, limit=wanted.limit + 1))
    page = found[: wanted.limit]
    write = view if key_id else public_view
    answer = json_answer([write(booking) for booking in page])
    if len(found) > len(page):
        following = urlencode(parameters | {"after": cursor(page)})
        answer.headers["Link"] = f'</bookings/?{following}>; rel="next"'
    return answer
