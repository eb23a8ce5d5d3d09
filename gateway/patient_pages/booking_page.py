"""The page of one booking: how it stands, its calendar file, and cancelling. Moving it has a page
of its own. It names nobody: the address alone opens it, and addresses leak."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import Forbidden

from clinic.bookings.repository import BookingRepository
from clinic.contracts.calendar_file import calendar_file
from clinic.contracts.message_catalogue import reason_text
from clinic.domain.booking import Booking, HistoryEntry, Status
from clinic.errors import ConcurrentModification, IllegalTransition, ServiceUnavailable
from clinic.rpc.rpc_client import deadline
from gateway.api.changes_api import REASONS, cancel_for
from gateway.auth.actor import credential_holder
from gateway.auth.booking_cookie import given_code, needs_code, typed_code
from gateway.http.problem_details import status_of
from gateway.locale.messages import translate
from gateway.web.available_slots import nearest
from gateway.web.rendering import hours, page, page_language

appointment = Blueprint("appointment", __name__, url_prefix="/cita/<booking_id>")

#: Which text tells the patient why a booking was not cancelled.
_REFUSALS = {
    IllegalTransition: "cancel_late",
    ConcurrentModification: "cancel_away",
    ServiceUnavailable: "cancel_away",
}


@appointment.get("")
def show(booking_id: str) -> Response:
    """Answer 304 to the script that asks again, as long as nothing has changed."""
    booking = _bookings().get(booking_id)
    tag = f"{page_language()}.{booking.version}.{int(booking.attention is not None)}"
    answer = _show(booking) if tag not in request.if_none_match else Response(status=304)
    answer.set_etag(tag)
    return answer


@appointment.post("/cancel")
def cancel(booking_id: str) -> Response:
    """Cancel for whoever has the code, or has booked in this very browser."""
    until, code = deadline(), given_code()
    if not code:
        return _show(_bookings().get(booking_id), 400, trouble="code_missing")
    try:
        actor = credential_holder(booking_id, code)
        cancel_for(actor, booking_id, REASONS[actor.party], until=until)
    except Forbidden:
        return _show(_bookings().get(booking_id), 403, trouble="code_wrong")
    except tuple(_REFUSALS) as error:
        trouble = _REFUSALS[type(error)]
        return _show(_bookings().get(booking_id), status_of(error), trouble=trouble)
    return Response(status=303, headers={"Location": f"/cita/{booking_id}"})


@appointment.get("/calendar.ics")
def calendar(booking_id: str) -> Response:
    booking = _bookings().get(booking_id)
    if booking.status is not Status.CONFIRMED:
        return page("refusal.html", 404, refusal="no_calendar", booking_id=booking_id)
    file = calendar_file(
        booking.id,
        booking.version,
        booking.date,
        booking.date + hours().slot,
        "PUBLISH",
        translate("calendar_summary", page_language()),
        domain=current_app.config["DOMAIN"],
    )
    answer = Response(file, content_type="text/calendar; charset=utf-8; method=PUBLISH")
    answer.headers["Content-Disposition"] = 'attachment; filename="cita.ics"'
    return answer


def _show(booking: Booking, status: int | HTTPStatus = 200, *, trouble: str = "") -> Response:
    is_rejected = booking.status is Status.REJECTED
    return page(
        "appointment.html",
        int(status),
        booking=booking,
        reason=_reason(booking.reason),
        history=[_row(change, booking.date) for change in booking.history],
        nearest=nearest(booking.date) if is_rejected else [],
        may_cancel=booking.status in (Status.PENDING, Status.CONFIRMED),
        needs_code=needs_code(booking),
        typed_code=typed_code(),
        trouble=trouble,
    )


def _row(change: HistoryEntry, date: datetime) -> dict[str, Any]:
    """A line of the history: when, the key of what happened, and what belongs to it."""
    step = "moved" if change.date is not None else change.status.value
    reason = _reason(change.reason)
    return {"at": change.at, "step": f"step_{step}", "date": change.date or date, "reason": reason}


def _reason(code: str | None) -> str:
    return reason_text(code, page_language()) if code else ""


def _bookings() -> BookingRepository:
    store: BookingRepository = current_app.config["BOOKINGS"]
    return store
