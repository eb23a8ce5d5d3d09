"""Cancel or reschedule a booking, by a synchronous call of the booking service."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from clinic.contracts.schemas import Rescheduling, parse_cancellation, parse_rescheduling
from clinic.domain.clock import to_wire
from clinic.domain.reasons import CANCELLED_BY_CLINIC, CANCELLED_BY_PATIENT
from clinic.rpc.rpc_client import deadline as rpc_deadline
from gateway.api.catalogue_api import current_catalogue
from gateway.auth.actor import Actor, ActorRole, authorize
from gateway.http.requests import json_body, optional_json_body
from gateway.http.responses import json_response
from gateway.http.security_log import SecurityEvent, log_security_event
from gateway.rpc_clients.booking_service import change

changes = Blueprint("changes", __name__, url_prefix="/booking/<booking_id>")

#: The reason code of a cancellation, by actor.
REASONS = {ActorRole.PATIENT: CANCELLED_BY_PATIENT, ActorRole.STAFF: CANCELLED_BY_CLINIC}


@changes.post("/cancel")
def cancel(booking_id: str) -> Response:
    deadline = rpc_deadline()
    actor = authorize(booking_id)
    parse_cancellation(optional_json_body())
    cancelled = cancel_for(actor, booking_id, REASONS[actor.role], deadline=deadline)
    return json_response(cancelled)


@changes.post("/reschedule")
def reschedule(booking_id: str) -> Response:
    deadline = rpc_deadline()
    actor = authorize(booking_id)
    wanted = parse_rescheduling(json_body(), current_catalogue())
    return json_response(reschedule_for(actor, booking_id, wanted, deadline=deadline))


def cancel_for(actor: Actor, booking_id: str, reason: str, *, deadline: float) -> dict[str, Any]:
    """Return the cancelled booking. Raises: BookingNotFound, IllegalTransition,
    ConcurrentModification, DatabaseUnavailable, ServiceUnavailable."""
    cancelled = _call("cancel_booking", actor, deadline, booking_id=booking_id, reason=reason)
    _log_by_staff(SecurityEvent.BOOKING_CANCELLED, actor, booking_id)
    return cancelled


def reschedule_for(
    actor: Actor, booking_id: str, wanted: Rescheduling, *, deadline: float
) -> dict[str, Any]:
    """Return the rescheduled booking. Raises: as `cancel_for`, and SlotUnavailable."""
    rescheduled = _call(
        "reschedule_booking",
        actor,
        deadline,
        booking_id=booking_id,
        date=to_wire(wanted.date),
        practitioner=wanted.practitioner,
    )
    _log_by_staff(SecurityEvent.BOOKING_RESCHEDULED, actor, booking_id)
    return rescheduled


def _call(method: str, actor: Actor, deadline: float, **arguments: str | None) -> dict[str, Any]:
    changed: dict[str, Any] = change(method, deadline=deadline, **arguments, **actor.to_arguments())
    return changed


def _log_by_staff(event: SecurityEvent, actor: Actor, booking_id: str) -> None:
    if actor.role is ActorRole.STAFF:
        log_security_event(event, key_id=actor.key_id, booking_id=booking_id)
