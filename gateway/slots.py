"""The free starts of a day, which the booking service knows."""

from __future__ import annotations

from flask import Blueprint, Response, current_app

from clinic.rpc import deadline
from clinic.schema import read_day
from gateway.answers import json_answer
from gateway.requests import query

slots = Blueprint("slots", __name__)


@slots.get("/slots", provide_automatic_options=False)
def read() -> Response:
    until = deadline()
    day = read_day(query())
    rpc = current_app.config["BOOKING_SERVICE"]
    return json_answer(rpc.call("list_free_slots", until=until, date=day.isoformat()))
