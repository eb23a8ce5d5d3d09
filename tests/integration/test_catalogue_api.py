"""Booking a service of a catalogue over HTTP, with the real services behind it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from pymongo.database import Database

from booking_service.service import BookingService, BookingWorker
from clinic.bookings.bootstrap import create_repository
from clinic.bookings.repository import BookingRepository
from clinic.catalogue.public_holidays import public_holidays
from clinic.catalogue.store import CatalogueStore
from clinic.catalogue.yaml_catalogue import read_catalogue
from clinic.config import settings
from clinic.contracts.slot_queries import MAX_OPENINGS
from clinic.domain.clock import now, to_wire
from clinic.outbox.relay import Relay
from clinic.rpc.rpc_client import RpcPool
from gateway.api import openings_api
from gateway.app import create_app
from gateway.settings import GatewaySettings
from tests.conftest import eventually
from tests.rpc import NO_SERVICE

EXAMPLE = Path(__file__).parents[2] / "examples" / "clinic.yaml"
MADRID = ZoneInfo("Europe/Madrid")
NAME = {"patientName": "Juan Pérez", "patientEmail": "juan@example.com"}


def next_monday(hour: int, minute: int = 0) -> datetime:
    """A Monday in two weeks or more that is no public holiday."""
    day = now().astimezone(MADRID) + timedelta(weeks=2)
    while day.weekday() != 0 or day.date() in public_holidays("ES-MD", day.year):
        day += timedelta(days=1)
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)


Parts = tuple[BookingRepository, Relay]


@pytest.fixture
def parts(database: Database[Any], config: dict[str, Any]) -> Iterator[Parts]:
    with EXAMPLE.open("rb") as file:
        CatalogueStore(database).replace("default", read_catalogue(file).data)
    store, relay = create_repository(database, settings(config))
    relay.start()
    yield store, relay
    relay.stop()


@pytest.fixture
def client(
    parts: Parts,
    config: dict[str, Any],
    amqp_uri: str,
    runner_factory: Any,
) -> Iterator[FlaskClient]:
    runner = runner_factory(config, BookingService, BookingWorker)
    runner.start()
    pool = RpcPool(amqp_uri)
    yield create_app(*parts, GatewaySettings(), pool, NO_SERVICE).test_client()
    pool.close()
    runner.stop()


@pytest.fixture
def alone(parts: Parts) -> FlaskClient:
    """The gateway without the booking service."""
    return create_app(*parts, GatewaySettings(), NO_SERVICE, NO_SERVICE).test_client()


def book(client: FlaskClient, date: datetime, **choice: Any) -> Any:
    return client.post("/book", json=NAME | {"date": date.isoformat()} | choice)


def decided(client: FlaskClient, response: Any) -> dict[str, Any]:
    booking_id = response.get_json()["booking"]["id"]

    def read() -> Any:
        booking = client.get(f"/booking/{booking_id}").get_json()
        return booking if booking["status"] != "pending" else None

    found: dict[str, Any] = eventually(read)
    return found


def test_three_fields_book_the_default_service_with_anybody(client: FlaskClient) -> None:
    response = book(client, next_monday(9))
    created = response.get_json()["booking"]
    assert (created["service"], created["practitioner"], created["site"], created["end"]) == (
        "first-visit",
        None,
        None,
        None,
    )
    booking = decided(client, response)
    # Only she works there and does it on Monday at nine; he is at the other site.
    assert booking["status"] == "confirmed"
    assert booking["practitioner"] in ("ana-lopez", "javier-ruiz")
    assert booking["end"] == to_wire(next_monday(9, 30))


def test_a_chosen_practitioner_and_site_are_assigned(client: FlaskClient) -> None:
    choice = {"service": "ultrasound", "practitioner": "javier-ruiz", "site": "chamberi"}
    booking = decided(client, book(client, next_monday(8, 30), **choice))
    assert {name: booking[name] for name in choice} == choice
    assert booking["end"] == to_wire(next_monday(8, 50))
    taken = decided(client, book(client, next_monday(8, 40), **choice))
    assert (taken["status"], taken["reason"], taken["end"]) == ("rejected", "slot_full", None)


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        ({"service": "no-such"}, "service"),
        ({"service": "First Visit"}, "service"),
        ({"service": 7}, "service"),
        ({"service": ""}, "service"),
        ({"service": "a" * 25}, "service"),
        ({"service": {"$gt": ""}}, "service"),
        ({"service": ["first-visit"]}, "service"),
        ({"practitioner": "nobody"}, "practitioner"),
        ({"practitioner": "sala-retiro"}, "practitioner"),
        ({"practitioner": True}, "practitioner"),
        ({"site": "moon"}, "site"),
        ({"room": "sala-retiro"}, "room"),
        ({"clinic": "other"}, "clinic"),
    ],
)
def test_an_unknown_choice_is_refused_with_its_field(
    alone: FlaskClient, choice: dict[str, Any], field: str
) -> None:
    response = book(alone, next_monday(9), **choice)
    body = response.get_json()
    assert (response.status_code, list(body["errors"])) == (400, [field])


def test_null_leaves_the_choice_to_the_clinic(alone: FlaskClient) -> None:
    response = book(alone, next_monday(9), service=None, practitioner=None, site=None)
    assert response.get_json()["booking"]["service"] == "first-visit"


@pytest.mark.parametrize(
    ("choice", "hour", "reason"),
    [
        ({"service": "ultrasound", "practitioner": "ana-lopez"}, 9, "not_offered"),
        ({"practitioner": "ana-lopez", "site": "chamberi"}, 9, "closed"),
        ({"practitioner": "ana-lopez"}, 14, "closed"),
        ({"service": "minor-surgery", "practitioner": "ana-lopez", "site": "retiro"}, 7, "closed"),
    ],
)
def test_what_the_clinic_does_not_do_is_rejected(
    client: FlaskClient, choice: dict[str, Any], hour: int, reason: str
) -> None:
    booking = decided(client, book(client, next_monday(hour), **choice))
    assert (booking["status"], booking["reason"]) == ("rejected", reason)


def test_the_same_key_with_another_choice_is_another_request(alone: FlaskClient) -> None:
    headers = {"Idempotency-Key": "a key of sixteen characters".replace(" ", "-")}
    request = NAME | {"date": next_monday(9).isoformat()}
    first = alone.post("/book", json=request, headers=headers)
    again = alone.post("/book", json=request, headers=headers)
    other = alone.post("/book", json=request | {"service": "follow-up"}, headers=headers)
    assert first.get_json() == again.get_json()
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_conflict")


def test_services_practitioners_and_sites_are_listed(alone: FlaskClient) -> None:
    english = {"Accept-Language": "en"}
    services = alone.get("/services", headers=english).get_json()
    assert [each["id"] for each in services if each["default"]] == ["first-visit"]
    assert services[0]["name"] == "First visit"
    assert alone.get("/services").get_json()[0]["name"] == "Primera visita"
    practitioners = {each["id"]: each for each in alone.get("/practitioners").get_json()}
    assert practitioners["ana-lopez"]["sites"] == ["chamberi", "retiro"]
    assert "sala-retiro" not in practitioners
    assert {each["id"] for each in alone.get("/sites").get_json()} == {"retiro", "chamberi"}


def openings(client: FlaskClient, **query: str) -> Any:
    day = next_monday(0).date().isoformat()
    return client.get("/openings", query_string={"from": day, "to": day} | query)


def test_openings_name_start_end_practitioner_and_site(client: FlaskClient) -> None:
    rows = openings(client, service="ultrasound", site="chamberi").get_json()
    assert rows[0] == {
        "start": to_wire(next_monday(8, 30)),
        "end": to_wire(next_monday(8, 50)),
        "practitioner": "javier-ruiz",
        "site": "chamberi",
    }
    assert [row["start"] for row in rows] == sorted(row["start"] for row in rows)


def test_a_booking_takes_openings_with_its_buffers(client: FlaskClient) -> None:
    choice = {"service": "ultrasound", "practitioner": "javier-ruiz"}
    before = openings(client, **choice).get_json()
    decided(client, book(client, next_monday(10), **choice))
    after = openings(client, **choice).get_json()
    gone = {row["start"] for row in before} - {row["start"] for row in after}
    minutes = (-20, -10, 0, 10, 20)  # 20 minutes with 5 before and after: 30 minutes in all
    assert gone == {to_wire(next_monday(10) + timedelta(minutes=each)) for each in minutes}


def test_every_opening_can_be_booked(client: FlaskClient) -> None:
    rows = openings(client, service="follow-up").get_json()
    for row in (rows[0], rows[len(rows) // 2], rows[-1]):
        response = client.post(
            "/book",
            json=NAME
            | {
                "date": row["start"],
                "service": "follow-up",
                "practitioner": row["practitioner"],
                "site": row["site"],
            },
        )
        booking = decided(client, response)
        assert (booking["status"], booking["end"]) == ("confirmed", row["end"])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"service": "no-such"}, "service"),
        ({"practitioner": "nobody"}, "practitioner"),
        ({"site": "moon"}, "site"),
        ({"from": "tomorrow"}, "from"),
        ({"to": "2020-01-01"}, "to"),
        ({"to": "2099-01-01"}, "to"),
        ({"after": "now"}, "after"),
        ({"day": "2027-01-01"}, "day"),
    ],
)
def test_wrong_parameters_of_openings_are_refused(
    alone: FlaskClient, query: dict[str, str], field: str
) -> None:
    response = openings(alone, **query)
    assert (response.status_code, list(response.get_json()["errors"])) == (400, [field])


def test_pages_of_openings_are_linked_and_complete(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = openings(client).get_json()
    assert len(whole) < MAX_OPENINGS
    monkeypatch.setattr(openings_api, "MAX_OPENINGS", 4)
    page, found = openings(client), []
    while True:
        assert len(page.get_json()) <= 4
        found += page.get_json()
        if "Link" not in page.headers:
            break
        target, _, relation = page.headers["Link"].partition(";")
        assert relation == ' rel="next"'
        page = client.get(target.strip("<>"))
    assert found == whole


def test_slots_are_those_of_the_default_service(client: FlaskClient) -> None:
    day = next_monday(0).date().isoformat()
    starts = client.get("/slots", query_string={"date": day}).get_json()
    rows = openings(client).get_json()
    assert starts == sorted({row["start"] for row in rows})


def test_an_appointment_is_moved_to_another_practitioner(client: FlaskClient) -> None:
    response = book(client, next_monday(9), practitioner="ana-lopez")
    booking = decided(client, response)
    token = response.get_json()["booking"]["manageToken"]
    moved = client.post(
        f"/booking/{booking['id']}/reschedule",
        json={"date": next_monday(9).isoformat(), "practitioner": "javier-ruiz"},
        headers={"Authorization": f"Bearer {token}"},
    )
    body = moved.get_json()
    assert (moved.status_code, body["practitioner"], body["site"], body["version"]) == (
        200,
        "javier-ruiz",
        "chamberi",
        3,
    )
    kept = client.post(
        f"/booking/{booking['id']}/reschedule",
        json={"date": next_monday(9, 30).isoformat()},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert kept.get_json()["practitioner"] == "javier-ruiz"


@pytest.mark.parametrize("practitioner", ["nobody", "sala-retiro", 7, {"$ne": None}])
def test_an_unknown_practitioner_moves_nothing(alone: FlaskClient, practitioner: Any) -> None:
    created = book(alone, next_monday(9)).get_json()["booking"]
    moved = alone.post(
        f"/booking/{created['id']}/reschedule",
        json={"date": next_monday(10).isoformat(), "practitioner": practitioner},
        headers={"Authorization": f"Bearer {created['manageToken']}"},
    )
    assert (moved.status_code, list(moved.get_json()["errors"])) == (400, ["practitioner"])
