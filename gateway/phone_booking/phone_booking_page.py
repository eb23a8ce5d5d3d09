"""The page on which staff book for a patient, who is on the phone or at the desk."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from clinic.contracts.message_catalogue import reason_text
from clinic.domain.booking import NO_CHOICE
from clinic.domain.catalogue import Catalogue
from clinic.domain.reasons import LANGUAGES
from clinic.errors import InvalidBooking, ServiceUnavailable, SlotUnavailable
from clinic.rpc.rpc_client import deadline as rpc_deadline
from gateway.api.catalogue_api import current_catalogue
from gateway.auth.staff_sessions import HOME, signed_in_key_id
from gateway.http.problem_details import http_status_of
from gateway.http.security_log import SecurityEvent, log_security_event
from gateway.patient_pages.choice_form import Selection, requested_choice
from gateway.phone_booking.phone_booking_form import PhoneBookingForm
from gateway.rpc_clients.booking_service import book_by_phone
from gateway.staff_pages.date_parameters import requested_day
from gateway.staff_pages.staff_rendering import staff_page
from gateway.web.available_slots import SlotSearch, Week, day_of, nearest, today, week_around
from gateway.web.form_input import new_token
from gateway.web.rendering import hours, page_language

phone_booking = Blueprint("staff_phone_booking", __name__, url_prefix=f"{HOME}/book")


@phone_booking.get("")
def show() -> Response:
    chosen = requested_choice(request.args)
    form = PhoneBookingForm(language=page_language(), **chosen)
    return _page(form, day=requested_day(request.args.get("day")))


@phone_booking.post("")
def book() -> AnyResponse:
    """Book, and redirect to the page of the booking; or show the form again and why."""
    deadline, catalogue = rpc_deadline(), current_catalogue()
    form = PhoneBookingForm.of(request.form)
    payload, field_errors = form.read(_search(form.select(catalogue)).zone, catalogue)
    if field_errors:
        return _page(form, 400, field_errors=field_errors)
    try:
        booking_id = book_by_phone(
            payload,
            language=form.language,
            key_id=signed_in_key_id(),
            may_overbook=form.is_overbooked,
            idempotency_key=form.key(payload),
            deadline=deadline,
        )
    except SlotUnavailable as error:
        wanted = datetime.fromisoformat(payload["date"])
        return _page(form, http_status_of(error), reason=str(error), wanted=wanted)
    except InvalidBooking as error:  # the catalogue has just changed
        return _page(form, http_status_of(error), field_errors={"choice": "choice_gone"})
    except ServiceUnavailable as error:
        return _page(form, http_status_of(error), error_key="phone_away")
    log_security_event(SecurityEvent.BOOKING_MADE, key_id=signed_in_key_id(), booking_id=booking_id)
    flash("phone_done")
    return redirect(f"{HOME}/booking/{booking_id}", 303)


def _page(
    form: PhoneBookingForm,
    status: int = 200,
    *,
    day: date | None = None,
    field_errors: Mapping[str, str] | None = None,
    error_key: str = "",
    reason: str = "",
    wanted: datetime | None = None,
) -> Response:
    """Render the form with its input. `reason` is why the time `wanted` was refused."""
    catalogue = current_catalogue()
    selection = form.select(catalogue)
    search = _search(selection)
    return staff_page(
        "phone_booking.html",
        int(status),
        zone=search.zone,
        form=form if form.token else replace(form, token=new_token()),
        field_errors=field_errors or {},
        error_key=error_key,
        reason=reason_text(reason, page_language()) if reason else "",
        nearest=nearest(wanted, search.choice) if wanted else (),
        selection=selection,
        may_overbook=_may_overbook(selection, catalogue),
        languages=LANGUAGES,
        requested_day=day,
        week=_week(day or _day_of(form, search.zone), search),
        address=f"{HOME}/book",
        chosen=form.date,
        today=today(search.zone),
    )


def _search(selection: Selection | None) -> SlotSearch:
    return selection.search if selection else SlotSearch(NO_CHOICE, hours().zone)


def _week(day: date | None, search: SlotSearch) -> Week | None:
    """Return the free slots, or None while they are unknown."""
    try:
        return week_around(day, search)
    except ServiceUnavailable:
        return None


def _may_overbook(selection: Selection | None, catalogue: Catalogue) -> bool:
    """Return whether a schedule that the choice may use has seats for overbooking."""
    service = catalogue.service(selection.choice.service) if selection else None
    if selection is None or service is None:
        return False
    practitioner = selection.choice.practitioner
    return any(
        schedule.overbook > 0 and practitioner in (None, schedule.id)
        for schedule in catalogue.schedules_for(service, service.needs[0])
    )


def _day_of(form: PhoneBookingForm, zone: ZoneInfo) -> date | None:
    with suppress(ValueError, OverflowError):
        if form.date:
            return day_of(datetime.fromisoformat(form.date), zone)
        return datetime.fromisoformat(form.local).date() if form.local else None
    return None
