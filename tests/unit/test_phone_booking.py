"""How staff book for a patient on the phone, with everything around the use case in memory."""

from __future__ import annotations

from typing import Any

import pytest
from nameko.testing.services import worker_factory

from booking_service.service import BookingService
from clinic.domain.booking import Status
from clinic.domain.clock import to_wire
from clinic.errors import InvalidBooking, SlotUnavailable
from tests.clinics import allocator_of, make_catalogue, make_schedule
from tests.fakes import FakeBookings
from tests.unit.test_allocator import NINE, STAFF

EVA = {"patientName": "Eva Gil", "patientPhone": "600 70 08 00", "date": to_wire(NINE)}


def book(bookings: FakeBookings, request: dict[str, Any] = EVA, **fields: Any) -> Any:
    catalogue = fields.pop("catalogue", make_catalogue(STAFF))
    service = worker_factory(
        BookingService,
        bookings=bookings,
        allocator_of=allocator_of(bookings, catalogue),
        dispatch=bookings.dispatch,
    )
    return service.book_by_phone(request, **fields)


def test_a_booking_by_phone_is_confirmed_at_once_with_its_event() -> None:
    bookings = FakeBookings()
    booked = book(bookings, by="staff", key_id="00ff00ff")
    assert (booked["status"], booked["version"]) == ("confirmed", 2)
    assert (booked["patientPhone"], booked["patientEmail"]) == ("600700800", None)
    (event,) = bookings.events
    assert (event.status, event.previous_status) == (Status.CONFIRMED, Status.PENDING)
    entry = bookings.by_id[booked["id"]].history[-1]
    assert (entry.by, entry.key_id) == ("staff", "00ff00ff")


def test_what_is_not_free_stores_nothing() -> None:
    bookings = FakeBookings()
    chosen = EVA | {"practitioner": "ana"}
    book(bookings, chosen)
    with pytest.raises(SlotUnavailable, match=r"^slot_full$"):
        book(bookings, chosen)
    with pytest.raises(SlotUnavailable, match=r"^past$"):
        book(bookings, EVA | {"date": "2020-01-01T10:00:00Z"})
    assert len(bookings.by_id) == len(bookings.events) == 1


def test_overbooking_is_asked_for_and_bounded() -> None:
    bookings = FakeBookings()
    one = make_catalogue([make_schedule("ana", overbook=1)])
    book(bookings, catalogue=one)
    with pytest.raises(SlotUnavailable):
        book(bookings, catalogue=one)
    assert book(bookings, catalogue=one, overbook=True)["practitioner"] == "ana"
    with pytest.raises(SlotUnavailable):
        book(bookings, catalogue=one, overbook=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"patientPhone": None},
        {"patientPhone": "12345"},
        {"patientPhone": "600700800 ext 5"},
        {"patientPhone": 600700800},
        {"patientPhone": "9" * 500},
        {"patientEmail": "nobody"},
        {"patientName": " "},
        {"service": "no-such"},
        {"date": "tomorrow"},
        {"seat": 3},
    ],
)
def test_wrong_input_is_refused(wrong: dict[str, Any]) -> None:
    bookings = FakeBookings()
    with pytest.raises(InvalidBooking):
        book(bookings, EVA | wrong)
    assert bookings.by_id == {}


@pytest.mark.parametrize("actor", [{"by": "nobody"}, {"by": "staff", "key_id": "x"}])
def test_unknown_actors_are_refused(actor: dict[str, str]) -> None:
    with pytest.raises(InvalidBooking):
        book(FakeBookings(), **actor)


@pytest.mark.parametrize("phone", ["+34 600 70 08 00", "(600) 700-800", "600.700.800"])
def test_phone_numbers_are_stored_without_separators(phone: str) -> None:
    booked = book(FakeBookings(), EVA | {"patientPhone": phone})
    assert booked["patientPhone"].lstrip("+").isdigit()
