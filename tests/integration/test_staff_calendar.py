"""The staff's calendar of a clinic with a catalogue, without a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest
from werkzeug.test import TestResponse

from clinic.bookings.repository import BookingRepository
from clinic.domain.booking import Assignment, Booking, Choice, confirm
from clinic.domain.catalogue import Absence, Catalogue, Closure
from clinic.domain.clock import now
from gateway.staff_calendar import agenda
from tests.bookings import put_booking
from tests.health_centre import (
    ANA,
    CANARY,
    CENTRO,
    LUIS,
    MADRID,
    NORTE,
    REVIEW,
    TODAY,
    TOMORROW,
    VISIT,
    health_centre,
    moment,
)
from tests.integration.staff_fixtures import (
    StaffGateway,
    make_staff_gateway,
    relayed,
    staff_gateway,
    store,
)

__all__ = ["make_staff_gateway", "relayed", "staff_gateway", "store"]

MONDAY = TODAY + timedelta(days=7 - TODAY.weekday())


def confirmed(
    store: BookingRepository,
    day: date,
    time: str,
    name: str,
    practitioner: str | None = ANA,
    service: str = VISIT,
    site: str = CENTRO,
) -> Booking:
    """Store a confirmed booking of half an hour, at a local time of the site."""
    zone = CANARY if site == NORTE else MADRID
    choice = Choice(service, practitioner, site)
    start = moment(day, time, zone)
    booking = put_booking(store, date=start, patient_name=name, choice=choice)
    claim = f"{practitioner}/0/{start.timestamp()}"
    assignment = Assignment(choice, start + timedelta(minutes=30), (claim,))
    store.apply(confirm(booking, assignment=assignment, at=now(), by="booking_worker"))
    return store.get(booking.id)


class _Table(HTMLParser):
    """The texts of the cells, by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._is_in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._is_in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._is_in_cell = False
            self.rows[-1][-1] = " ".join(self.rows[-1][-1].split())

    def handle_data(self, data: str) -> None:
        if self._is_in_cell:
            self.rows[-1][-1] += f"{data} "


def table(response: TestResponse) -> list[list[str]]:
    (found,) = re.findall(r'<table class="calendar [^"]*">.*?</table>', response.text, re.DOTALL)
    return _Table(found).rows


def row(response: TestResponse, heading: str) -> list[str]:
    (found,) = (cells[1:] for cells in table(response) if cells[0] == heading)
    return found


def test_the_day_has_a_column_for_each_practitioner(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    booking = confirmed(store, TOMORROW, "10:30", "Eva Ruiz")
    confirmed(store, TOMORROW, "10:00", "Luz Gil", LUIS, site=NORTE)
    response = staff_gateway.staff.get("/staff", day=str(TOMORROW))
    assert table(response)[0] == [
        "Time",
        "Ana López 09:00–13:00, 15:00–17:00",
        "Luis Vega 10:00–14:00",
    ]
    assert [cells[0] for cells in table(response)[1:]] == [f"{hour:02}:00" for hour in range(9, 17)]
    assert row(response, "10:00") == [
        "Ana López 10:30 – 11:00 Eva Ruiz Visit · Centre",
        "Luis Vega 10:00 – 10:30 Luz Gil Visit · North",
    ]
    assert f'href="/staff/booking/{booking.id}"' in response.text


def test_a_booking_without_a_practitioner_has_its_own_column(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    start = moment(TOMORROW, "11:00")
    put_booking(store, date=start, patient_name="First Free", choice=Choice(VISIT))
    response = staff_gateway.staff.get("/staff", day=str(TOMORROW))
    assert "No practitioner" not in response.text
    response = staff_gateway.staff.get("/staff", day=str(TOMORROW), status="pending")
    assert table(response)[0][-1] == "No practitioner"
    assert row(response, "11:00")[-1] == "No practitioner 11:00 First Free Visit Pending"


def test_the_week_begins_on_monday_and_has_a_row_for_each_day(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    confirmed(store, MONDAY, "09:00", "On Monday")
    confirmed(store, MONDAY + timedelta(days=6), "09:00", "On Sunday")
    confirmed(store, MONDAY + timedelta(days=7), "09:00", "Next Week")
    wednesday = MONDAY + timedelta(days=2)
    response = staff_gateway.staff.get("/staff", view="week", day=str(wednesday))
    assert len(table(response)) == 8
    assert "On Monday" in table(response)[1][1]
    assert "On Sunday" in table(response)[7][1]
    assert "Next Week" not in response.text
    assert f"view=week&amp;day={wednesday + timedelta(days=7)}" in response.text
    assert f"view=day&amp;day={MONDAY}" in response.text


def test_the_calendar_filters_by_site_service_and_status(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    confirmed(store, TOMORROW, "09:00", "Centre Visit")
    confirmed(store, TOMORROW, "09:30", "Centre Review", service=REVIEW)
    confirmed(store, TOMORROW, "10:00", "North Visit", LUIS, site=NORTE)
    put_booking(
        store, date=moment(TOMORROW, "12:00"), patient_name="Waits", choice=Choice(VISIT, ANA)
    )
    names = ("Centre Visit", "Centre Review", "North Visit", "Waits")
    for query, found in (
        ({}, names[:3]),
        ({"site": CENTRO}, names[:2]),
        ({"site": NORTE}, names[2:3]),
        ({"service": REVIEW}, names[1:2]),
        ({"service": VISIT, "site": CENTRO, "status": "all"}, ("Centre Visit", "Waits")),
        ({"site": "nowhere", "service": "nonsense", "status": "x", "view": "year"}, names[:3]),
    ):
        response = staff_gateway.staff.get("/staff", day=str(TOMORROW), **query)
        assert tuple(each for each in names if each in response.text) == found, query
    response = staff_gateway.staff.get("/staff", day=str(TOMORROW), site=NORTE)
    assert table(response)[0][1:] == ["Luis Vega 10:00–14:00"]
    assert "(Atlantic/Canary)" in response.text


def test_each_site_has_its_own_midnight(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    confirmed(store, TOMORROW, "00:15", "Early Centre")
    confirmed(store, TOMORROW, "23:45", "Late North", LUIS, site=NORTE)
    for day, found in ((TODAY, []), (TOMORROW, ["Early Centre", "Late North"])):
        response = staff_gateway.staff.get("/staff", day=str(day))
        names = ("Early Centre", "Late North")
        assert [each for each in names if each in response.text] == found
    assert row(response, "00:00")[0].startswith("Ana López 00:15 – 00:45")
    assert row(response, "23:00")[1].startswith("Luis Vega 23:45 – 00:15")


def test_links_keep_the_filters(staff_gateway: StaffGateway) -> None:
    query = {"view": "week", "day": "2026-12-02", "status": "all", "site": CENTRO, "service": VISIT}
    text = staff_gateway.staff.get("/staff", **query).text
    kept = f"status=all&amp;site={CENTRO}&amp;service={VISIT}"
    assert f'href="/staff?view=week&amp;day=2026-11-25&amp;{kept}"' in text
    assert f'href="/staff?view=day&amp;day=2026-12-02&amp;{kept}"' in text
    assert f'href="/staff/book?day=2026-12-02&amp;service={VISIT}&amp;site={CENTRO}"' in text


def test_closures_and_absences_are_not_working_time(
    make_staff_gateway: Callable[[Catalogue], StaffGateway], store: BookingRepository
) -> None:
    whole_day = Absence(moment(TOMORROW, "00:00"), moment(TOMORROW, "23:59"))
    catalogue = health_centre(
        {ANA: {"absences": (whole_day,)}}, {NORTE: {"closures": (Closure(TOMORROW, TOMORROW),)}}
    )
    gateway = make_staff_gateway(catalogue)
    response = gateway.staff.get("/staff", day=str(TOMORROW))
    assert "Nobody works on this day" in response.text
    confirmed(store, TOMORROW, "10:00", "Eva Ruiz")
    response = gateway.staff.get("/staff", day=str(TOMORROW))
    assert table(response)[0][1:] == ["Ana López Not working", "Luis Vega Not working"]


def test_a_practitioner_who_left_keeps_a_column_while_booked(
    make_staff_gateway: Callable[[Catalogue], StaffGateway], store: BookingRepository
) -> None:
    confirmed(store, TOMORROW, "10:00", "Eva Ruiz", "ada-diaz")
    confirmed(store, TOMORROW, "10:30", "Luz Gil", LUIS, site=NORTE)
    gateway = make_staff_gateway(health_centre({LUIS: {"is_active": False}}))
    columns = table(gateway.staff.get("/staff", day=str(TOMORROW)))[0]
    assert [each.split(" ")[0] for each in columns] == ["Time", "Ana", "ada-diaz", "Luis"]


def test_the_calendar_says_when_it_is_truncated(
    staff_gateway: StaffGateway, store: BookingRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agenda, "LIMIT", 1)
    confirmed(store, TOMORROW, "10:00", "Eva Ruiz")
    assert "Only the first" not in staff_gateway.staff.get("/staff", day=str(TOMORROW)).text
    confirmed(store, TOMORROW, "11:00", "Luz Gil")
    assert "Only the first" in staff_gateway.staff.get("/staff", day=str(TOMORROW)).text


@pytest.mark.parametrize("day", ["nonsense", "9999-12-28", "0001-01-03", "%00"])
@pytest.mark.parametrize("view", ["day", "week"])
def test_any_requested_day_has_a_calendar(staff_gateway: StaffGateway, view: str, day: str) -> None:
    assert staff_gateway.staff.get("/staff", view=view, day=day).status_code == 200


def test_the_calendar_is_spanish_too(staff_gateway: StaffGateway) -> None:
    text = staff_gateway.staff.get("/staff", lang="es").text
    assert "Todos los centros" in text
    assert "<title>Agenda: " in text
