"""The page on which a patient moves an appointment: the free times, and the code. It changes
nothing until it is sent, and the old appointment stands until the new one is had."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date

from flask import Blueprint, Response, current_app, request
from marshmallow import ValidationError
from werkzeug.exceptions import Forbidden

from clinic.bookings.repository import BookingRepository
from clinic.contracts.message_catalogue import reason_text
from clinic.contracts.schemas import parse_day, parse_rescheduling
from clinic.domain.booking import Booking, Status
from clinic.domain.clock import to_wire
from clinic.errors import (
    ConcurrentModification,
    IllegalTransition,
    ServiceUnavailable,
    SlotUnavailable,
)
from clinic.rpc.rpc_client import deadline
from gateway.api.changes_api import reschedule_for
from gateway.auth.actor import credential_holder
from gateway.auth.booking_cookie import given_code, needs_code, typed_code
from gateway.http.problem_details import status_of
from gateway.web.available_slots import Week, day_of, today, week_around
from gateway.web.rendering import page, page_language

moving = Blueprint("moving", __name__, url_prefix="/cita/<booking_id>/reschedule")

#: Which text tells the patient why an appointment was not moved; a date that can't be had has a
#: reason of its own.
_REFUSALS = {
    IllegalTransition: "move_late",
    ConcurrentModification: "move_away",
    ServiceUnavailable: "move_away",
}


@moving.get("")
def show(booking_id: str) -> Response:
    booking = _bookings().get(booking_id)
    if booking.status is not Status.CONFIRMED:
        return _to_the_booking(booking_id)
    return _show(booking)


@moving.post("")
def move(booking_id: str) -> Response:
    """Move for whoever has the code, or has booked in this very browser."""
    until, chosen, code = deadline(), request.form.get("date", ""), given_code()
    try:
        start = to_wire(parse_rescheduling({"date": chosen}))
    except ValidationError:
        return _show(_bookings().get(booking_id), 400, wrong={"date": "date_wrong"})
    if not code:
        return _refused(booking_id, 400, "code_missing")
    try:
        reschedule_for(credential_holder(booking_id, code), booking_id, start, until=until)
    except Forbidden:
        return _refused(booking_id, 403, "code_wrong")
    except SlotUnavailable as error:
        return _refused(booking_id, status_of(error), "move_refused", reason=str(error))
    except tuple(_REFUSALS) as error:
        return _refused(booking_id, status_of(error), _REFUSALS[type(error)])
    return _to_the_booking(booking_id)


def _to_the_booking(booking_id: str) -> Response:
    return Response(status=303, headers={"Location": f"/cita/{booking_id}"})


def _refused(booking_id: str, status: int, trouble: str, *, reason: str = "") -> Response:
    return _show(_bookings().get(booking_id), status, trouble=trouble, reason=reason)


def _show(
    booking: Booking,
    status: int = 200,
    *,
    wrong: Mapping[str, str] | None = None,
    trouble: str = "",
    reason: str = "",
) -> Response:
    return page(
        "reschedule.html",
        int(status),
        booking=booking,
        address=f"/cita/{booking.id}/reschedule",
        week=_week(_day(booking)),
        today=today(),
        chosen=request.form.get("date", ""),
        needs_code=needs_code(booking),
        typed_code=typed_code(),
        wrong=wrong or {},
        trouble=trouble,
        reason=reason_text(reason, page_language()) if reason else "",
    )


def _week(day: date) -> Week | None:
    """The free times, or None while nobody can be asked."""
    try:
        return week_around(day)
    except ServiceUnavailable:
        return None


def _day(booking: Booking) -> date:
    """The day that was asked for or chosen on, else that of the appointment."""
    with suppress(ValidationError):
        return parse_day({"date": request.args.get("day")})
    with suppress(ValidationError):
        return day_of(parse_rescheduling({"date": request.form.get("date")}))
    return day_of(booking.date)


def _bookings() -> BookingRepository:
    store: BookingRepository = current_app.config["BOOKINGS"]
    return store
