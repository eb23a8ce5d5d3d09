"""The limit of open bookings per e-mail address, against a real database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from pymongo.database import Database

from clinic.bookings import documents
from clinic.bookings.bootstrap import create_repository
from clinic.bookings.new_bookings import NewBookings
from clinic.bookings.repository import BookingRepository
from clinic.config import settings
from clinic.domain import booking as steps
from clinic.domain.booking import Booking
from clinic.domain.clock import now
from clinic.domain.manage_token import create_credentials
from clinic.errors import IdempotencyKeyUsed, TooManyOpenBookings
from clinic.mongo.quota import QUOTA_KEY, address_hash
from clinic.outbox.outbox import Outbox
from gateway.app import create_app
from gateway.settings import GatewaySettings
from runner.processes.services import ROOT
from tests.bookings import requested
from tests.clinics import confirm_seat, move_to
from tests.contract import CheckingClient
from tests.operations import Operations
from tests.rpc import NO_SERVICE

ANA = "ana@example.com"
LIMIT = 3


@pytest.fixture
def make_store(database: Database[Any]) -> Callable[[int | None], BookingRepository]:
    return lambda max_open: BookingRepository(database, Outbox(database), max_open)


@pytest.fixture
def store(make_store: Callable[[int | None], BookingRepository]) -> BookingRepository:
    return make_store(LIMIT)


def put(store: BookingRepository, address: str = ANA, **fields: Any) -> Booking:
    booking = requested(patient_email=address, **fields)
    store.insert(booking, create_credentials()[1])
    return booking


def confirm(store: BookingRepository, booking: Booking, seat: int = 0) -> Booking:
    store.apply(confirm_seat(booking, seat, at=now(), by="test"))
    return store.get(booking.id)


def is_full(store: BookingRepository, address: str = ANA) -> bool:
    try:
        put(store, address)
    except TooManyOpenBookings:
        return True
    return False


def test_an_address_cannot_exceed_the_limit_of_open_bookings(
    store: BookingRepository, database: Database[Any]
) -> None:
    for _ in range(LIMIT):
        put(store)
    for _ in range(5):
        with pytest.raises(TooManyOpenBookings):
            put(store)
    assert database["bookings"].count_documents({}) == LIMIT
    assert not is_full(store, "other@example.com")


def test_addresses_are_compared_case_insensitively(store: BookingRepository) -> None:
    for address in (ANA, "ANA@example.com", "Ana@Example.com"):
        put(store, address)
    assert is_full(store, "aNA@example.com")
    assert not is_full(store, "ana+1@example.com")


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_a_cancelled_booking_frees_its_quota(store: BookingRepository, is_confirmed: bool) -> None:
    _, _, booking = [put(store) for _ in range(LIMIT)]
    if is_confirmed:
        booking = confirm(store, booking)
    assert is_full(store)
    store.apply(steps.cancel(booking, reason="cancelled_by_patient", at=now(), by="test"))
    assert not is_full(store)
    assert is_full(store)


def test_a_rejected_booking_frees_its_quota(store: BookingRepository) -> None:
    for booking in [put(store) for _ in range(LIMIT)]:
        store.apply(steps.reject(booking, reason="slot_full", at=now(), by="test"))
    for _ in range(LIMIT):
        put(store)
    assert is_full(store)


def test_a_confirmed_or_rescheduled_booking_stays_open(store: BookingRepository) -> None:
    _, _, pending = [put(store) for _ in range(LIMIT)]
    booking = confirm(store, pending)
    assert is_full(store)
    later = booking.date + timedelta(hours=1)
    store.apply(move_to(booking, later, at=now(), by="test"))
    assert is_full(store)


def test_a_past_appointment_frees_its_quota(store: BookingRepository) -> None:
    yesterday = now() - timedelta(days=1)
    confirm(store, put(store, date=yesterday))
    put(store, date=yesterday)  # undecided, so still open
    put(store)
    assert not is_full(store)
    assert is_full(store)


def test_a_concurrently_rescheduled_appointment_keeps_its_quota(
    store: BookingRepository, database: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    over = put(store, date=now() - timedelta(days=1))
    for _ in range(LIMIT - 1):
        put(store)
    over = confirm(store, over)
    release = NewBookings._release

    def reschedule_first(self: NewBookings, ids: Any) -> None:
        monkeypatch.undo()
        tomorrow = now() + timedelta(days=1)
        store.apply(move_to(over, tomorrow, at=now(), by="test"))
        release(self, ids)

    monkeypatch.setattr(NewBookings, "_release", reschedule_first)
    assert is_full(store)
    assert database["bookings"].count_documents({QUOTA_KEY: {"$gt": ""}}) == LIMIT


def test_a_repeated_insert_counts_once(store: BookingRepository, database: Database[Any]) -> None:
    """As when the response to the first insert is lost, whichever quota key the second gets."""
    put(store)
    booking, access = requested(patient_email=ANA), create_credentials()[1]
    for _ in range(30):
        store.insert(booking, access)
    assert database["bookings"].count_documents({}) == 2
    assert not is_full(store)


def test_a_repeated_request_finds_its_booking_at_the_limit(store: BookingRepository) -> None:
    access = create_credentials("a key of the client")[1]
    store.insert(requested(patient_email=ANA), access)
    for _ in range(LIMIT - 1):
        put(store)
    for _ in range(10):
        with pytest.raises(IdempotencyKeyUsed):
            store.insert(requested(patient_email=ANA), create_credentials("a key of the client")[1])


def test_the_limit_can_be_lowered_and_disabled(
    make_store: Callable[[int | None], BookingRepository], database: Database[Any]
) -> None:
    for _ in range(10):
        put(make_store(10))
    assert is_full(make_store(5))
    assert not is_full(make_store(11))
    put(make_store(None))
    assert database["bookings"].count_documents({QUOTA_KEY: {"$exists": False}}) == 1


def test_a_booking_below_the_limit_costs_one_insert(
    counted: Database[Any], operations: Operations
) -> None:
    store = BookingRepository(counted, Outbox(counted), 10)
    put(store, "first@example.com")  # creates the indexes
    operations.clear()
    put(store)
    assert operations.names == ["insert"]


def test_concurrent_processes_do_not_exceed_the_limit(
    mongodb_uri: str, database: Database[Any], store: BookingRepository
) -> None:
    put(store, "first@example.com")  # creates the indexes
    command = [sys.executable, "-m", "tests.book_at_once", mongodb_uri, ANA, "30", "10"]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    stored = [int(each.communicate(timeout=120)[0]) for each in running]
    assert sum(stored) == 10
    assert database["bookings"].count_documents({"patientEmail": ANA}) == 10


# --- HTTP responses


@pytest.fixture
def client(database: Database[Any], mongodb_uri: str) -> FlaskClient:
    nowhere = "amqp://guest:guest@127.0.0.1:1/"
    config = {"AMQP_URI": nowhere, "MONGODB_CONNECTION_URL": mongodb_uri, "MAX_OPEN_BOOKINGS": 3}
    parts = create_repository(database, settings(config))
    app = create_app(*parts, GatewaySettings(), NO_SERVICE, NO_SERVICE)
    app.test_client_class = CheckingClient
    return app.test_client()


def book(client: FlaskClient, **headers: str) -> Any:
    fields = {"patientName": "Ana", "patientEmail": ANA, "date": "2026-12-01T10:00:00Z"}
    return client.post("/book", json=fields, headers=headers)


def test_the_api_returns_a_specific_problem_code(client: FlaskClient) -> None:
    assert [book(client).status_code for _ in range(4)] == [201, 201, 201, 409]
    assert book(client).get_json()["code"] == "too_many_open_bookings"


@pytest.mark.parametrize(
    ("language", "text"),
    [("es", "Demasiadas citas con este correo"), ("en", "Too many appointments")],
)
def test_the_form_shows_the_error_and_keeps_the_input(
    client: FlaskClient, language: str, text: str
) -> None:
    for _ in range(LIMIT):
        book(client)
    typed = {"name": "Ana López", "email": ANA, "date": "2026-12-01T10:00:00Z"}
    response = client.post("/", data=typed, headers={"Accept-Language": language})
    assert response.status_code == 409
    assert text in response.text
    assert "Ana López" in response.text


def test_a_repeated_idempotency_key_at_the_limit_gets_the_same_response(
    client: FlaskClient,
) -> None:
    first = book(client, **{"Idempotency-Key": "0123456789abcdef"})
    for _ in range(3):
        book(client)
    again = book(client, **{"Idempotency-Key": "0123456789abcdef"})
    assert (again.status_code, again.data) == (201, first.data)


def test_responses_and_messages_do_not_contain_the_address_hash(
    client: FlaskClient, database: Database[Any]
) -> None:
    response = book(client)
    found: Any = database["bookings"].find_one()
    holder = address_hash(ANA)
    assert found[QUOTA_KEY].startswith(f"{holder}/")
    assert holder not in repr(found["outbox"])
    read = client.get(response.headers["Location"])
    for text in (response.text, read.text, repr(documents.booking_from_document(found))):
        assert holder not in text
        assert QUOTA_KEY not in text
