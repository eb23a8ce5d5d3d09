"""The page on which a patient asks for an appointment."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime

from flask import Blueprint, Response, request
from marshmallow import ValidationError

from clinic.contracts.schemas import parse_day
from clinic.errors import ServiceUnavailable, TooManyOpenBookings
from gateway.api.bookings_api import accept
from gateway.auth.booking_cookie import keep
from gateway.http.problem_details import status_of
from gateway.patient_pages.form_fields import Form, new_token
from gateway.web.available_slots import Week, day_of, today, week_around
from gateway.web.rendering import hours, page, page_language

#: Showing the form needs no database, so they are two: the breaker watches over one of them.
welcome = Blueprint("welcome", __name__)
asking = Blueprint("asking", __name__)


@welcome.get("/")
def show() -> Response:
    return form_page(Form(date=request.args.get("slot", "")), day=_asked_day())


@asking.post("/")
def ask() -> Response:
    """Take the request, and lead to the page of the booking, which may be loaded again."""
    form, language = Form.of(request.form), page_language()
    booking, wrong = form.read(language, hours().zone)
    if booking is None:
        return form_page(form, 400, wrong=wrong)
    try:
        booking, token = accept(booking, form.body(booking), form.key(booking))
    except TooManyOpenBookings as error:
        return form_page(form, status_of(error), trouble="too_many_open")
    answer = Response(status=303, headers={"Location": f"/cita/{booking.id}"})
    keep(answer, booking.id, token)
    return answer


def form_page(
    form: Form,
    status: int = 200,
    *,
    day: date | None = None,
    wrong: Mapping[str, str] | None = None,
    trouble: str = "",
) -> Response:
    """Show the form with what was typed. `wrong` maps each field at fault to its text,
    `trouble` names the texts that tell why nothing could be taken at all."""
    return page(
        "ask.html",
        status,
        form=form,
        wrong=wrong or {},
        trouble=trouble,
        token=form.token or new_token(),
        week=_week(day or _day_of(form)),
        address="/",
        chosen=form.date,
        today=today(),
    )


def _week(day: date | None) -> Week | None:
    """The free times, or None while nobody can be asked: requests are taken all the same."""
    try:
        return week_around(day)
    except ServiceUnavailable:
        return None


def _asked_day() -> date | None:
    """What is no day at all asks for none."""
    with suppress(ValidationError):
        return parse_day({"date": request.args.get("day")})
    return None


def _day_of(form: Form) -> date | None:
    with suppress(ValueError, OverflowError):
        return day_of(datetime.fromisoformat(form.date)) if form.date else None
    return None
