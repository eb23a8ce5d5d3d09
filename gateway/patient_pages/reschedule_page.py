"""The page on which a patient reschedules an appointment. The old appointment stays valid deadline
the new one is confirmed."""

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
from clinic.errors import (
    ConcurrentModification,
    IllegalTransition,
    ServiceUnavailable,
    SlotUnavailable,
)
from clinic.rpc.rpc_client import deadline as rpc_deadline
from gateway.api.changes_api import reschedule_for
from gateway.auth.actor import credential_holder
from gateway.auth.booking_cookie import needs_code, submitted_code, typed_code
from gateway.http.problem_details import http_status_of
from gateway.http.redirects import redirect_to_canonical_id
from gateway.web.available_slots import Week, day_of, today, week_around
from gateway.web.rendering import page, page_language

reschedule = Blueprint("moving", __name__, url_prefix="/cita/<booking_id>/reschedule")
reschedule.before_request(redirect_to_canonical_id)

#: The message key of each error of a rescheduling; SlotUnavailable has a reason text instead.
_ERROR_KEYS = {
    IllegalTransition: "move_late",
    ConcurrentModification: "move_away",
    ServiceUnavailable: "move_away",
}


@reschedule.get("")
def show(booking_id: str) -> Response:
    booking = _bookings().get(booking_id)
    if booking.status is not Status.CONFIRMED:
        return _redirect_to_booking(booking_id)
    return _show(booking)


@reschedule.post("")
def move(booking_id: str) -> Response:
    """Reschedule with the code, or from the browser that made the booking."""
    deadline, chosen, code = rpc_deadline(), request.form.get("date", ""), submitted_code()
    try:
        wanted = parse_rescheduling({"date": chosen})
    except ValidationError:
        return _show(_bookings().get(booking_id), 400, field_errors={"date": "date_wrong"})
    if not code:
        return _show_error(booking_id, 400, "code_missing")
    try:
        reschedule_for(credential_holder(booking_id, code), booking_id, wanted, deadline=deadline)
    except Forbidden:
        return _show_error(booking_id, 403, "code_wrong")
    except SlotUnavailable as error:
        return _show_error(booking_id, http_status_of(error), "move_refused", reason=str(error))
    except tuple(_ERROR_KEYS) as error:
        return _show_error(booking_id, http_status_of(error), _ERROR_KEYS[type(error)])
    return _redirect_to_booking(booking_id)


def _redirect_to_booking(booking_id: str) -> Response:
    return Response(status=303, headers={"Location": f"/cita/{booking_id}"})


def _show_error(booking_id: str, status: int, error_key: str, *, reason: str = "") -> Response:
    return _show(_bookings().get(booking_id), status, error_key=error_key, reason=reason)


def _show(
    booking: Booking,
    status: int = 200,
    *,
    field_errors: Mapping[str, str] | None = None,
    error_key: str = "",
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
        field_errors=field_errors or {},
        error_key=error_key,
        reason=reason_text(reason, page_language()) if reason else "",
    )


def _week(day: date) -> Week | None:
    """Return the free slots, or None while the booking service is unavailable."""
    try:
        return week_around(day)
    except ServiceUnavailable:
        return None


def _day(booking: Booking) -> date:
    """Return the day of the query or of the chosen slot, else that of the appointment."""
    with suppress(ValidationError):
        return parse_day({"date": request.args.get("day")})
    with suppress(ValidationError):
        return day_of(parse_rescheduling({"date": request.form.get("date")}).date)
    return day_of(booking.date)


def _bookings() -> BookingRepository:
    store: BookingRepository = current_app.config["BOOKINGS"]
    return store
