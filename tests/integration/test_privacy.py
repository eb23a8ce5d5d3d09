"""Which HTTP clients see names and addresses of patients, and which only the state of a booking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from pymongo.database import Database
from werkzeug.test import TestResponse

from clinic.bookings.bootstrap import create_repository
from clinic.bookings.repository import BookingRepository
from clinic.config import settings
from clinic.domain.booking import Booking
from clinic.domain.manage_link import link_code
from clinic.domain.manage_token import create_credentials
from clinic.outbox.relay import Relay
from gateway.app import create_app
from gateway.settings import GatewaySettings
from tests.bookings import requested
from tests.rpc import NO_SERVICE

NAME, ADDRESS = "Canario Azul", "azul@jaula.example"
CHOSEN, GENERATED = "a key that was chosen", "a key of this machine"
LINK_SECRET = "a secret of the clinic"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
PUBLIC = {
    "id",
    "status",
    "reason",
    "reasonText",
    "date",
    "language",
    "version",
    "createdAt",
    "updatedAt",
    "attention",
}
PERSONAL = {"patientName", "patientEmail"}
LISTS = ["/bookings", "/bookings/"]
#: Invalid credentials.
WRONG = ["Bearer", "Bearer ", "Bearer x", f"Bearer {CHOSEN}x", "Bearer ñ", "bearer " + "x" * 9000]


@pytest.fixture
def relayed(database: Database[Any], mongodb_uri: str) -> tuple[BookingRepository, Relay]:
    """A repository whose relay is not started; its broker is unreachable."""
    uris = {"AMQP_URI": "amqp://guest@127.0.0.1:1/", "MONGODB_CONNECTION_URL": mongodb_uri}
    return create_repository(database, settings(uris))


@pytest.fixture
def make_client(relayed: tuple[BookingRepository, Relay]) -> Callable[..., FlaskClient]:
    def make(**fields: Any) -> FlaskClient:
        own = GatewaySettings(link_secrets=(LINK_SECRET,), **fields)
        return create_app(*relayed, own, NO_SERVICE, NO_SERVICE).test_client()

    return make


@pytest.fixture
def client(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    """A gateway with a generated staff key, as `make run` and Compose start it by default."""
    return make_client(generated_staff_keys=frozenset({GENERATED}))


@pytest.fixture
def credentials(relayed: tuple[BookingRepository, Relay]) -> tuple[Booking, dict[str, str]]:
    """A booking and its valid credentials."""
    booking = requested(patient_name=NAME, patient_email=ADDRESS)
    token, access = create_credentials()
    relayed[0].insert(booking, access)
    code = link_code(LINK_SECRET, booking.id, access.salt)
    return booking, {"token": token, "link code": code, "staff key": GENERATED}


def get(client: FlaskClient, path: str, credential: str | None = None) -> TestResponse:
    headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
    return client.get(path, headers=headers)


def test_a_booking_is_public_without_name_and_address(
    client: FlaskClient, credentials: tuple[Booking, dict[str, str]]
) -> None:
    response = get(client, f"/booking/{credentials[0].id}")
    assert set(response.get_json()) == PUBLIC
    assert NAME not in response.text
    assert ADDRESS not in response.text


@pytest.mark.parametrize("which", ["token", "link code", "staff key"])
def test_a_valid_credential_reveals_name_and_address(
    client: FlaskClient, credentials: tuple[Booking, dict[str, str]], which: str
) -> None:
    booking, given = credentials
    for booking_id in (booking.id, booking.id.upper()):
        shown = get(client, f"/booking/{booking_id}", given[which]).get_json()
        assert set(shown) == PUBLIC | PERSONAL
        assert (shown["patientName"], shown["patientEmail"]) == (NAME, ADDRESS)


@pytest.mark.parametrize("header", WRONG, ids=lambda header: ascii(header)[:20])
def test_an_invalid_credential_does_not_reveal_if_the_booking_exists(
    client: FlaskClient, credentials: tuple[Booking, dict[str, str]], header: str
) -> None:
    headers = {"Authorization": header}
    responses = [
        client.get(f"/booking/{booking_id}", headers=headers)
        for booking_id in (credentials[0].id, UNKNOWN, "no-id")
    ]
    assert [each.status_code for each in responses] == [401] * 3
    assert len({each.data for each in responses}) == 1
    assert responses[0].headers["WWW-Authenticate"].lower() == "bearer"


def test_credentials_are_valid_for_one_booking_only(
    client: FlaskClient,
    relayed: tuple[BookingRepository, Relay],
    credentials: tuple[Booking, dict[str, str]],
) -> None:
    other = requested(patient_name=NAME)
    relayed[0].insert(other, create_credentials()[1])
    for which in ("token", "link code"):
        assert get(client, f"/booking/{other.id}", credentials[1][which]).status_code == 401


def test_a_credential_of_another_scheme_is_ignored(
    client: FlaskClient, credentials: tuple[Booking, dict[str, str]]
) -> None:
    """A proxy with basic authentication forwards its own credential."""
    for path in (f"/booking/{credentials[0].id}", "/bookings/"):
        response = client.get(path, headers={"Authorization": "Basic eDp5"})
        assert response.status_code == 200
        assert ADDRESS not in response.text


def test_an_unknown_booking_is_not_found_for_staff_and_public(client: FlaskClient) -> None:
    assert get(client, f"/booking/{UNKNOWN}", GENERATED).status_code == 404
    assert get(client, f"/booking/{UNKNOWN}").status_code == 404


def test_public_and_full_bookings_have_different_etags(
    client: FlaskClient, credentials: tuple[Booking, dict[str, str]]
) -> None:
    booking, given = credentials
    path = f"/booking/{booking.id}"
    public, full = get(client, path).headers["ETag"], get(client, path, given["token"])
    headers = {"Authorization": f"Bearer {given['token']}", "If-None-Match": public}
    assert client.get(path, headers=headers).get_json() == full.get_json()
    headers["If-None-Match"] = full.headers["ETag"]
    assert client.get(path, headers=headers).status_code == 304
    assert client.get(path, headers={"If-None-Match": full.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("keys", [frozenset(), frozenset({GENERATED})], ids=["none", "generated"])
def test_without_a_configured_key_the_list_is_public_and_anonymous(
    make_client: Callable[..., FlaskClient],
    credentials: tuple[Booking, dict[str, str]],
    keys: frozenset[str],
    path: str,
) -> None:
    response = get(make_client(generated_staff_keys=keys), path)
    (shown,) = response.get_json()
    assert set(shown) == PUBLIC
    assert ADDRESS not in response.text


@pytest.mark.parametrize("path", LISTS)
def test_a_generated_key_reveals_patients_in_the_list(
    client: FlaskClient, credentials: tuple[Booking, dict[str, str]], path: str
) -> None:
    (shown,) = get(client, path, GENERATED).get_json()
    assert (shown["patientName"], shown["patientEmail"]) == (NAME, ADDRESS)


@pytest.mark.parametrize("path", LISTS)
def test_a_configured_key_restricts_the_list_and_replaces_the_generated_one(
    make_client: Callable[..., FlaskClient],
    credentials: tuple[Booking, dict[str, str]],
    path: str,
) -> None:
    client = make_client(
        staff_api_keys=frozenset({CHOSEN}), generated_staff_keys=frozenset({GENERATED})
    )
    token = credentials[1]["token"]
    assert [get(client, path, each).status_code for each in (None, GENERATED, token, CHOSEN)] == [
        401,
        401,
        401,
        200,
    ]
    assert ADDRESS in get(client, path, CHOSEN).text


@pytest.mark.parametrize("header", WRONG, ids=lambda header: ascii(header)[:20])
def test_a_public_list_rejects_an_invalid_key(client: FlaskClient, header: str) -> None:
    assert client.get("/bookings/", headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize("name", ["patientName", "patientEmail", "name", "email", "q", "search"])
def test_the_list_cannot_be_filtered_by_patient(client: FlaskClient, name: str) -> None:
    for key in (None, GENERATED):
        assert get(client, f"/bookings/?{name}=Canario", key).status_code == 400


def test_every_page_of_a_public_list_is_anonymous(
    client: FlaskClient, relayed: tuple[BookingRepository, Relay]
) -> None:
    for _ in range(3):
        relayed[0].insert(requested(patient_email=ADDRESS), create_credentials()[1])
    path, seen = "/bookings/?limit=1", 0
    while path:
        response = get(client, path)
        seen += len(response.get_json())
        assert ADDRESS not in response.text
        path = response.headers.get("Link", "").partition(";")[0].strip("<>")
    assert seen == 3


def test_the_booking_response_contains_the_submitted_data(client: FlaskClient) -> None:
    body = {"patientName": NAME, "patientEmail": ADDRESS, "date": "2023-12-01T10:00:00Z"}
    shown = client.post("/book", json=body).get_json()["booking"]
    assert (shown["patientName"], shown["patientEmail"]) == (NAME, ADDRESS)
