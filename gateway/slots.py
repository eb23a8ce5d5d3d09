"""The free starts of a day, which the booking service knows."""

from __future__ import annotations

from flask import Blueprint, Response

from clinic.clock import to_wire
from clinic.rpc import deadline
from clinic.schema import read_day
from gateway.answers import json_answer
from gateway.booking_service import free_slots
from gateway.requests import query

slots = Blueprint("slots", __name__)


@slots.get("/slots", provide_automatic_options=False)
def read() -> Response:
    until = deadline()
    day = read_day(query())
    return json_answer([to_wire(start) for start in free_slots().fresh_starts(day, 1, until)])
