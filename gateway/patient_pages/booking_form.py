"""The page with the booking form."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request
from marshmallow import ValidationError

from clinic.contracts.slot_queries import parse_day
from clinic.errors import ServiceUnavailable, TooManyOpenBookings
from gateway.api.bookings_api import accept
from gateway.api.catalogue_api import current_catalogue
from gateway.auth.booking_cookie import set_booking_cookie
from gateway.http.problem_details import http_status_of
from gateway.patient_pages.choice_form import Selection, catalogue_of_pages, requested_choice
from gateway.patient_pages.form_fields import Form
from gateway.web.available_slots import Week, day_of, today, week_around
from gateway.web.form_input import new_token
from gateway.web.rendering import hours, page, page_language

#: Two blueprints: a failed POST shows the form again with its input, a failed GET an error page.
booking_form = Blueprint("welcome", __name__)
booking_form_post = Blueprint("asking", __name__)


@booking_form.get("/")
def show() -> Response:
    chosen = requested_choice(request.args)
    return form_page(Form(date=request.args.get("slot", ""), **chosen), day=_requested_day())


@booking_form_post.post("/")
def ask() -> Response:
    """Store the booking and redirect to its page, which can be reloaded safely."""
    form, catalogue = Form.of(request.form), current_catalogue()
    zone = _zone(form.select(catalogue))
    booking, field_errors = form.read(page_language(), zone, catalogue)
    if booking is None:
        return form_page(form, 400, field_errors=field_errors)
    try:
        booking, token = accept(booking, form.body(booking), form.key(booking))
    except TooManyOpenBookings as error:
        return form_page(form, http_status_of(error), error_key="too_many_open")
    response = Response(status=303, headers={"Location": f"/cita/{booking.id}"})
    set_booking_cookie(response, booking.id, token)
    return response


def form_page(
    form: Form,
    status: int = 200,
    *,
    day: date | None = None,
    field_errors: Mapping[str, str] | None = None,
    error_key: str = "",
) -> Response:
    """Render the form with its input. `field_errors` maps invalid fields to message keys;
    `error_key` is the message key of any other error."""
    selection = form.select(catalogue_of_pages())
    zone = _zone(selection)
    return page(
        "booking_form.html",
        status,
        zone=zone,
        form=form,
        field_errors=field_errors or {},
        error_key=error_key,
        token=form.token or new_token(),
        selection=selection,
        requested_day=day,
        week=_week(day or _day_of(form, zone), selection),
        address="/",
        chosen=form.date,
        today=today(zone),
    )


def _zone(selection: Selection | None) -> ZoneInfo:
    return selection.search.zone if selection else hours().zone


def _week(day: date | None, selection: Selection | None) -> Week | None:
    """Return the free slots, or None while they are unknown; booking still works then."""
    try:
        return week_around(day, selection.search if selection else None)
    except ServiceUnavailable:
        return None


def _requested_day() -> date | None:
    """Return the day of the query, or None if it is missing or invalid."""
    with suppress(ValidationError):
        return parse_day({"date": request.args.get("day")})
    return None


def _day_of(form: Form, zone: ZoneInfo) -> date | None:
    with suppress(ValueError, OverflowError):
        return day_of(datetime.fromisoformat(form.date), zone) if form.date else None
    return None
