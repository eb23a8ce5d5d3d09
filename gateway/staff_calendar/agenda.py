"""The page with the appointments of a day or a week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from flask import Blueprint, Response, current_app, request

from clinic.bookings.appointment_queries import Appointment, AppointmentQueries
from clinic.domain.booking import Status
from clinic.domain.catalogue import Catalogue
from gateway.api.catalogue_api import current_catalogue
from gateway.auth.staff_sessions import HOME
from gateway.staff_calendar.calendar_query import (
    ALL,
    CalendarQuery,
    CalendarView,
    requested_status,
    today_in,
)
from gateway.staff_calendar.calendar_table import CalendarBuilder
from gateway.staff_pages.date_parameters import midnight, requested_day
from gateway.staff_pages.staff_rendering import staff_page
from gateway.web.available_slots import day_of, today
from gateway.web.catalogue_view import CatalogueView, site_zone
from gateway.web.rendering import page_language

agenda = Blueprint("staff_agenda", __name__, url_prefix=HOME)

_WEEK = timedelta(days=7)
#: Maximum appointments per page; a clinic with thirty rooms has fewer per week.
LIMIT = 2000
#: Confirmed appointments first, then pending ones.
_ORDER = (Status.CONFIRMED, Status.PENDING, Status.REJECTED, Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    appointments: tuple[Appointment, ...]


@agenda.get("")
@agenda.get("/")
def show() -> Response:
    """Show a calendar of the practitioners, or seven days of a clinic without a catalogue."""
    catalogue = current_catalogue()
    return _calendar(catalogue) if catalogue.is_configured else _list()


def _calendar(catalogue: Catalogue) -> Response:
    query = CalendarQuery.of(request.args, catalogue)
    found = _agenda().between(*query.period(catalogue), LIMIT)
    selected = query.select(found.appointments, catalogue)
    table = CalendarBuilder(catalogue, query).build(_of_status(selected, query.status))
    return staff_page(
        "calendar.html",
        query=query,
        views=tuple(CalendarView),
        table=table,
        shown=CatalogueView(catalogue, page_language()),
        today=today_in(site_zone(catalogue, query.site)),
        counts=_counts(selected),
        limit=LIMIT if found.is_cut else None,
    )


def _list() -> Response:
    """Show seven days, from the requested day or from today."""
    first = requested_day(request.args.get("day")) or today()
    found = _agenda().between(midnight(first), midnight(first + _WEEK), LIMIT)
    status = requested_status(request.args.get("status"))
    return staff_page(
        "agenda.html",
        days=_days(first, _of_status(found.appointments, status)),
        first=first,
        today=today(),
        earlier=first - _WEEK,
        later=first + _WEEK,
        chosen=status,
        counts=_counts(found.appointments),
        limit=LIMIT if found.is_cut else None,
    )


def _of_status(appointments: Iterable[Appointment], status: str) -> list[Appointment]:
    return [item for item in appointments if status in (ALL, item.status)]


def _days(first: date, shown: list[Appointment]) -> list[Day]:
    days = (first + timedelta(days=number) for number in range(_WEEK.days))
    return [Day(day, tuple(item for item in shown if day_of(item.date) == day)) for day in days]


def _counts(appointments: Iterable[Appointment]) -> dict[str, int]:
    counts = Counter(item.status.value for item in appointments)
    return {status.value: counts[status.value] for status in _ORDER} | {ALL: counts.total()}


def _agenda() -> AppointmentQueries:
    queries: AppointmentQueries = current_app.config["BOOKINGS"].agenda
    return queries
