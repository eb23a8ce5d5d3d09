"""The staff page of one booking: its details, cancelling, rescheduling and resending."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import Blueprint, Response, current_app, flash, redirect, request
from marshmallow import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from clinic.bookings.repository import BookingRepository
from clinic.contracts.message_catalogue import reason_text
from clinic.contracts.schemas import parse_rescheduling
from clinic.domain import reasons
from clinic.domain.booking import ALLOWED_TRANSITIONS, NO_CHOICE, Status
from clinic.errors import ClinicError, ServiceUnavailable, SlotUnavailable
from clinic.rpc.rpc_client import deadline as rpc_deadline
from gateway.api.catalogue_api import current_catalogue
from gateway.api.changes_api import cancel_for, reschedule_for
from gateway.auth.actor import Actor, ActorRole
from gateway.auth.staff_sessions import HOME, signed_in_key_id
from gateway.http.security_log import SecurityEvent, log_security_event
from gateway.locale.messages import translate
from gateway.patient_pages.choice_form import requested_choice, select_for_move
from gateway.staff_pages.booking_notifications import notifications_of, resend
from gateway.staff_pages.date_parameters import requested_day
from gateway.staff_pages.staff_rendering import staff_page
from gateway.web.available_slots import free_day
from gateway.web.catalogue_view import CatalogueView, site_zone
from gateway.web.rendering import page_language

booking = Blueprint("staff_booking", __name__, url_prefix=f"{HOME}/booking/<booking_id>")

#: The message key by error code. Other errors have an error page.
_ERROR_KEYS = {
    "illegal_transition": "change_late",
    "stale_booking": "change_away",
    "service_unavailable": "change_away",
    "not_resendable": "resend_refused",
    "invalid_booking": "resend_refused",
}


@booking.get("")
def show(booking_id: str) -> Response:
    return _show(booking_id, rpc_deadline())


@booking.post("/cancel")
def cancel(booking_id: str) -> AnyResponse:
    deadline, reason = rpc_deadline(), request.form.get("reason", "")
    if reason not in reasons.BY_CLINIC:
        return _show(booking_id, deadline, 400, error_text=_translated("reason_missing"))
    change = partial(cancel_for, _actor(), booking_id, reason)
    return _do(booking_id, deadline, change, "cancel_done")


@booking.post("/reschedule")
def reschedule(booking_id: str) -> AnyResponse:
    deadline = rpc_deadline()
    requested = {name: request.form.get(name) or None for name in ("date", "practitioner")}
    try:
        wanted = parse_rescheduling(requested, current_catalogue())
    except ValidationError:
        return _show(booking_id, deadline, 400, error_text=_translated("date_wrong"))
    change = partial(reschedule_for, _actor(), booking_id, wanted)
    return _do(booking_id, deadline, change, "staff_move_done")


@booking.post("/resend")
def resend_notification(booking_id: str) -> AnyResponse:
    deadline, version = rpc_deadline(), request.form.get("version", type=int)
    if version is None:
        return _show(booking_id, deadline, 400, error_text=_translated("resend_refused"))
    channel = request.form.get("channel", "")
    return _do(booking_id, deadline, partial(_resend, booking_id, version, channel), "resend_done")


def _do(booking_id: str, deadline: float, change: Callable[..., object], done: str) -> AnyResponse:
    """Make the change and redirect to the page with a confirmation; or show the error."""
    try:
        change(deadline=deadline)
    except ClinicError as error:
        error_text = _error_text(error)
        if not error_text:
            raise
        status = 503 if isinstance(error, ServiceUnavailable) else 409
        return _show(booking_id, deadline, status, error_text=error_text)
    flash(done)
    return redirect(f"{HOME}/booking/{booking_id}", 303)


def _resend(booking_id: str, version: int, channel: str, *, deadline: float) -> None:
    resend(booking_id, version, channel, deadline=deadline)
    event_id = f"{booking_id}:{version}"
    key_id = signed_in_key_id()
    log_security_event(SecurityEvent.NOTIFICATION_RESENT, key_id=key_id, event_id=event_id)


def _actor() -> Actor:
    return Actor(ActorRole.STAFF, signed_in_key_id())


def _show(booking_id: str, deadline: float, status: int = 200, *, error_text: str = "") -> Response:
    store: BookingRepository = current_app.config["BOOKINGS"]
    found, catalogue = store.get(booking_id), current_catalogue()
    may_move = found.status is Status.CONFIRMED
    new_day = requested_day(request.args.get("move")) if may_move else None
    selection = select_for_move(found.choice, requested_choice(request.args), catalogue)
    choice = selection.choice if selection else NO_CHOICE
    return staff_page(
        "booking.html",
        status,
        zone=site_zone(catalogue, found.choice.site),
        booking=found,
        shown=CatalogueView(catalogue, page_language()),
        selection=selection,
        reason_text=partial(reason_text, language=page_language()),
        notifications=notifications_of(booking_id, deadline),
        may_cancel=Status.CANCELLED in ALLOWED_TRANSITIONS[found.status],
        reasons=reasons.BY_CLINIC,
        may_move=may_move,
        move_to=new_day,
        free=free_day(new_day, deadline, choice) if new_day else None,
        error_text=error_text,
    )


def _error_text(error: ClinicError) -> str:
    if isinstance(error, SlotUnavailable):
        return reason_text(str(error), page_language())
    text = _ERROR_KEYS.get(error.code)
    return _translated(text) if text else ""


def _translated(text: str) -> str:
    return translate(text, page_language())
