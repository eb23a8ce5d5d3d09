"""The staff page of a booking of a clinic with a catalogue, without a browser."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from clinic.bookings.repository import BookingRepository
from clinic.domain.booking import Booking, Choice
from clinic.domain.clock import to_wire
from tests.bookings import put_booking
from tests.health_centre import ANA, CANARY, CENTRO, LUIS, NORTE, TOMORROW, VISIT, moment
from tests.integration.staff_fixtures import (
    StaffGateway,
    make_staff_gateway,
    relayed,
    staff_gateway,
    store,
)
from tests.integration.test_pages import elements

__all__ = ["make_staff_gateway", "relayed", "staff_gateway", "store"]

TEN = moment(TOMORROW, "10:00")
DAY_AFTER = TOMORROW + timedelta(days=1)


@pytest.fixture
def booking(staff_gateway: StaffGateway, store: BookingRepository) -> Booking:
    """Eva's visit with Ana tomorrow at ten."""
    requested = {
        "patientName": "Eva Ruiz",
        "patientEmail": "eva@example.com",
        "date": to_wire(TEN),
        "service": VISIT,
        "practitioner": ANA,
        "site": CENTRO,
    }
    call = staff_gateway.service.call
    return store.get(call("book_by_phone", until=0, booking=requested, by="staff")["id"])


def main_of(response: TestResponse) -> str:
    text = response.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def offered(response: TestResponse) -> list[str | None]:
    fields = elements(response, "input")
    return [each["value"] for each in fields if each.get("name") == "date"]


def test_the_page_names_service_practitioner_site_and_end(
    staff_gateway: StaffGateway, booking: Booking
) -> None:
    shown = main_of(staff_gateway.staff.get(f"/staff/booking/{booking.id}"))
    for text in (
        "10:00 – 10:30",
        "Service Visit",
        "Practitioner Ana López",
        "Location Centre",
        "eva@example.com",
        "Appointment confirmed Ana López · Centre",
    ):
        assert text in shown


def test_a_pending_request_says_what_the_patient_left_open(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    pending = put_booking(store, date=TEN, choice=Choice(VISIT))
    shown = main_of(staff_gateway.staff.get(f"/staff/booking/{pending.id}"))
    assert "Practitioner First available" in shown
    assert "Location Any location" in shown


def test_an_item_that_was_deleted_is_shown_by_its_id(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    old = put_booking(store, date=TEN, choice=Choice("x-ray", "ada-diaz", "sur"))
    shown = main_of(staff_gateway.staff.get(f"/staff/booking/{old.id}"))
    for text in ("x-ray", "ada-diaz", "sur"):
        assert text in shown


def test_times_to_move_to_are_those_of_the_same_practitioner(
    staff_gateway: StaffGateway, booking: Booking
) -> None:
    response = staff_gateway.staff.get(f"/staff/booking/{booking.id}", move=str(DAY_AFTER))
    assert offered(response)[0] == to_wire(moment(DAY_AFTER, "09:00"))
    assert "Visit · Ana López · Centre" in response.text
    path = f"/staff/booking/{booking.id}/reschedule"
    later = moment(DAY_AFTER, "12:00")
    response = staff_gateway.staff.post(path, date=to_wire(later))
    assert response.status_code == 303
    shown = main_of(staff_gateway.staff.get(f"/staff/booking/{booking.id}"))
    assert "12:00 – 12:30" in shown
    assert "Practitioner Ana López" in shown


def test_staff_move_an_appointment_to_another_practitioner(
    staff_gateway: StaffGateway, store: BookingRepository, booking: Booking
) -> None:
    page = f"/staff/booking/{booking.id}"
    response = staff_gateway.staff.get(page, move=str(TOMORROW), practitioner=LUIS)
    first = moment(TOMORROW, "10:00", CANARY)
    assert offered(response)[0] == to_wire(first)
    assert "Visit · Luis Vega · North" in response.text
    (kept,) = (each for each in elements(response, "input") if each.get("name") == "practitioner")
    sent = {"date": to_wire(first), "practitioner": kept["value"]}
    assert staff_gateway.staff.post(f"{page}/reschedule", **sent).status_code == 303
    moved = store.get(booking.id)
    assert (moved.date, moved.choice) == (first, Choice(VISIT, LUIS, NORTE))
    assert "10:00 – 10:30" in main_of(staff_gateway.staff.get(page))  # in the time of the site


@pytest.mark.parametrize("practitioner", ["nobody", "sala-1", "A b", "x" * 300])
def test_an_unknown_practitioner_moves_nothing(
    staff_gateway: StaffGateway, store: BookingRepository, booking: Booking, practitioner: str
) -> None:
    page = f"/staff/booking/{booking.id}"
    assert (
        staff_gateway.staff.get(page, move=str(TOMORROW), practitioner=practitioner).status_code
        == 200
    )
    sent = {"date": to_wire(moment(DAY_AFTER, "12:00")), "practitioner": practitioner}
    assert staff_gateway.staff.post(f"{page}/reschedule", **sent).status_code == 400
    assert store.get(booking.id) == booking


def test_a_time_at_which_the_other_practitioner_does_not_work_is_refused(
    staff_gateway: StaffGateway, store: BookingRepository, booking: Booking
) -> None:
    page = f"/staff/booking/{booking.id}"
    staff_gateway.staff.get(page)
    sent = {"date": to_wire(moment(DAY_AFTER, "20:00")), "practitioner": LUIS}
    response = staff_gateway.staff.post(f"{page}/reschedule", **sent)
    assert response.status_code == 409
    assert store.get(booking.id) == booking


@pytest.mark.parametrize("action", ["cancel", "reschedule", "resend"])
def test_a_page_with_an_error_leads_to_the_booking_in_the_other_language(
    staff_gateway: StaffGateway, booking: Booking, action: str
) -> None:
    page = f"/staff/booking/{booking.id}"
    staff_gateway.staff.get(page)
    failed = staff_gateway.staff.post(f"{page}/{action}")
    assert failed.status_code == 400
    (link,) = (each for each in elements(failed, "a") if "data-translation" in each)
    assert link["href"] == f"{page}?lang=es"
    assert "Eva Ruiz" in staff_gateway.staff.get(page, lang="es").text
