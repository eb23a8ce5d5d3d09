"""Cancel a booking, or move it to another date: the booking service does it, and is waited for."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from clinic.clock import to_wire
from clinic.reasons import CANCELLED_BY_CLINIC, CANCELLED_BY_PATIENT
from clinic.rpc import deadline
from clinic.schema import read_cancellation, read_rescheduling
from gateway.answers import json_answer
from gateway.booking_service import change
from gateway.party import Actor, Party, party_of
from gateway.requests import json_body, optional_json_body
from gateway.security_log import SecurityEvent, log_security_event

changes = Blueprint("changes", __name__, url_prefix="/booking/<booking_id>")

#: What each party's cancelling is called.
REASONS = {Party.PATIENT: CANCELLED_BY_PATIENT, Party.STAFF: CANCELLED_BY_CLINIC}


@changes.post("/cancel", provide_automatic_options=False)
def cancel(booking_id: str) -> Response:
    until = deadline()
    actor = party_of(booking_id)
    read_cancellation(optional_json_body())
    cancelled = cancel_for(actor, booking_id, REASONS[actor.party], until=until)
    return json_answer(cancelled)


@changes.post("/reschedule", provide_automatic_options=False)
def reschedule(booking_id: str) -> Response:
    until = deadline()
    actor = party_of(booking_id)
    date = to_wire(read_rescheduling(json_body()))
    return json_answer(reschedule_for(actor, booking_id, date, until=until))


def cancel_for(actor: Actor, booking_id: str, reason: str, *, until: float) -> dict[str, Any]:
    """Have the booking service cancel it, and return the booking. Raises: what the service does."""
    cancelled = _call("cancel_booking", actor, until, booking_id=booking_id, reason=reason)
    _log_by_staff(SecurityEvent.BOOKING_CANCELLED, actor, booking_id)
    return cancelled


def reschedule_for(actor: Actor, booking_id: str, date: str, *, until: float) -> dict[str, Any]:
    """Have the booking service move it, and return the booking. Raises: what the service does."""
    moved = _call("reschedule_booking", actor, until, booking_id=booking_id, date=date)
    _log_by_staff(SecurityEvent.BOOKING_RESCHEDULED, actor, booking_id)
    return moved


def _call(method: str, actor: Actor, until: float, **arguments: str) -> dict[str, Any]:
    changed: dict[str, Any] = change(method, until=until, **arguments, **actor.to_arguments())
    return changed


def _log_by_staff(event: SecurityEvent, actor: Actor, booking_id: str) -> None:
    if actor.party is Party.STAFF:
        log_security_event(event, key_id=actor.key_id, booking_id=booking_id)
