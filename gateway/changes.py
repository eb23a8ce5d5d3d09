"""Cancel a booking, or move it to another date: the booking service does it, and is waited for."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app

from clinic.clock import to_wire
from clinic.reasons import CANCELLED_BY_CLINIC, CANCELLED_BY_PATIENT
from clinic.rpc import deadline
from clinic.schema import read_cancellation, read_rescheduling
from gateway.answers import json_answer
from gateway.party import Party, party_of
from gateway.requests import json_body, optional_json_body

changes = Blueprint("changes", __name__, url_prefix="/booking/<booking_id>")

#: What each party's cancelling is called.
REASONS = {Party.PATIENT: CANCELLED_BY_PATIENT, Party.STAFF: CANCELLED_BY_CLINIC}


@changes.post("/cancel", provide_automatic_options=False)
def cancel(booking_id: str) -> Response:
    until = deadline()
    party = party_of(booking_id)
    read_cancellation(optional_json_body())
    return _change("cancel_booking", until, party, booking_id=booking_id, reason=REASONS[party])


@changes.post("/reschedule", provide_automatic_options=False)
def reschedule(booking_id: str) -> Response:
    until = deadline()
    party = party_of(booking_id)
    date = to_wire(read_rescheduling(json_body()))
    return _change("reschedule_booking", until, party, booking_id=booking_id, date=date)


def _change(method: str, until: float, party: Party, **arguments: Any) -> Response:
    rpc = current_app.config["BOOKING_SERVICE"]
    return json_answer(rpc.call(method, until=until, by=party.value, **arguments))
