"""`GET /slots`: the free slots of a day, from the booking service."""

from __future__ import annotations

from flask import Blueprint, Response

from clinic.contracts.slot_queries import parse_day
from clinic.domain.clock import to_wire
from clinic.rpc.rpc_client import deadline as rpc_deadline
from gateway.http.requests import query
from gateway.http.responses import json_response
from gateway.rpc_clients.booking_service import free_slots

slots = Blueprint("slots", __name__)


@slots.get("/slots")
def read() -> Response:
    deadline = rpc_deadline()
    day = parse_day(query())
    return json_response([to_wire(start) for start in free_slots().fresh_starts(day, 1, deadline)])
