"""The page on which a patient reschedules an appointment. The old appointment stays valid deadline
the new one is confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, request
from marshmallow import ValidationError
from werkzeug.exceptions import Forbidden

from clinic.bookings.repository import BookingRepository
from clinic.contracts.date_format import format_clock_time, format_day
from clinic.contracts.message_catalogue import reason_text
from clinic.contracts.schemas import Rescheduling, parse_rescheduling
from clinic.contracts.slot_queries import parse_day
from clinic.domain.booking import Booking, Status
from clinic.domain.catalogue import Catalogue
from clinic.domain.named_choice import zone_of
from clinic.errors import (
    ConcurrentModification,
    IllegalTransition,
    ServiceUnavailable,
    SlotUnavailable,
)
from clinic.rpc.rpc_client import deadline as rpc_deadline
from gateway.api.catalogue_api import current_catalogue
from gateway.api.changes_api import reschedule_for
from gateway.auth.actor import credential_holder
from gateway.auth.booking_cookie import needs_code, submitted_code, typed_code
from gateway.http.problem_details import http_status_of
from gateway.http.redirects import redirect_to_canonical_id
from gateway.patient_pages.choice_form import (
    Selection,
    catalogue_of_pages,
    requested_choice,
    select_for_move,
)
from gateway.web.available_slots import Week, day_of, today, week_around
from gateway.web.rendering import hours, page, page_language

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
    deadline, code = rpc_deadline(), submitted_code()
    wanted, field_errors = _read(booking_id)
    if wanted is None:
        return _show(_bookings().get(booking_id), 400, field_errors=field_errors)
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


def _read(booking_id: str) -> tuple[Rescheduling | None, dict[str, str]]:
    """Return what the form asks for, or None and the message keys of the invalid fields."""
    catalogue = current_catalogue()
    requested = requested_choice(request.form)
    if requested:
        selection = select_for_move(_bookings().get(booking_id).choice, requested, catalogue)
        if selection is None or selection.is_changed:
            return None, {"choice": "choice_gone"}
    ids = {"date": request.form.get("date", ""), "practitioner": requested.get("practitioner")}
    try:
        return parse_rescheduling(ids, catalogue), {}
    except ValidationError:
        return None, {"date": "date_wrong"}


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
    catalogue = catalogue_of_pages()
    selection = select_for_move(booking.choice, requested_choice(request.values), catalogue)
    zone = selection.search.zone if selection else hours().zone
    return page(
        "reschedule.html",
        int(status),
        zone=zone,
        booking=booking,
        booked_for=_booked_for(booking, catalogue),
        address=f"/cita/{booking.id}/reschedule",
        selection=selection,
        requested_day=_requested_day(),
        week=_week(_day(booking, zone), selection),
        today=today(zone),
        chosen=request.form.get("date", ""),
        needs_code=needs_code(booking),
        typed_code=typed_code(),
        field_errors=field_errors or {},
        error_key=error_key,
        reason=reason_text(reason, page_language()) if reason else "",
    )


def _booked_for(booking: Booking, catalogue: Catalogue | None) -> str:
    """Return the current date in the zone of its site, which may not be that of the new one."""
    zone = zone_of(booking.choice, catalogue, hours().zone) if catalogue else hours().zone
    language = page_language()
    day = format_day(booking.date.astimezone(zone).date(), language)
    return f"{day}, {format_clock_time(booking.date, language, zone)}"


def _week(day: date, selection: Selection | None) -> Week | None:
    """Return the free slots, or None while the booking service is unavailable."""
    try:
        return week_around(day, selection.search if selection else None)
    except ServiceUnavailable:
        return None


def _day(booking: Booking, zone: ZoneInfo) -> date:
    """Return the day of the query or of the chosen slot, else that of the appointment."""
    if day := _requested_day():
        return day
    with suppress(ValidationError):
        return day_of(parse_rescheduling({"date": request.form.get("date")}).date, zone)
    return day_of(booking.date, zone)


def _requested_day() -> date | None:
    with suppress(ValidationError):
        return parse_day({"date": request.args.get("day")})
    return None


def _bookings() -> BookingRepository:
    store: BookingRepository = current_app.config["BOOKINGS"]
    return store
