"""Free slots, cancelling and rescheduling over HTTP, with the real service behind RPC."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from pymongo.database import Database
from werkzeug.test import TestResponse

from booking_service.change import BookingChanges
from booking_service.service import BookingService
from clinic.bookings.bootstrap import create_repository
from clinic.bookings.repository import BookingRepository
from clinic.config import settings
from clinic.contracts.booking_json import booking_to_json
from clinic.domain.booking import Booking
from clinic.domain.clock import now, to_wire
from clinic.domain.manage_link import link_code
from clinic.domain.manage_token import create_credentials
from clinic.outbox.relay import Relay
from clinic.rpc.rpc_client import RpcPool
from gateway.app import create_app
from gateway.settings import GatewaySettings
from tests.bookings import requested
from tests.clinics import confirm_seat
from tests.rpc import NO_SERVICE

#: Noon of a day on which the default calendar is open.
TOMORROW = (now() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
LATER = TOMORROW + timedelta(days=1)
STAFF = {"Authorization": "Bearer staff-key"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"
CALLS = ["cancel", "reschedule"]

Ask = Callable[..., TestResponse]


@pytest.fixture
def relayed(database: Database[Any], config: dict[str, Any]) -> tuple[BookingRepository, Relay]:
    return create_repository(database, settings(config))


@pytest.fixture
def store(relayed: tuple[BookingRepository, Relay]) -> BookingRepository:
    return relayed[0]


@pytest.fixture
def client(
    relayed: tuple[BookingRepository, Relay],
    config: dict[str, Any],
    amqp_uri: str,
    container_factory: Any,
) -> Iterator[FlaskClient]:
    container = container_factory(BookingService, config)
    container.start()
    pool = RpcPool(amqp_uri)
    own = GatewaySettings(staff_api_keys=frozenset({"staff-key"}))
    yield create_app(*relayed, own, pool, NO_SERVICE).test_client()
    pool.close()
    container.stop()


@pytest.fixture
def brokerless_client(relayed: tuple[BookingRepository, Relay]) -> FlaskClient:
    """A gateway whose broker is down and that has no staff keys."""
    return create_app(*relayed, GatewaySettings(), NO_SERVICE, NO_SERVICE).test_client()


@pytest.fixture
def confirmed_booking(store: BookingRepository) -> tuple[Booking, dict[str, str]]:
    """A confirmed booking and the headers that authorize its patient."""
    return confirmed(store)


def confirmed(store: BookingRepository, **fields: Any) -> tuple[Booking, dict[str, str]]:
    booking = requested(**{"date": TOMORROW} | fields)
    token, access = create_credentials()
    store.insert(booking, access)
    store.apply(confirm_seat(booking, at=now(), by="test"))
    return store.get(booking.id), {"Authorization": f"Bearer {token}"}


def cancel(client: FlaskClient, booking_id: str, headers: Any = None, **body: Any) -> TestResponse:
    return client.post(f"/booking/{booking_id}/cancel", headers=headers, **body)


def reschedule(
    client: FlaskClient, booking_id: str, headers: Any = None, date: Any = LATER
) -> TestResponse:
    body = {"date": date if isinstance(date, str) else to_wire(date)}
    return client.post(f"/booking/{booking_id}/reschedule", headers=headers, json=body)


def problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.data
    assert response.mimetype == "application/problem+json"
    body: dict[str, Any] = json.loads(response.data)
    assert (body["status"], body["code"]) == (status, code)
    return body


def test_the_free_slots_of_a_day_are_an_array_in_utc(
    client: FlaskClient, store: BookingRepository
) -> None:
    path = f"/slots?date={TOMORROW.date()}"
    before = client.get(path).get_json()
    confirmed(store)
    after = client.get(path).get_json()
    assert before[:2] == [f"{TOMORROW.date()}T08:00:00Z", f"{TOMORROW.date()}T08:30:00Z"]
    assert set(before) - set(after) == {to_wire(TOMORROW)}


def test_a_past_day_has_no_free_slots(client: FlaskClient) -> None:
    response = client.get("/slots?date=2023-12-01")
    assert (response.status_code, response.get_json()) == (200, [])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "date"),
        ("?date=", "date"),
        ("?date=tomorrow", "date"),
        ("?date=2026-13-01", "date"),
        ("?date=2026-12-01&date=2026-12-02", "date"),
        ("?date=2026-12-01&seat=1", "seat"),
    ],
)
def test_an_invalid_day_is_rejected_without_an_rpc_call(
    brokerless_client: FlaskClient, query: str, field: str
) -> None:
    body = problem(brokerless_client.get(f"/slots{query}"), 400, "invalid_request")
    assert list(body["errors"]) == [field]


@pytest.mark.parametrize("body", [{}, {"json": {}}, {"data": "", "content_type": "text/plain"}])
def test_a_patient_can_cancel_a_booking(
    client: FlaskClient, store: BookingRepository, confirmed_booking: Any, body: dict[str, Any]
) -> None:
    booking, token = confirmed_booking
    response = cancel(client, booking.id, token, **body)
    assert response.status_code == 200
    assert response.get_json() == booking_to_json(store.get(booking.id))
    assert response.get_json()["reason"] == "cancelled_by_patient"
    assert store.get(booking.id).history[-1].by == "patient"
    assert "manageToken" not in response.get_json()


LINK_SECRET, OLD_SECRET = "a secret of the clinic", "one that was before"


@pytest.fixture
def linked_client(relayed: tuple[BookingRepository, Relay]) -> FlaskClient:
    """A gateway that accepts link codes and has no booking service."""
    own = GatewaySettings(link_secrets=(LINK_SECRET, OLD_SECRET))
    return create_app(*relayed, own, NO_SERVICE, NO_SERVICE).test_client()


def with_code(store: BookingRepository, booking: Booking, secret: str) -> dict[str, str]:
    code = link_code(secret, booking.id, store.access(booking.id).salt)
    return {"Authorization": f"Bearer {code}"}


@pytest.mark.parametrize("secret", [LINK_SECRET, OLD_SECRET])
def test_a_link_code_authorizes_changes_to_its_booking(
    linked_client: FlaskClient, store: BookingRepository, confirmed_booking: Any, secret: str
) -> None:
    booking, token = confirmed_booking
    for headers in (with_code(store, booking, secret), token):
        problem(cancel(linked_client, booking.id, headers), 503, "service_unavailable")
        problem(cancel(linked_client, booking.id.upper(), headers), 503, "service_unavailable")


def test_a_link_code_is_rejected_for_another_booking(
    linked_client: FlaskClient, store: BookingRepository, confirmed_booking: Any
) -> None:
    other, _ = confirmed(store, date=LATER)
    headers = with_code(store, other, LINK_SECRET)
    problem(cancel(linked_client, confirmed_booking[0].id, headers), 403, "forbidden")


@pytest.mark.parametrize("secret", ["a secret of somebody", ""])
def test_a_link_code_of_another_secret_is_rejected(
    linked_client: FlaskClient, store: BookingRepository, confirmed_booking: Any, secret: str
) -> None:
    booking, _ = confirmed_booking
    known = cancel(linked_client, booking.id, with_code(store, booking, secret))
    unknown = cancel(linked_client, str(uuid.uuid4()), with_code(store, booking, LINK_SECRET))
    assert problem(known, 403, "forbidden") == problem(unknown, 403, "forbidden")


def test_link_codes_are_rejected_when_no_secret_is_configured(
    client: FlaskClient, store: BookingRepository, confirmed_booking: Any
) -> None:
    booking, _ = confirmed_booking
    problem(cancel(client, booking.id, with_code(store, booking, "")), 403, "forbidden")


def test_an_uppercase_id_reschedules_and_cancels_its_booking(
    client: FlaskClient, store: BookingRepository, confirmed_booking: Any
) -> None:
    booking, token = confirmed_booking
    assert reschedule(client, booking.id.upper(), token).get_json()["id"] == booking.id
    assert cancel(client, booking.id.upper(), token).get_json()["status"] == "cancelled"


def test_a_cancellation_by_staff_is_recorded_as_by_the_clinic(
    client: FlaskClient, store: BookingRepository, confirmed_booking: Any
) -> None:
    booking, _ = confirmed_booking
    assert cancel(client, booking.id, STAFF).get_json()["reason"] == "cancelled_by_clinic"
    assert store.get(booking.id).history[-1].by == "staff"


def test_a_pending_booking_can_be_cancelled(client: FlaskClient, store: BookingRepository) -> None:
    booking, (token, access) = requested(date=TOMORROW), create_credentials()
    store.insert(booking, access)
    response = cancel(client, booking.id, {"Authorization": f"bearer {token}"})
    assert (response.status_code, response.get_json()["status"]) == (200, "cancelled")


def test_repeated_cancellation_returns_the_same_response(
    client: FlaskClient, confirmed_booking: Any
) -> None:
    booking, token = confirmed_booking
    responses = [cancel(client, booking.id, token) for _ in range(3)]
    assert {response.status_code for response in responses} == {200}
    assert len({response.data for response in responses}) == 1


def test_staff_cannot_cancel_a_booking_the_patient_has_cancelled(
    client: FlaskClient, confirmed_booking: Any
) -> None:
    booking, token = confirmed_booking
    cancel(client, booking.id, token)
    problem(cancel(client, booking.id, STAFF), 409, "illegal_transition")


def test_a_booking_can_be_rescheduled_by_patient_and_staff(
    client: FlaskClient, store: BookingRepository, confirmed_booking: Any
) -> None:
    booking, token = confirmed_booking
    response = reschedule(client, booking.id, token)
    assert response.status_code == 200
    assert response.get_json() == booking_to_json(store.get(booking.id))
    assert (response.get_json()["date"], response.get_json()["version"]) == (to_wire(LATER), 3)
    assert reschedule(client, booking.id, token).data == response.data
    assert reschedule(client, booking.id, STAFF, TOMORROW).status_code == 200
    assert [row.by for row in store.get(booking.id).history[2:]] == ["patient", "staff"]


def test_a_booking_can_be_rescheduled_to_a_date_with_any_offset(
    client: FlaskClient, confirmed_booking: Any
) -> None:
    booking, token = confirmed_booking
    local = LATER.isoformat().replace("T12:00:00+00:00", "T14:00:00+02:00")
    assert reschedule(client, booking.id, token, local).get_json()["date"] == to_wire(LATER)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (None, "No quedan plazas a esa hora."),
        ("en", "There are no places left at that time."),
    ],
)
def test_rescheduling_to_a_full_slot_is_a_conflict_with_its_reason(
    client: FlaskClient,
    store: BookingRepository,
    confirmed_booking: Any,
    language: str | None,
    text: str,
) -> None:
    booking, token = confirmed_booking
    confirmed(store, date=LATER)
    headers = token | ({"Accept-Language": language} if language else {})
    body = problem(reschedule(client, booking.id, headers), 409, "date_not_available")
    assert (body["reason"], body["reasonText"]) == ("slot_full", text)
    assert store.get(booking.id) == booking


def test_rescheduling_to_a_past_date_is_a_conflict(
    client: FlaskClient, confirmed_booking: Any
) -> None:
    booking, token = confirmed_booking
    body = problem(
        reschedule(client, booking.id, token, "2023-12-01T10:00:00Z"), 409, "date_not_available"
    )
    assert body["reason"] == "past"


def test_a_pending_booking_cannot_be_rescheduled(
    client: FlaskClient, store: BookingRepository
) -> None:
    booking, (token, access) = requested(date=TOMORROW), create_credentials()
    store.insert(booking, access)
    response = reschedule(client, booking.id, {"Authorization": f"Bearer {token}"})
    problem(response, 409, "illegal_transition")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic dTpw", "token"])
def test_a_change_without_a_token_returns_401(
    brokerless_client: FlaskClient, confirmed_booking: Any, call: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = brokerless_client.post(f"/booking/{confirmed_booking[0].id}/{call}", headers=headers)
    problem(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("token", ["wrong", "ñ", "staff-key"])
def test_a_wrong_token_and_an_unknown_booking_return_the_same_problem(
    brokerless_client: FlaskClient,
    confirmed_booking: Any,
    store: BookingRepository,
    call: str,
    token: str,
) -> None:
    """Without staff keys no token is one, and the token of another booking is not valid."""
    headers = {"Authorization": f"Bearer {token}".encode().decode("latin-1")}
    ids = (confirmed_booking[0].id, UNKNOWN, "nobody", "{}")
    responses = [brokerless_client.post(f"/booking/{each}/{call}", headers=headers) for each in ids]
    responses.append(
        brokerless_client.post(f"/booking/{UNKNOWN}/{call}", headers=confirmed_booking[1])
    )
    problem(responses[0], 403, "forbidden")
    assert {(response.status_code, response.data) for response in responses} == {
        (403, responses[0].data)
    }
    assert store.get(confirmed_booking[0].id) == confirmed_booking[0]


def test_a_token_authorizes_only_its_own_booking(
    brokerless_client: FlaskClient, store: BookingRepository, confirmed_booking: Any
) -> None:
    _, other = confirmed(store, date=LATER)
    problem(cancel(brokerless_client, confirmed_booking[0].id, other), 403, "forbidden")


@pytest.mark.parametrize("call", CALLS)
def test_an_unknown_booking_is_not_found_for_staff(client: FlaskClient, call: str) -> None:
    response = client.post(f"/booking/{UNKNOWN}/{call}", headers=STAFF, json={"date": "x"})
    problem(response, 404, "booking_not_found")


@pytest.mark.parametrize(
    ("call", "body", "status", "code"),
    [
        ("cancel", {"json": {"reason": "cancelled_by_clinic"}}, 400, "invalid_request"),
        ("cancel", {"json": []}, 400, "invalid_request"),
        ("cancel", {"data": "{", "content_type": "application/json"}, 400, "malformed_json"),
        ("cancel", {"data": "a=b"}, 415, "unsupported_media_type"),
        ("reschedule", {"json": {}}, 400, "invalid_request"),
        ("reschedule", {"json": {"date": "2026-12-01"}}, 400, "invalid_request"),
        (
            "reschedule",
            {"json": {"date": "2026-12-01T10:00:00Z", "seat": 1}},
            400,
            "invalid_request",
        ),
        ("reschedule", {"data": ""}, 415, "unsupported_media_type"),
    ],
)
def test_an_invalid_body_is_rejected_without_an_rpc_call(
    brokerless_client: FlaskClient,
    confirmed_booking: Any,
    call: str,
    body: Any,
    status: int,
    code: str,
) -> None:
    booking, token = confirmed_booking
    response = brokerless_client.post(f"/booking/{booking.id}/{call}", headers=token, **body)
    problem(response, status, code)


def test_reads_work_while_the_booking_service_is_down(
    brokerless_client: FlaskClient, store: BookingRepository, confirmed_booking: Any
) -> None:
    booking, token = confirmed_booking
    before = time.monotonic()
    for response in (
        cancel(brokerless_client, booking.id, token),
        reschedule(brokerless_client, booking.id, token),
        brokerless_client.get("/slots?date=2026-12-01"),
    ):
        problem(response, 503, "service_unavailable")
        assert response.headers["Retry-After"] == "5"
        # The breaker guards only the database, and stays closed.
        assert brokerless_client.get(f"/booking/{booking.id}").status_code == 200
    assert time.monotonic() - before < 10
    assert store.get(booking.id) == booking


def test_repeating_a_change_whose_response_was_lost_is_safe(
    client: FlaskClient,
    store: BookingRepository,
    confirmed_booking: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The change is made, but its response comes after the timeout."""
    booking, token = confirmed_booking
    for name in ("reschedule", "cancel"):
        _delay_response(monkeypatch, name)
    problem(reschedule(client, booking.id, token), 503, "service_unavailable")
    problem(cancel(client, booking.id, token), 503, "service_unavailable")
    monkeypatch.undo()
    response = cancel(client, booking.id, token)
    assert (response.status_code, response.get_json()["date"]) == (200, to_wire(LATER))
    assert store.get(booking.id).version == 4


def _delay_response(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    change = getattr(BookingChanges, name)

    def change_and_wait(*arguments: Any) -> Booking:
        booking: Booking = change(*arguments)
        time.sleep(4)
        return booking

    monkeypatch.setattr(BookingChanges, name, change_and_wait)
