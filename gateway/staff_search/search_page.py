"""The search page. Search terms are personal data: they travel in the body of a form, so that no
address or log contains them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import islice

from flask import Blueprint, Response, current_app, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from clinic.bookings.appointment_queries import Appointment, AppointmentQueries
from clinic.domain.booking import is_booking_id
from clinic.errors import BookingNotFound
from gateway.auth.staff_sessions import HOME
from gateway.staff_pages.date_parameters import midnight
from gateway.staff_pages.staff_rendering import staff_page
from gateway.staff_search.search_form import SearchForm

search = Blueprint("staff_search", __name__, url_prefix=HOME)

#: Maximum bookings that a search reads and compares, and that it shows.
READ_LIMIT = 5_000
SHOWN_LIMIT = 100

_DAY = timedelta(days=1)


@search.get("/search")
def show() -> Response:
    return _page(SearchForm.empty())


@search.post("/search")
def find() -> AnyResponse:
    form = SearchForm.of(request.form)
    if form.is_too_long():
        return _page(form, 400, error_key="search_too_long")
    reference = form.reference()
    if reference and (response := _by_reference(form, reference)):
        return response
    days = form.days()
    if days is None:
        return _page(form, 400, error_key="days_wrong")
    found = _agenda().between(midnight(days[0]), midnight(days[1] + _DAY), READ_LIMIT)
    matching = list(islice(form.filter(found.appointments), SHOWN_LIMIT + 1))
    return _page(form, found=matching, read_limit=READ_LIMIT if found.is_cut else None)


def _by_reference(form: SearchForm, reference: str) -> AnyResponse | None:
    """Redirect to the only match, or list all; ignores days and status. Returns None if nothing
    matches the beginning of a reference: it may be a phone number."""
    if is_booking_id(reference):
        return _to_booking(reference) if _is_stored(reference) else _page(form, found=())
    found = _agenda().of_reference(reference, SHOWN_LIMIT + 1).appointments
    if not found:
        return None
    return _to_booking(found[0].booking_id) if len(found) == 1 else _page(form, found=found)


def _is_stored(booking_id: str) -> bool:
    try:
        current_app.config["BOOKINGS"].get(booking_id)
    except BookingNotFound:
        return False
    return True


def _to_booking(booking_id: str) -> AnyResponse:
    return redirect(f"{HOME}/booking/{booking_id}", 303)


def _page(
    form: SearchForm,
    status: int = 200,
    *,
    found: Sequence[Appointment] | None = None,
    read_limit: int | None = None,
    error_key: str = "",
) -> Response:
    """`found` is None before the first search."""
    return staff_page(
        "search.html",
        status,
        form=form,
        found=None if found is None else found[:SHOWN_LIMIT],
        shown_limit=SHOWN_LIMIT if found and len(found) > SHOWN_LIMIT else None,
        read_limit=read_limit,
        error_key=error_key,
    )


def _agenda() -> AppointmentQueries:
    queries: AppointmentQueries = current_app.config["BOOKINGS"].agenda
    return queries
