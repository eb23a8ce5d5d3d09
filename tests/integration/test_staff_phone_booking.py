"""Booking by staff for a patient on the phone, without a browser, with the real booking service."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from clinic.bookings.repository import BookingRepository
from clinic.domain.booking import Booking
from clinic.domain.catalogue import Catalogue
from clinic.domain.clock import to_wire
from clinic.errors import InvalidBooking, ServiceUnavailable
from gateway.auth.staff_keys import StaffKeys
from tests.bookings import put_booking
from tests.clinics import make_calendar
from tests.health_centre import (
    ANA,
    CANARY,
    CENTRO,
    LUIS,
    NORTE,
    REVIEW,
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
from tests.integration.test_pages import elements, value
from tests.staff import KEY

__all__ = ["make_staff_gateway", "relayed", "staff_gateway", "store"]

TEN = moment(TOMORROW, "10:00")


def fill(gateway: StaffGateway, **fields: Any) -> dict[str, Any]:
    """Open the page and fill in its form for Eva Ruiz, tomorrow at ten with Ana."""
    usual = {"service": VISIT, "practitioner": ANA, "site": CENTRO}
    usual |= {name: fields.pop(name) for name in list(usual) if name in fields}
    response = gateway.staff.get("/staff/book", day=str(TOMORROW), **usual)
    assert response.status_code == 200
    filled = {
        "token": value(response, "token"),
        "name": "Eva Ruiz",
        "phone": "910 00 00 00",
        "language": "es",
        "date": to_wire(TEN),
    }
    return usual | filled | fields


def book(gateway: StaffGateway, **fields: Any) -> TestResponse:
    return gateway.staff.post("/staff/book", **fill(gateway, **fields))


def booked(store: BookingRepository, response: TestResponse) -> Booking:
    assert response.status_code == 303, response.text
    return store.get(response.headers["Location"].rpartition("/")[2])


def offered(response: TestResponse) -> list[str | None]:
    fields = elements(response, "input")
    return [each["value"] for each in fields if each.get("name") == "date"]


def test_the_booking_is_confirmed_at_once(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    response = book(staff_gateway, email="eva@example.com", language="en")
    booking = booked(store, response)
    assert (booking.status, booking.date, booking.language) == ("confirmed", TEN, "en")
    assert (booking.choice.service, booking.choice.practitioner) == (VISIT, ANA)
    assert booking.choice.site == CENTRO
    assert (booking.patient_phone, booking.patient_email) == ("910000000", "eva@example.com")
    assert {(row.by, row.key_id) for row in booking.history[1:]} == {
        ("staff", StaffKeys([KEY]).key_id(KEY))
    }
    page = staff_gateway.staff.get(response.headers["Location"])
    assert "The appointment is booked and confirmed." in page.text
    assert f'href="/staff/booking/{booking.id}/print"' in page.text


def test_the_first_available_practitioner_is_assigned(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    first = booked(store, book(staff_gateway, practitioner="", site=""))
    assert first.choice.practitioner in (ANA, LUIS)


def test_the_form_offers_the_free_times_of_the_choice(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    booked(store, book(staff_gateway))
    response = staff_gateway.staff.get(
        "/staff/book", day=str(TOMORROW), service=VISIT, practitioner=ANA
    )
    starts = [
        moment(TOMORROW, f"{hour:02}:{minute}")
        for hour in (9, 10, 11, 12)
        for minute in ("00", "30")
    ]
    starts += [moment(TOMORROW, f"{hour}:{minute}") for hour in (15, 16) for minute in ("00", "30")]
    assert offered(response) == [to_wire(start) for start in starts if start != TEN]
    response = staff_gateway.staff.get(
        "/staff/book", day=str(TOMORROW), service=VISIT, practitioner=LUIS
    )
    assert offered(response)[0] == to_wire(moment(TOMORROW, "10:00", CANARY))
    assert ">10:00</span>" in response.text


def test_a_phone_number_is_enough(staff_gateway: StaffGateway, store: BookingRepository) -> None:
    response = book(staff_gateway)
    assert booked(store, response).patient_email is None
    page = staff_gateway.staff.get(response.headers["Location"])
    assert "910000000" in page.text
    assert "gets no messages" in page.text


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": ""}, "name"),
        ({"phone": ""}, "phone"),
        ({"phone": "12"}, "phone"),
        ({"email": "eva@"}, "email"),
        ({"date": ""}, "date"),
        ({"date": "tomorrow"}, "date"),
        ({"language": "fr"}, "language"),
        ({"practitioner": "nobody"}, "choice"),
        ({"service": REVIEW, "practitioner": LUIS}, "choice"),
    ],
)
def test_an_invalid_field_is_reported_and_the_input_is_kept(
    staff_gateway: StaffGateway, store: BookingRepository, fields: dict[str, str], problem: str
) -> None:
    response = book(staff_gateway, **{"name": "Eva Ruiz", "phone": "910000000"} | fields)
    assert response.status_code == 400
    summary = response.text.partition('role="alert"')[2].partition("</div>")[0]
    assert f'href="#{problem}"' in summary
    assert f'id="{problem}"' in response.text
    for name in ("name", "phone"):
        assert value(response, name) == ({"name": "Eva Ruiz", "phone": "910000000"} | fields)[name]
    assert "book_by_phone" not in staff_gateway.service.calls


def test_a_taken_time_is_refused_with_the_nearest_free_ones(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    filled = fill(staff_gateway, name="Luz Gil")
    booked(store, book(staff_gateway))
    response = staff_gateway.staff.post("/staff/book", **filled)
    assert response.status_code == 409
    assert "There are no places left at that time." in response.text
    nearest = response.text.partition("The nearest free times")[2].partition("</fieldset>")[0]
    assert re.findall(r"<strong>(\d\d:\d\d)</strong>", nearest) == [
        "09:00",
        "09:30",
        "10:30",
        "11:00",
        "11:30",
    ]
    assert value(response, "name") == "Luz Gil"
    again = filled | {"date": to_wire(TEN + timedelta(minutes=30))}
    assert booked(store, staff_gateway.staff.post("/staff/book", **again)).patient_name == "Luz Gil"


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        (moment(TOMORROW, "22:00"), "closed"),
        (moment(TOMORROW, "10:10"), "No appointment starts"),
        (moment(TOMORROW - timedelta(days=3), "10:00"), "past"),
    ],
)
def test_an_impossible_time_is_refused_with_the_reason(
    staff_gateway: StaffGateway, date: datetime, reason: str
) -> None:
    response = book(staff_gateway, date=to_wire(date))
    assert response.status_code == 409
    alert = response.text.partition('role="alert"')[2].partition("</div>")[0]
    assert "Nothing was booked" in alert
    assert reason in alert


def test_a_form_sent_twice_books_once(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    filled = fill(staff_gateway)
    first, second = (staff_gateway.staff.post("/staff/book", **filled) for _ in range(2))
    assert booked(store, first) == booked(store, second)
    other = staff_gateway.staff.post("/staff/book", **filled | {"name": "Somebody Else"})
    assert other.status_code == 409


def test_overbooking_uses_the_places_that_the_schedule_keeps(
    make_staff_gateway: Callable[[Catalogue], StaffGateway], store: BookingRepository
) -> None:
    gateway = make_staff_gateway(health_centre({ANA: {"overbook": 1}}))
    booked(store, book(gateway))
    typed = {"date": "", "local": f"{TOMORROW}T10:00"}
    assert book(gateway, name="Luz Gil", **typed).status_code == 409
    response = book(gateway, name="Luz Gil", overbook="1", **typed)
    assert booked(store, response).date == TEN
    assert book(gateway, name="Zoe Gil", overbook="1", **typed).status_code == 409


def test_overbooking_is_offered_only_where_a_schedule_allows_it(
    make_staff_gateway: Callable[[Catalogue], StaffGateway],
) -> None:
    gateway = make_staff_gateway(health_centre({ANA: {"overbook": 1}}))
    for practitioner, is_offered in ((ANA, True), (LUIS, False), ("", True)):
        response = gateway.staff.get("/staff/book", practitioner=practitioner)
        assert ('name="overbook"' in response.text) is is_offered


def test_while_the_service_is_unavailable_a_time_can_be_typed_and_sent_again(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    filled = fill(staff_gateway, date="", local=f"{TOMORROW}T10:00")
    staff_gateway.service.error = ServiceUnavailable("away")
    response = staff_gateway.staff.post("/staff/book", **filled)
    assert response.status_code == 503
    assert "it will not book twice" in response.text
    assert value(response, "token") == filled["token"]
    assert value(response, "local") == f"{TOMORROW}T10:00"
    staff_gateway.service.error = None
    assert booked(store, staff_gateway.staff.post("/staff/book", **filled)).date == TEN


def test_a_choice_that_the_service_does_not_know_is_reported(
    staff_gateway: StaffGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = fill(staff_gateway)
    staff_gateway.service.error = InvalidBooking("unknown practitioner")
    response = staff_gateway.staff.post("/staff/book", **filled)
    assert response.status_code == 400
    assert 'href="#choice"' in response.text


def test_booking_is_logged_without_personal_data(
    staff_gateway: StaffGateway, store: BookingRepository, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    booking = booked(store, book(staff_gateway, email="eva@example.com"))
    events = {getattr(each, "event", ""): each for each in caplog.records}
    record = events["booking_made_by_staff"]
    assert record.booking_id == booking.id
    assert record.key_id == StaffKeys([KEY]).key_id(KEY)
    for secret in ("Eva", "eva@example.com", "910000000"):
        assert secret not in caplog.text


def test_a_form_without_the_token_of_the_session_books_nothing(
    staff_gateway: StaffGateway,
) -> None:
    filled = fill(staff_gateway) | {"csrf_token": "x"}
    assert staff_gateway.staff.post("/staff/book", **filled).status_code == 400
    assert "book_by_phone" not in staff_gateway.service.calls


def test_a_clinic_without_a_catalogue_books_by_phone_too(
    make_staff_gateway: Callable[[Catalogue], StaffGateway], store: BookingRepository
) -> None:
    gateway = make_staff_gateway(make_calendar().to_catalogue())
    response = gateway.staff.get("/staff/book", day=str(TOMORROW))
    assert '<select id="service"' not in response.text
    filled = fill(gateway, service="", practitioner="", site="")
    booking = booked(store, gateway.staff.post("/staff/book", **filled))
    assert (booking.status, booking.choice.service) == ("confirmed", None)
    page = gateway.staff.get(f"/staff/booking/{booking.id}/print")
    assert "Llame a la clínica y dé la referencia." in page.text


# --- the confirmation to print


def test_the_confirmation_is_in_the_language_of_the_patient(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    booking = booked(store, book(staff_gateway, email="eva@example.com"))
    response = staff_gateway.staff.get(f"/staff/booking/{booking.id}/print")
    assert response.status_code == 200
    assert '<html lang="es">' in response.text
    shown = " ".join(re.sub(r"<[^>]+>", " ", response.text.partition("<main")[2]).split())
    for text in (
        "Cita confirmada",
        "Eva Ruiz",
        "10:00 – 10:30",
        "Visita",
        "Ana López",
        "Centro Calle Mayor 1",
        "+34910000001",
        booking.id,
        "Llame al +34910000001 y dé la referencia.",
        "enlace del correo",
    ):
        assert text in shown
    assert "Set-Cookie" not in response.headers


def test_the_confirmation_shows_the_time_of_the_site(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    noon = moment(TOMORROW, "12:00", CANARY)
    fields = {"practitioner": LUIS, "site": NORTE, "date": to_wire(noon), "language": "en"}
    booking = booked(store, book(staff_gateway, **fields))
    text = staff_gateway.staff.get(f"/staff/booking/{booking.id}/print").text
    assert ">12:00<" in text
    assert "Call +34920000002 and give the reference." in text
    assert "confirmation e-mail" not in text


def test_only_a_confirmed_booking_has_a_confirmation(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    booking = put_booking(store)
    response = staff_gateway.staff.get(f"/staff/booking/{booking.id}/print")
    assert response.status_code == 303
    assert response.headers["Location"] == f"/staff/booking/{booking.id}"
    unknown = "00000000-0000-4000-8000-000000000000"
    assert staff_gateway.staff.get(f"/staff/booking/{unknown}/print").status_code == 404
