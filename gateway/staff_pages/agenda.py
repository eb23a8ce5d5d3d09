"""The page with the appointments of one week."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from flask import Blueprint, Response, current_app, request

from clinic.bookings.appointment_queries import Appointment, AppointmentQueries
from clinic.domain.booking import Status
from gateway.auth.staff_sessions import HOME
from gateway.staff_pages.date_parameters import midnight, requested_day
from gateway.staff_pages.staff_rendering import staff_page
from gateway.web.available_slots import day_of, today

agenda = Blueprint("staff_agenda", __name__, url_prefix=HOME)

_WEEK = timedelta(days=7)
#: Maximum appointments per page; a clinic with thirty rooms has fewer per week.
LIMIT = 2000
_ALL = "all"
#: Confirmed appointments first, then pending ones.
_ORDER = (Status.CONFIRMED, Status.PENDING, Status.REJECTED, Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    appointments: tuple[Appointment, ...]


@agenda.get("")
@agenda.get("/")
def show() -> Response:
    """Show seven days, from the requested day or from today."""
    first = requested_day(request.args.get("day")) or today()
    found = _agenda().between(midnight(first), midnight(first + _WEEK), LIMIT)
    status = _requested_status()
    shown = [item for item in found.appointments if status in (_ALL, item.status)]
    return staff_page(
        "agenda.html",
        days=_days(first, shown),
        first=first,
        today=today(),
        earlier=first - _WEEK,
        later=first + _WEEK,
        chosen=status,
        counts=_counts(found.appointments),
        limit=LIMIT if found.is_cut else None,
    )


def _days(first: date, shown: list[Appointment]) -> list[Day]:
    days = (first + timedelta(days=number) for number in range(_WEEK.days))
    return [Day(day, tuple(item for item in shown if day_of(item.date) == day)) for day in days]


def _requested_status() -> str:
    """Return the status to filter by; by default, confirmed appointments."""
    status = request.args.get("status", "")
    return status if status in (*Status, _ALL) else Status.CONFIRMED.value


def _counts(appointments: tuple[Appointment, ...]) -> dict[str, int]:
    counts = Counter(item.status.value for item in appointments)
    return {status.value: counts[status.value] for status in _ORDER} | {_ALL: len(appointments)}


def _agenda() -> AppointmentQueries:
    queries: AppointmentQueries = current_app.config["BOOKINGS"].agenda
    return queries
