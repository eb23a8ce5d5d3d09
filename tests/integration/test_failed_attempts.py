"""The rate limit of wrong credentials per client, on every endpoint that accepts them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from flask.testing import FlaskClient
from pymongo.database import Database
from werkzeug.test import TestResponse

from clinic.bookings.repository import BookingRepository
from clinic.domain.booking import Booking
from clinic.domain.manage_link import link_code
from clinic.domain.manage_token import create_credentials
from clinic.mongo.quota import address_hash
from clinic.outbox.outbox import Outbox
from clinic.outbox.relay import Relay
from gateway.app import create_app
from gateway.limits.failed_attempts import FailedAttempts
from gateway.settings import GatewaySettings
from tests.bookings import requested
from tests.conftest import eventually
from tests.rpc import NO_SERVICE

KEY = "a staff key of the clinic"
SECRET = "a link secret of the clinic"
LIMIT = 3


@pytest.fixture
def store(database: Database[Any]) -> BookingRepository:
    return BookingRepository(database, Outbox(database))


@pytest.fixture
def client(store: BookingRepository) -> FlaskClient:
    own = GatewaySettings(
        staff_api_keys=frozenset({KEY}),
        failed_attempts_limit=f"{LIMIT}/hour",
        trusted_proxies=1,
        link_secrets=(SECRET,),
    )
    relay: Relay = None  # type: ignore[assignment]
    return create_app(store, relay, own, NO_SERVICE, NO_SERVICE).test_client()


@pytest.fixture
def booked(store: BookingRepository) -> tuple[Booking, str, str]:
    """A booking with its management token and its link code."""
    booking, (token, access) = requested(), create_credentials()
    store.insert(booking, access)
    return booking, token, link_code(SECRET, booking.id, access.salt)


Send = Callable[[FlaskClient, str, str], TestResponse]


def headers(address: str, token: str = "") -> dict[str, str]:
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    return {"X-Forwarded-For": address} | bearer


def read_list(client: FlaskClient, token: str, address: str = "192.0.2.1") -> TestResponse:
    return client.get("/bookings/", headers=headers(address, token))


def sign_in(client: FlaskClient, key: str, address: str = "192.0.2.1") -> TestResponse:
    form = client.get("/staff/login", headers=headers(address)).text
    found = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert found
    data = {"csrf_token": found[1], "key": key}
    return client.post("/staff/login", data=data, headers=headers(address))


def exhaust(client: FlaskClient, address: str = "192.0.2.1") -> None:
    while read_list(client, "wrong", address).status_code != 429:
        pass


def test_wrong_keys_are_rate_limited_with_429(client: FlaskClient) -> None:
    responses = [read_list(client, f"wrong-{number}") for number in range(500)]
    assert [each.status_code for each in responses] == [401] * LIMIT + [429] * (500 - LIMIT)
    assert responses[-1].get_json()["code"] == "too_many_requests"
    assert 0 < int(responses[-1].headers["Retry-After"]) <= 3600


def test_a_valid_key_is_accepted_from_a_rate_limited_address(client: FlaskClient) -> None:
    exhaust(client)
    assert read_list(client, KEY).status_code == 200
    assert client.get("/metrics", headers=headers("192.0.2.1", KEY)).status_code == 200
    assert sign_in(client, KEY).status_code == 303
    assert read_list(client, "wrong").status_code == 429


def test_a_valid_token_and_link_code_are_accepted_from_a_rate_limited_address(
    client: FlaskClient, booked: tuple[Booking, str, str]
) -> None:
    exhaust(client)
    booking, *credentials = booked
    for token in credentials:
        response = client.get(f"/booking/{booking.id}", headers=headers("192.0.2.1", token))
        assert response.get_json()["patientEmail"] == booking.patient_email


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(lambda c, _: read_list(c, "wrong"), id="list"),
        pytest.param(
            lambda c, _: c.get("/metrics", headers=headers("192.0.2.1", "x")), id="metrics"
        ),
        pytest.param(
            lambda c, i: c.get(f"/booking/{i}", headers=headers("192.0.2.1", "x")), id="read"
        ),
        pytest.param(
            lambda c, i: c.post(f"/booking/{i}/cancel", headers=headers("192.0.2.1", "x")),
            id="cancel",
        ),
        pytest.param(
            lambda c, i: c.post(f"/booking/{i}/reschedule", headers=headers("192.0.2.1", "x")),
            id="reschedule",
        ),
        pytest.param(
            lambda c, i: c.post(
                f"/cita/{i}/cancel", data={"code": "x"}, headers=headers("192.0.2.1")
            ),
            id="cancelling page",
        ),
        pytest.param(
            lambda c, i: c.post(
                f"/cita/{i}/reschedule",
                data={"code": "x", "date": "2030-01-01T10:00:00Z"},
                headers=headers("192.0.2.1"),
            ),
            id="rescheduling page",
        ),
        pytest.param(lambda c, _: sign_in(c, "wrong"), id="sign-in"),
    ],
)
def test_every_endpoint_that_accepts_credentials_counts_failures(
    client: FlaskClient,
    booked: tuple[Booking, str, str],
    attempt: Callable[[FlaskClient, str], TestResponse],
) -> None:
    booking_id = booked[0].id
    first = [attempt(client, booking_id).status_code for _ in range(LIMIT)]
    assert set(first) <= {401, 403}
    assert attempt(client, booking_id).status_code == 429
    assert read_list(client, "wrong").status_code == 429  # all share one count


def test_an_ipv6_network_counts_as_one_client_and_others_are_not_affected(
    client: FlaskClient,
) -> None:
    for number in range(LIMIT):
        read_list(client, "wrong", f"[2001:db8:1:1::{number:x}]:5000{number}")
    assert read_list(client, "wrong", "2001:db8:1:1::ffff").status_code == 429
    assert read_list(client, "wrong", "2001:db8:1:2::1").status_code == 401
    assert read_list(client, "wrong", "192.0.2.1:50000").status_code == 401


def test_a_request_without_credentials_is_not_counted_as_an_attempt(client: FlaskClient) -> None:
    for _ in range(LIMIT + 1):
        client.get("/bookings/", headers=headers("192.0.2.1"))
    assert read_list(client, "wrong").status_code == 401


def test_the_log_does_not_grow_with_rate_limited_attempts(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(100):
        read_list(client, "wrong")
    events = [getattr(each, "event", "") for each in caplog.records]
    assert events.count("credential_rejected") == LIMIT
    assert events.count("rate_limited") == 1


def test_expired_counts_are_removed() -> None:
    attempts = FailedAttempts("5/second")
    for number in range(2000):
        attempts.count(f"client-{number}")
    storage: Any = attempts._counts.storage

    others = count()

    def is_removed() -> bool:
        attempts.count(f"other-{next(others)}")  # each new client triggers the cleanup
        return len(storage.storage) < 200

    eventually(is_removed)


def test_a_link_code_confirms_the_email_address_and_the_token_does_not(
    client: FlaskClient, booked: tuple[Booking, str, str], database: Database[Any]
) -> None:
    booking, token, code = booked
    confirmed = database["confirmed_addresses"]
    client.get(f"/booking/{booking.id}", headers=headers("192.0.2.1", token))
    client.get(f"/booking/{booking.id}", headers=headers("192.0.2.1", "wrong"))
    assert confirmed.count_documents({}) == 0
    for _ in range(2):
        client.get(f"/booking/{booking.id}", headers=headers("192.0.2.1", code))
    assert [each["_id"] for each in confirmed.find()] == [address_hash(booking.patient_email)]
