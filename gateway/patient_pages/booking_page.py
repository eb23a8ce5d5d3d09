"""The page of one booking, with its calendar file and cancellation.

It shows no personal data: whoever has the address can open it, and addresses leak.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import Forbidden

from clinic.bookings.repository import BookingRepository
from clinic.contracts.calendar_file import CalendarEntry
from clinic.contracts.message_catalogue import reason_text
from clinic.contracts.messages import choice_ids
from clinic.domain.booking import Booking, HistoryEntry, Status
from clinic.domain.named_choice import NamedChoice, name_choice, zone_of
from clinic.errors import ConcurrentModification, IllegalTransition, ServiceUnavailable
from clinic.rpc.rpc_client import deadline as rpc_deadline
from gateway.api.catalogue_api import current_catalogue
from gateway.api.changes_api import REASONS, cancel_for
from gateway.auth.actor import credential_holder
from gateway.auth.booking_cookie import needs_code, submitted_code, typed_code
from gateway.http.problem_details import http_status_of
from gateway.http.redirects import redirect_to_canonical_id
from gateway.locale.messages import translate
from gateway.patient_pages.choice_form import select
from gateway.web.available_slots import nearest
from gateway.web.rendering import hours, page, page_language

booking_page = Blueprint("appointment", __name__, url_prefix="/cita/<booking_id>")
booking_page.before_request(redirect_to_canonical_id)

#: The message key of each error of a cancellation.
_ERROR_KEYS = {
    IllegalTransition: "cancel_late",
    ConcurrentModification: "cancel_away",
    ServiceUnavailable: "cancel_away",
}


@booking_page.get("")
def show(booking_id: str) -> Response:
    """Answer 304 to the polling script while nothing has changed."""
    booking = _bookings().get(booking_id)
    tag = f"{page_language()}.{booking.version}.{int(booking.attention is not None)}"
    if booking.choice.service:
        tag += f".{current_catalogue().version}"  # the page has names of the catalogue
    response = _show(booking) if tag not in request.if_none_match else Response(status=304)
    response.set_etag(tag)
    return response


@booking_page.post("/cancel")
def cancel(booking_id: str) -> Response:
    """Cancel with the code, or from the browser that made the booking."""
    deadline, code = rpc_deadline(), submitted_code()
    if not code:
        return _show(_bookings().get(booking_id), 400, error_key="code_missing")
    try:
        actor = credential_holder(booking_id, code)
        cancel_for(actor, booking_id, REASONS[actor.role], deadline=deadline)
    except Forbidden:
        return _show(_bookings().get(booking_id), 403, error_key="code_wrong")
    except tuple(_ERROR_KEYS) as error:
        key = _ERROR_KEYS[type(error)]
        return _show(_bookings().get(booking_id), http_status_of(error), error_key=key)
    return Response(status=303, headers={"Location": f"/cita/{booking_id}"})


@booking_page.get("/calendar.ics")
def calendar(booking_id: str) -> Response:
    booking = _bookings().get(booking_id)
    if booking.status is not Status.CONFIRMED:
        return page("error.html", 404, error_key="no_calendar", booking_id=booking_id)
    named = _named(booking)
    entry = CalendarEntry(
        booking.id,
        booking.version,
        booking.date,
        booking.end or booking.date + hours().slot,
        translate("calendar_summary", page_language()),
        domain=current_app.config["DOMAIN"],
        location=named.location if named else "",
        description=named.practitioner if named else "",
    )
    file = entry.to_file("PUBLISH")
    response = Response(file, content_type="text/calendar; charset=utf-8; method=PUBLISH")
    response.headers["Content-Disposition"] = 'attachment; filename="cita.ics"'
    return response


def _show(booking: Booking, status: int | HTTPStatus = 200, *, error_key: str = "") -> Response:
    choice = booking.choice
    zone = zone_of(choice, current_catalogue(), hours().zone) if choice.service else None
    return page(
        "booking.html",
        int(status),
        zone=zone,
        booking=booking,
        named=_named(booking),
        end=booking.end if choice.service else None,
        reason=_reason(booking.reason),
        history=[_history_row(entry, booking.date) for entry in booking.history],
        may_cancel=booking.status in (Status.PENDING, Status.CONFIRMED),
        needs_code=needs_code(booking),
        typed_code=typed_code(),
        error_key=error_key,
        **_alternatives(booking),
    )


def _alternatives(booking: Booking) -> dict[str, Any]:
    """Return the template values of the free slots that a rejected booking shows."""
    if booking.status is not Status.REJECTED:
        return {"nearest": (), "query": ""}
    selection = select(choice_ids(booking.choice), current_catalogue())
    if selection is None:
        return {"nearest": nearest(booking.date), "query": ""}
    return {"nearest": nearest(booking.date, selection.choice), "query": selection.query}


def _named(booking: Booking) -> NamedChoice | None:
    """Return the names to show; None for a booking without a service of the catalogue."""
    if booking.choice.service is None:
        return None
    return name_choice(booking.choice, current_catalogue(), page_language())


def _history_row(entry: HistoryEntry, date: datetime) -> dict[str, Any]:
    """Return the template values of one history entry; `step` is a message key."""
    step = "moved" if entry.date is not None else entry.status.value
    reason = _reason(entry.reason)
    return {"at": entry.at, "step": f"step_{step}", "date": entry.date or date, "reason": reason}


def _reason(code: str | None) -> str:
    return reason_text(code, page_language()) if code else ""


def _bookings() -> BookingRepository:
    store: BookingRepository = current_app.config["BOOKINGS"]
    return store
