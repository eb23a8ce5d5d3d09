"""The documented call that lists all bookings, a page at a time."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app

from clinic.listing import cursor, read_listing
from clinic.schema import view
from gateway.answers import json_answer
from gateway.requests import query
from gateway.staff import require_staff

listing = Blueprint("listing", __name__)


@listing.get("/bookings", provide_automatic_options=False)
@listing.get("/bookings/", provide_automatic_options=False)
def read_all() -> Response:
    require_staff()
    parameters = query()
    wanted = read_listing(parameters)
    # One more than asked for, to know whether there is a next page.
    found = current_app.config["BOOKINGS"].list(replace(wanted, limit=wanted.limit + 1))
    page = found[: wanted.limit]
    answer = json_answer([view(booking) for booking in page])
    if len(found) > len(page):
        following = urlencode(parameters | {"after": cursor(page)})
        answer.headers["Link"] = f'</bookings/?{following}>; rel="next"'
    return answer
