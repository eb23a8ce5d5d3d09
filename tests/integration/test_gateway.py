"""The documented HTTP calls, through Flask's test client and a real database.

No relay runs: the gateway responds without a broker.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from pymongo import MongoClient
from pymongo.database import Database
from werkzeug.test import TestResponse

from clinic.bookings.bootstrap import create_repository
from clinic.bookings.repository import BookingRepository
from clinic.config import settings
from clinic.domain import booking as steps
from clinic.domain.booking import Booking
from clinic.domain.clock import now
from clinic.domain.manage_token import fingerprint
from clinic.mongo.client import durable_uri
from clinic.outbox.relay import Relay
from gateway.app import create_app
from gateway.http.problem_details import PAUSE_SECONDS
from gateway.settings import GatewaySettings
from runner.backends.ports import free_port
from tests.bookings import BOOKING_FIELDS, put_booking
from tests.clinics import confirm_seat
from tests.conftest import UNLIMITED, eventually
from tests.rpc import NO_SERVICE

EXAMPLE = {
    "patientName": "Juan Pérez",
    "patientEmail": "juan@example.com",
    "date": "2023-12-01T10:00:00Z",
}
SLOT = datetime(2026, 12, 1, 10, tzinfo=UTC)
STAFF_KEYS = frozenset({"staff-key-1", "staff-key-2"})
CONCURRENT_REQUESTS = 12


@pytest.fixture
def relayed(database: Database[Any], mongodb_uri: str) -> tuple[BookingRepository, Relay]:
    """A repository and a relay that is not started, for a broker that does not exist."""
    config = {
        "AMQP_URI": "amqp://guest:guest@127.0.0.1:1/",
        "MONGODB_CONNECTION_URL": mongodb_uri,
        **UNLIMITED,
    }
    return create_repository(database, settings(config))


@pytest.fixture
def store(relayed: tuple[BookingRepository, Relay]) -> BookingRepository:
    return relayed[0]


@pytest.fixture
def client(relayed: tuple[BookingRepository, Relay]) -> FlaskClient:
    return create_app(*relayed, GatewaySettings(), NO_SERVICE, NO_SERVICE).test_client()


@pytest.fixture
def staff_client(relayed: tuple[BookingRepository, Relay]) -> FlaskClient:
    return create_app(
        *relayed, GatewaySettings(staff_api_keys=STAFF_KEYS), NO_SERVICE, NO_SERVICE
    ).test_client()


@pytest.fixture
def cut_off_client() -> Iterator[FlaskClient]:
    """A gateway whose database is unreachable."""
    uri = f"mongodb://127.0.0.1:{free_port()}/clinic?serverSelectionTimeoutMS=100"
    config = {
        "AMQP_URI": "amqp://guest:guest@127.0.0.1:1/",
        "MONGODB_CONNECTION_URL": uri,
        **UNLIMITED,
    }
    with MongoClient[dict[str, Any]](durable_uri(uri)) as mongo:
        parts = create_repository(mongo.get_default_database(), settings(config))
        yield create_app(*parts, GatewaySettings(), NO_SERVICE, NO_SERVICE).test_client()


def book(client: FlaskClient, headers: dict[str, str] | None = None, **fields: Any) -> TestResponse:
    return client.post("/book", json=EXAMPLE | fields, headers=headers)


def booked(client: FlaskClient, **fields: Any) -> dict[str, Any]:
    response = book(client, **fields)
    assert response.status_code == 201
    booking: dict[str, Any] = response.get_json()["booking"]
    return booking


def put(store: BookingRepository, date: datetime = SLOT, at: datetime | None = None) -> Booking:
    return put_booking(store, date=date, at=at or now())


def confirm(store: BookingRepository, booking_id: str) -> None:
    store.apply(
        confirm_seat(
            store.get(booking_id),
            at=now(),
            by="test",
        )
    )


def problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The body of a problem response, which must have the documented shape."""
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    body: dict[str, Any] = json.loads(response.data)
    assert {"type", "title", "status", "code"} <= set(body)
    assert (body["status"], body["code"]) == (status, code)
    return body


def next_page(response: TestResponse) -> str | None:
    link = response.headers.get("Link")
    if link is None:
        return None
    match = re.fullmatch(r'<(/bookings/\?[^>]+)>; rel="next"', link)
    assert match
    return match[1]


# --- POST /book


def test_the_documented_request_is_accepted(client: FlaskClient) -> None:
    response = book(client)
    booking = response.get_json()["booking"]
    assert response.status_code == 201
    assert response.mimetype == "application/json"
    assert response.headers["Location"] == f"/booking/{booking['id']}"
    assert {name: booking[name] for name in EXAMPLE} == EXAMPLE
    assert booking["status"] == "pending"


def test_an_accepted_request_has_exactly_the_documented_fields(client: FlaskClient) -> None:
    body = book(client).get_json()
    assert set(body) == {"booking"}
    assert set(body["booking"]) == BOOKING_FIELDS | {"manageToken"}


def test_a_booking_id_is_a_random_uuid_4(client: FlaskClient) -> None:
    one, other = booked(client)["id"], booked(client)["id"]
    assert one != other
    assert uuid.UUID(one).version == 4


def test_an_accepted_request_is_stored_with_its_outbox_message(
    client: FlaskClient, database: Database[Any]
) -> None:
    booking = booked(client)
    found: Any = database["bookings"].find_one({"_id": booking["id"]})
    assert found["patientName"] == "Juan Pérez"
    assert found["date"] == datetime(2023, 12, 1, 10, tzinfo=UTC)
    assert [entry["type"] for entry in found["outbox"]] == ["booking_requested"]


def test_only_the_hash_of_the_management_token_is_stored(
    client: FlaskClient, database: Database[Any]
) -> None:
    booking = booked(client)
    found: Any = database["bookings"].find_one({"_id": booking["id"]})
    assert booking["manageToken"] not in repr(found)
    assert found["access"]["tokenFingerprint"] == fingerprint(booking["manageToken"])


def test_a_date_with_any_offset_is_returned_in_utc(client: FlaskClient) -> None:
    assert booked(client, date="2026-12-01T10:00:00+01:00")["date"] == "2026-12-01T09:00:00Z"


@pytest.mark.parametrize("date", ["0001-01-03T00:00:00Z", "9999-12-28T23:59:59.999Z"])
def test_the_earliest_and_latest_accepted_dates_are_kept(client: FlaskClient, date: str) -> None:
    booking = booked(client, date=date)
    assert client.get(f"/booking/{booking['id']}").get_json()["date"] == date


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_a_json_content_type_may_name_its_charset(client: FlaskClient, content_type: str) -> None:
    response = client.post("/book", data=json.dumps(EXAMPLE), content_type=content_type)
    assert response.status_code == 201


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "es"),
        ("es", "es"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("EN", "en"),
        ("fr, en;q=0.5, es;q=0.4", "en"),
        ("en;q=0.2, es;q=0.8", "es"),
        ("es;q=0, en;q=0.1", "en"),
        ("fr", "es"),
        ("*", "es"),
        ("", "es"),
        (";;;q=,=,\x7f", "es"),
        ("../../etc", "es"),
        ("en;q=nan, es;q=inf", "es"),
        ("x" * 5000, "es"),
        ("en," * 333 + "e", "en"),
        ("en," * 333 + "en", "es"),  # longer than the header is read
    ],
    ids=lambda value: repr(value)[-30:],
)
def test_the_patients_language_comes_from_accept_language(
    client: FlaskClient, header: str | None, language: str
) -> None:
    headers = {} if header is None else {"Accept-Language": header}
    assert booked(client, headers=headers)["language"] == language


# --- Idempotency-Key


def test_the_same_key_and_body_return_the_same_response(
    client: FlaskClient, database: Database[Any]
) -> None:
    one, other = (book(client, {"Idempotency-Key": "key-1"}) for _ in range(2))
    assert (one.status_code, other.status_code) == (201, 201)
    assert one.data == other.data
    assert one.headers["Location"] == other.headers["Location"]
    assert database["bookings"].count_documents({}) == 1


def test_the_same_key_with_another_body_is_rejected(
    client: FlaskClient, database: Database[Any]
) -> None:
    book(client, {"Idempotency-Key": "key-1"})
    response = book(client, {"Idempotency-Key": "key-1"}, patientName="Ana")
    problem(response, 422, "idempotency_conflict")
    assert database["bookings"].count_documents({}) == 1


SAME = {
    "other order": b'{"date":"%(date)s","patientEmail":"%(mail)s","patientName":"%(name)s"}',
    "blanks": b'\n{ "patientName" : "%(name)s",\t"patientEmail":"%(mail)s","date":"%(date)s" }\r\n',
    "BOM": b'\xef\xbb\xbf{"patientName":"%(name)s","patientEmail":"%(mail)s","date":"%(date)s"}',
    "escapes": b'{"patientN\\u0061me":"Juan P\\u00e9rez","patientEmail":"%(mail)s",'
    b'"date":"%(date)s"}',
    "decomposed": "e\u0301",
    "other offset": b'{"patientName":"%(name)s","patientEmail":"%(mail)s","date":"%(other)s"}',
}


@pytest.mark.parametrize("way", SAME)
def test_equivalent_json_under_the_same_key_is_the_same_request(
    client: FlaskClient, database: Database[Any], way: str
) -> None:
    values = {
        b"name": "Juan Pérez".encode(),
        b"mail": b"juan@example.com",
        b"date": b"2031-12-01T10:00:00Z",
        b"other": b"2031-12-01T11:30:00.000+01:30",
    }
    plain = b'{"patientName":"%(name)s","patientEmail":"%(mail)s","date":"%(date)s"}' % values
    template = SAME[way]
    if isinstance(template, str):
        other = plain.replace("é".encode(), template.encode())
    else:
        other = template % values
    assert other != plain
    responses = [
        client.post(
            "/book",
            data=data,
            content_type="application/json",
            headers={"Idempotency-Key": str(uuid.UUID(int=7))},
        )
        for data in (plain, other)
    ]
    assert [response.status_code for response in responses] == [201, 201]
    assert responses[0].data == responses[1].data
    assert database["bookings"].count_documents({}) == 1


@pytest.mark.parametrize("field", ["patientName", "patientEmail", "date"])
def test_the_same_key_with_any_field_changed_is_rejected(client: FlaskClient, field: str) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    values = {
        "patientName": "Eva",
        "patientEmail": "eva@example.com",
        "date": "2031-12-02T10:00:00Z",
    }
    assert book(client, headers).status_code == 201
    problem(book(client, headers, **{field: values[field]}), 422, "idempotency_conflict")


def test_a_quoted_key_equals_the_unquoted_one(client: FlaskClient, database: Database[Any]) -> None:
    for key in ("key-1", '"key-1"', ' "key-1" ', '"a\\\\b\\"c"', 'a\\b"c'):
        assert book(client, {"Idempotency-Key": key}).status_code == 201
    assert database["bookings"].count_documents({}) == 2


@pytest.mark.parametrize("key", ['""', '"a b"', '"' + "x" * 201 + '"', '"' + '\\"' * 300 + '"'])
def test_a_quoted_key_has_the_same_limits(client: FlaskClient, key: str) -> None:
    problem(book(client, {"Idempotency-Key": key}), 400, "invalid_request")


@pytest.mark.parametrize(("key", "expected"), [("k" * 15, 422), ("k" * 16, 201)])
def test_a_short_key_is_valid_for_ten_minutes(
    client: FlaskClient, database: Database[Any], key: str, expected: int
) -> None:
    first = book(client, {"Idempotency-Key": key}).get_json()["booking"]
    _age(database, first["id"], timedelta(minutes=9))
    assert book(client, {"Idempotency-Key": key}).status_code == 201
    _age(database, first["id"], timedelta(minutes=11))
    response = book(client, {"Idempotency-Key": key})
    assert response.status_code == expected
    assert (first["manageToken"] in response.text) == (expected == 201)
    assert database["bookings"].count_documents({}) == 1


def _age(database: Database[Any], booking_id: str, age: timedelta) -> None:
    at = {"createdAt": now() - age}
    assert database["bookings"].update_one({"_id": booking_id}, {"$set": at}).modified_count == 1


def test_another_key_creates_another_booking(client: FlaskClient) -> None:
    one, other = (book(client, {"Idempotency-Key": key}) for key in ("key-1", "KEY-1"))
    assert one.get_json()["booking"]["id"] != other.get_json()["booking"]["id"]


def test_without_a_key_each_request_creates_a_booking(
    client: FlaskClient, database: Database[Any]
) -> None:
    book(client)
    book(client)
    assert database["bookings"].count_documents({}) == 2


def test_a_repeated_request_returns_the_current_state_of_its_booking(
    client: FlaskClient, store: BookingRepository
) -> None:
    headers = {"Idempotency-Key": "key-1"}
    first = book(client, headers).get_json()["booking"]
    confirm(store, first["id"])
    again = book(client, headers).get_json()["booking"]
    assert (again["status"], again["manageToken"]) == ("confirmed", first["manageToken"])


@pytest.mark.parametrize("key", ["x", "x" * 200, "!~", "550e8400-e29b-41d4-a716-446655440000"])
def test_a_key_is_1_to_200_visible_characters(client: FlaskClient, key: str) -> None:
    assert book(client, {"Idempotency-Key": key}).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "ñ", "x" * 201, "a\tb", "\x7f"], ids=ascii)
def test_any_other_key_is_rejected(client: FlaskClient, database: Database[Any], key: str) -> None:
    body = problem(book(client, {"Idempotency-Key": key}), 400, "invalid_request")
    assert list(body["errors"]) == ["Idempotency-Key"]
    assert database["bookings"].count_documents({}) == 0


def test_a_rejected_request_does_not_use_up_its_key(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "key-1"}
    problem(book(client, headers, patientName=""), 400, "invalid_request")
    assert book(client, headers).status_code == 201


def test_concurrent_requests_with_one_key_create_one_booking(
    client: FlaskClient, database: Database[Any]
) -> None:
    responses: list[TestResponse] = []

    def race() -> None:
        racer = client.application.test_client()
        responses.append(book(racer, {"Idempotency-Key": "key-1"}))

    threads = [threading.Thread(target=race) for _ in range(CONCURRENT_REQUESTS)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(responses) == CONCURRENT_REQUESTS)
    assert {response.status_code for response in responses} == {201}
    assert len({response.data for response in responses}) == 1
    assert database["bookings"].count_documents({}) == 1


# --- GET /booking/{id}


def test_a_booking_is_returned_flat_and_without_its_token(client: FlaskClient) -> None:
    booking = booked(client)
    headers = {"Authorization": f"Bearer {booking.pop('manageToken')}"}
    response = client.get(f"/booking/{booking['id']}", headers=headers)
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert response.get_json() == booking
    assert set(booking) == BOOKING_FIELDS


def test_the_location_header_leads_to_the_booking(client: FlaskClient) -> None:
    response = book(client)
    found = client.get(response.headers["Location"])
    assert found.get_json()["id"] == response.get_json()["booking"]["id"]


def test_a_rejected_booking_includes_its_reason(
    client: FlaskClient, store: BookingRepository
) -> None:
    booking = put(store)
    store.apply(steps.reject(booking, reason="past", at=now(), by="test"))
    shown = client.get(f"/booking/{booking.id}").get_json()
    assert (shown["status"], shown["reason"], shown["version"]) == ("rejected", "past", 2)
    assert shown["reasonText"] == "La fecha pedida ya ha pasado."


def test_a_matching_etag_returns_304_without_a_body(
    client: FlaskClient, store: BookingRepository
) -> None:
    path = f"/booking/{put(store).id}"
    etag = client.get(path).headers["ETag"]
    response = client.get(path, headers={"If-None-Match": etag})
    assert (response.status_code, response.data) == (304, b"")
    assert not {"Content-Type", "Content-Length"} & set(response.headers.keys())
    assert response.headers["ETag"] == etag


def test_a_transition_changes_the_etag(client: FlaskClient, store: BookingRepository) -> None:
    booking = put(store)
    path = f"/booking/{booking.id}"
    etag = client.get(path).headers["ETag"]
    confirm(store, booking.id)
    response = client.get(path, headers={"If-None-Match": etag})
    assert (response.status_code, response.get_json()["status"]) == (200, "confirmed")
    assert response.headers["ETag"] != etag


def test_a_review_flag_changes_the_etag(client: FlaskClient, store: BookingRepository) -> None:
    booking = put(store)
    path = f"/booking/{booking.id}"
    etag = client.get(path).headers["ETag"]
    store.flag_for_review(booking.id, "check_unavailable")
    response = client.get(path, headers={"If-None-Match": etag})
    assert response.status_code == 200
    assert response.get_json()["attention"]["code"] == "check_unavailable"


@pytest.mark.parametrize("header", ['"other"', "garbage", "", "W/", '"', "\x7f"], ids=ascii)
def test_an_unknown_etag_returns_the_body(
    client: FlaskClient, store: BookingRepository, header: str
) -> None:
    response = client.get(f"/booking/{put(store).id}", headers={"If-None-Match": header})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda known: str(uuid.uuid4()), id="unknown"),
        pytest.param(lambda known: "1", id="a number"),
        pytest.param(lambda known: known.replace("-", ""), id="without dashes"),
        pytest.param(lambda known: f"{{{known}}}", id="with braces"),
        pytest.param(lambda known: f"urn:uuid:{known}", id="as a URN"),
        pytest.param(lambda known: f"{known}%20", id="with a space"),
        pytest.param(lambda known: f"{known}%0a", id="with a line end"),
        pytest.param(lambda known: f"{known}%00", id="with NUL"),
        pytest.param(lambda known: "%00", id="NUL"),
        pytest.param(lambda known: f"../booking/{known}", id="by a detour"),
        pytest.param(lambda known: "..%2f..%2fetc%2fpasswd", id="an escaped path"),
        pytest.param(lambda known: "../../etc/passwd", id="a path"),
        pytest.param(lambda known: "%ff%fe", id="no UTF-8"),
        pytest.param(lambda known: "%ED%A0%80", id="a surrogate"),
        pytest.param(lambda known: "%C3%B1", id="ñ"),
        pytest.param(lambda known: "%7B%22%24ne%22:null%7D", id="an operator"),
        pytest.param(lambda known: "x" * 10_240, id="10 kB"),
        pytest.param(lambda known: "0" * 36, id="36 digits"),
        pytest.param(lambda known: "", id="nothing"),
    ],
)
def test_an_unknown_or_malformed_id_is_not_found(
    client: FlaskClient, store: BookingRepository, make: Any
) -> None:
    response = client.get(f"/booking/{make(put(store).id)}")
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"


@pytest.mark.parametrize("written", [str.upper, str.title])
def test_a_booking_id_is_case_insensitive(
    client: FlaskClient, store: BookingRepository, written: Callable[[str], str]
) -> None:
    booking = put(store)
    response = client.get(f"/booking/{written(booking.id)}")
    assert response.status_code == 200
    assert response.get_json()["id"] == booking.id


def test_an_unknown_and_a_malformed_id_return_the_same_problem(client: FlaskClient) -> None:
    responses = [client.get(f"/booking/{each}") for each in (uuid.uuid4(), "no-id")]
    assert responses[0].data == responses[1].data
    problem(responses[0], 404, "booking_not_found")


# --- GET /bookings/


@pytest.mark.parametrize("path", ["/bookings", "/bookings/"])
def test_the_list_is_an_array_of_the_same_booking_objects(client: FlaskClient, path: str) -> None:
    booking = booked(client)
    response = client.get(path)
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert response.get_json() == [client.get(f"/booking/{booking['id']}").get_json()]


def test_a_list_without_bookings_is_empty_and_has_no_link(client: FlaskClient) -> None:
    response = client.get("/bookings/")
    assert response.get_json() == []
    assert "Link" not in response.headers


def test_the_list_contains_no_tokens(client: FlaskClient) -> None:
    booking = booked(client)
    assert booking["manageToken"] not in client.get("/bookings/").text


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pagination_returns_each_booking_once_newest_first(
    client: FlaskClient, store: BookingRepository, limit: int
) -> None:
    start = now()
    # Some share a creation time, so that the id breaks the tie.
    made = [put(store, at=start - timedelta(milliseconds=age // 2)) for age in range(7)]
    newest_first = sorted(made, key=lambda each: (each.created_at, each.id), reverse=True)
    listed_ids: list[str] = []
    path: str | None = f"/bookings/?limit={limit}"
    while path is not None:
        response = client.get(path)
        listed_ids += [each["id"] for each in response.get_json()]
        path = next_page(response)
    assert listed_ids == [each.id for each in newest_first]


@pytest.mark.parametrize("added", ["_=1796000000000", "utm_source=mail&utm_source=x", "fbclid=a"])
def test_query_parameters_added_by_trackers_are_ignored(
    client: FlaskClient, store: BookingRepository, added: str
) -> None:
    put(store)
    put(store)
    response = client.get(f"/bookings/?limit=1&{added}")
    assert len(response.get_json()) == 1
    assert next_page(response).count("&") == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("misspelt", ["limt=1", "Limit=1", "__=1", "utm=1", "statsu=pending"])
def test_a_misspelt_query_parameter_is_rejected(client: FlaskClient, misspelt: str) -> None:
    problem(client.get(f"/bookings/?{misspelt}"), 400, "invalid_request")


def test_a_booking_created_during_pagination_does_not_shift_the_pages(
    client: FlaskClient, store: BookingRepository
) -> None:
    made = [put(store, at=now() - timedelta(seconds=age)) for age in (1, 2, 3)]
    first = client.get("/bookings/?limit=2")
    put(store)
    path = next_page(first)
    assert path is not None
    assert [each["id"] for each in client.get(path).get_json()] == [made[2].id]


def test_the_next_link_keeps_the_filters(client: FlaskClient, store: BookingRepository) -> None:
    put(store)
    put(store)
    date = "2026-12-01T10:00:00+00:00".replace("+", "%2B")
    path = next_page(client.get(f"/bookings?limit=1&status=pending&from={date}"))
    assert path is not None
    query = parse_qs(urlsplit(path).query, strict_parsing=True)
    del query["after"]
    assert query == {
        "limit": ["1"],
        "status": ["pending"],
        "from": ["2026-12-01T10:00:00+00:00"],
    }
    assert len(client.get(path).get_json()) == 1


def test_the_list_filters_by_status(client: FlaskClient, store: BookingRepository) -> None:
    pending, confirmed = put(store), put(store)
    confirm(store, confirmed.id)
    for status, expected in (
        ("pending", [pending.id]),
        ("confirmed", [confirmed.id]),
        ("rejected", []),
    ):
        found = client.get(f"/bookings/?status={status}").get_json()
        assert [each["id"] for each in found] == expected


def test_the_list_filters_by_appointment_time(
    client: FlaskClient, store: BookingRepository
) -> None:
    put(store, date=SLOT - timedelta(minutes=30))
    wanted = put(store, date=SLOT)
    put(store, date=SLOT + timedelta(minutes=30))
    found = client.get("/bookings/?from=2026-12-01T10:00:00Z&to=2026-12-01T10:30:00Z")
    assert [each["id"] for each in found.get_json()] == [wanted.id]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=101", "limit"),
        ("limit=1000000000", "limit"),
        ("limit=abc", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=1&limit=1", "limit"),
        ("limit=%ff", "limit"),
        ("status=unknown", "status"),
        ("status=", "status"),
        ("status=pending&status=confirmed", "status"),
        ("status[$ne]=pending", "status[$ne]"),
        ("after=abc", "after"),
        ("after=", "after"),
        ("after=%00", "after"),
        ("after=%F0%9F%92%A5", "after"),
        ("after=" + "9" * 5000, "after"),
        ("after=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTkueA==", "after"),
        ("from=2026-12-01", "from"),
        ("from=2026-12-01T10:00:00+01:00", "from"),  # an unescaped plus is a space
        ("to=2026-02-30T10:00:00Z", "to"),
        ("page=2", "page"),
        ("$where=1", "$where"),
    ],
)
def test_an_invalid_query_is_rejected_naming_its_parameter(
    client: FlaskClient, query: str, parameter: str
) -> None:
    body = problem(client.get(f"/bookings/?{query}"), 400, "invalid_request")
    assert list(body["errors"]) == [parameter]


def test_a_cursor_with_an_injected_operator_returns_nothing(
    client: FlaskClient, store: BookingRepository
) -> None:
    put(store)
    # 0.0.{"$gt": ""}
    response = client.get("/bookings/?after=MC4wLnsiJGd0IjogIiJ9")
    assert (response.status_code, response.get_json()) == (200, [])


# --- staff keys


@pytest.mark.parametrize("key", sorted(STAFF_KEYS))
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_each_staff_key_grants_access_to_the_list(
    staff_client: FlaskClient, scheme: str, key: str
) -> None:
    response = staff_client.get("/bookings/", headers={"Authorization": f"{scheme} {key}"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer staff-key",
        "Bearer staff-key-11",
        "Bearer STAFF-KEY-1",
        "Bearer staff-key-1,staff-key-2",
        "Basic staff-key-1",
        "staff-key-1",
        "Bearer ñ",
        "Bearer \xff\xfe",
        "\xff\xfe staff-key-1",
        "Bearer " + "x" * 10_000,
    ],
    ids=lambda header: ascii(header)[:30],
)
def test_any_other_credential_is_denied_access_to_the_list(
    staff_client: FlaskClient, store: BookingRepository, header: str | None
) -> None:
    put(store)
    headers = {} if header is None else {"Authorization": header}
    response = staff_client.get("/bookings/", headers=headers)
    problem(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"].lower() == "bearer"
    assert b"ana@example.com" not in response.data


def test_authentication_precedes_query_validation(staff_client: FlaskClient) -> None:
    problem(staff_client.get("/bookings/?limit=abc"), 401, "unauthorized")


def test_patients_need_no_staff_key(staff_client: FlaskClient) -> None:
    booking = booked(staff_client)
    assert staff_client.get(f"/booking/{booking['id']}").status_code == 200


# --- methods and paths


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/book", {"POST"}),
        ("HEAD", "/book", {"POST"}),
        ("PUT", "/book", {"POST"}),
        ("OPTIONS", "/book", {"POST"}),
        ("TRACE", "/book", {"POST"}),
        ("BREW", "/book", {"POST"}),
        ("POST", "/booking/1", {"GET", "HEAD"}),
        ("DELETE", "/booking/1", {"GET", "HEAD"}),
        ("OPTIONS", "/booking/1", {"GET", "HEAD"}),
        ("POST", "/bookings/", {"GET", "HEAD"}),
        ("POST", "/bookings", {"GET", "HEAD"}),
        ("OPTIONS", "/bookings/", {"GET", "HEAD"}),
        ("POST", "/health/live", {"GET", "HEAD"}),
        ("OPTIONS", "/health/ready", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method_is_rejected_with_the_allowed_ones(
    client: FlaskClient, method: str, path: str, allowed: set[str]
) -> None:
    response = client.open(path, method=method)
    assert response.status_code == 405
    assert response.mimetype == "application/problem+json"
    assert set(response.headers["Allow"].split(", ")) == allowed
    if method != "HEAD":
        problem(response, 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/booking/{id}", "/bookings/", "/bookings", "/health/live"])
def test_head_responds_like_get_without_a_body(
    client: FlaskClient, store: BookingRepository, path: str
) -> None:
    path = path.format(id=put(store).id)
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.data) == (200, b"")
    headers = [{**response.headers, "X-Request-ID": "ignored"} for response in (head, get)]
    assert headers[0] == headers[1]


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/cita",
        "/book/",
        "/book/1",
        "/booking",
        "/booking/",
        "/bookings/1",
        "/bookings//",
        "/health",
        "/health//live",
        "/static/x",
        "/BOOK",
        "/.git/config",
        "/%00",
        "/%ff",
        "/ñ",
        "/" + "x" * 10_000,
        "/{{7*7}}",
    ],
    ids=lambda path: ascii(path)[:20],
)
def test_an_unknown_path_is_not_found(client: FlaskClient, path: str) -> None:
    problem(client.get(path), 404, "not_found")


# --- health, and an unreachable database


def test_the_gateway_is_ready_without_a_broker(client: FlaskClient) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.get_json() == {"status": "ready", "database": "up", "broker": "down"}


def test_the_gateway_reports_that_it_is_live(client: FlaskClient) -> None:
    assert client.get("/health/live").get_json() == {"status": "live"}


@pytest.mark.parametrize("path", ["/booking/{id}", "/bookings/"])
def test_reads_return_503_while_the_database_is_down(
    cut_off_client: FlaskClient, path: str
) -> None:
    response = cut_off_client.get(path.format(id=uuid.uuid4()))
    problem(response, 503, "database_unavailable")
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "key-1"}], ids=["no key", "key"])
def test_booking_requests_return_503_while_the_database_is_down(
    cut_off_client: FlaskClient, headers: dict[str, str]
) -> None:
    response = book(cut_off_client, headers)
    problem(response, 503, "database_unavailable")
    assert int(response.headers["Retry-After"]) > 0


def test_a_database_problem_reveals_no_host(cut_off_client: FlaskClient) -> None:
    assert "127.0.0.1" not in cut_off_client.get("/bookings/").text


def test_no_booking_is_stored_while_the_outbox_is_full(
    database: Database[Any], mongodb_uri: str
) -> None:
    config = {
        "AMQP_URI": "amqp://guest:guest@127.0.0.1:1/",
        "MONGODB_CONNECTION_URL": mongodb_uri,
        **UNLIMITED,
        "OUTBOX_MAX_PENDING": 2,
    }
    parts = create_repository(database, settings(config))
    client = create_app(*parts, GatewaySettings(), NO_SERVICE, NO_SERVICE).test_client()
    ids = [booked(client)["id"] for _ in range(2)]
    started_at = time.monotonic()
    response = book(client)
    problem(response, 503, "backlog_full")
    assert response.headers["Retry-After"] == "5"
    assert (
        time.monotonic() - started_at >= PAUSE_SECONDS
    )  # or clients that retry at once leave no capacity
    assert database["bookings"].count_documents({}) == 2
    # Reads still work, and so does booking once the outbox has capacity.
    assert client.get(f"/booking/{ids[0]}").status_code == 200
    parts[0].outbox.pending.discard([1])
    booked(client)


def test_an_invalid_request_is_rejected_even_while_the_database_is_down(
    cut_off_client: FlaskClient,
) -> None:
    problem(book(cut_off_client, patientName=""), 400, "invalid_request")


def test_the_gateway_is_live_but_not_ready_while_the_database_is_down(
    cut_off_client: FlaskClient,
) -> None:
    ready = cut_off_client.get("/health/ready")
    assert ready.status_code == 503
    assert ready.get_json() == {"status": "unready", "database": "down", "broker": "down"}
    assert cut_off_client.get("/health/live").status_code == 200
