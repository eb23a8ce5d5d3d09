"""Security events: when they are logged, what they contain, and what they must not contain."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from clinic.bookings.repository import BookingRepository
from clinic.domain.manage_token import create_credentials
from gateway.auth.staff_keys import StaffKeys
from gateway.http.security_log import SecurityEvent
from tests.bookings import put_booking, requested
from tests.integration.test_pages import relayed, service, store
from tests.integration.test_staff_pages import (
    KEY,
    AdminStandIn,
    admin,
    confirmed,
    make_client,
    notification,
    send,
    sign_in,
)

__all__ = ["admin", "make_client", "relayed", "service", "store"]

KEY_ID = StaffKeys([KEY]).key_id(KEY)
CLIENT = {"REMOTE_ADDR": "203.0.113.9"}
WRONG = "a-wrong-secret"


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
    caplog.set_level(logging.INFO)
    return lambda: [each for each in caplog.records if hasattr(each, "event")]


def seen(record: Any) -> tuple[str, str | None]:
    return record.event, getattr(record, "key_id", None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/bookings/"),
        ("GET", "/metrics"),
        ("GET", "/booking/{id}"),
        ("POST", "/booking/{id}/cancel"),
        ("POST", "/booking/{id}/reschedule"),
    ],
)
def test_an_invalid_bearer_token_is_logged_with_address_and_request_id(
    make_client: Callable[..., FlaskClient],
    store: BookingRepository,
    events: Callable[[], list[logging.LogRecord]],
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
) -> None:
    booking = put_booking(store)
    headers = {"Authorization": f"Bearer {WRONG}", "X-Request-ID": "r-17"}
    make_client(KEY).open(
        path.format(id=booking.id), method=method, headers=headers, environ_base=CLIENT
    )
    (record,) = events()
    assert seen(record) == ("credential_rejected", None)
    assert (record.levelname, record.client_address) == ("WARNING", "203.0.113.9")  # type: ignore[attr-defined]
    assert hasattr(record, "booking_id") == ("{id}" in path)
    assert WRONG not in caplog.text


@pytest.mark.parametrize("path", ["cancel", "reschedule"])
def test_a_wrong_code_on_a_patient_page_is_logged(
    make_client: Callable[..., FlaskClient],
    store: BookingRepository,
    events: Callable[[], list[logging.LogRecord]],
    path: str,
) -> None:
    booking = confirmed(store)
    data = {"code": WRONG, "date": "2026-12-01T10:00:00Z"}
    make_client(KEY).post(f"/cita/{booking.id}/{path}", data=data)
    assert [seen(each) for each in events()] == [("credential_rejected", None)]


def test_public_requests_and_valid_credentials_log_no_events(
    make_client: Callable[..., FlaskClient],
    store: BookingRepository,
    events: Callable[[], list[logging.LogRecord]],
) -> None:
    client, booking = make_client(KEY), put_booking(store)
    client.get(f"/booking/{booking.id}")
    client.get("/bookings/", headers={"Authorization": f"Bearer {KEY}"})
    client.get("/bookings/")
    assert events() == []


def test_sign_in_sign_out_and_forged_forms_are_logged(
    make_client: Callable[..., FlaskClient],
    events: Callable[[], list[logging.LogRecord]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = make_client(KEY)
    client.post("/staff/login", data={"key": KEY})
    sign_in(client, WRONG)
    sign_in(client)
    client.post("/staff/search", data={"csrf_token": "forged"})
    send(client, "/staff/logout")
    assert [seen(each) for each in events()] == [
        ("csrf_rejected", None),
        ("sign_in_rejected", None),
        ("signed_in", KEY_ID),
        ("csrf_rejected", KEY_ID),
        ("signed_out", KEY_ID),
    ]
    assert WRONG not in caplog.text
    assert KEY not in caplog.text


def test_changes_by_staff_are_logged_with_key_and_booking(
    make_client: Callable[..., FlaskClient],
    store: BookingRepository,
    admin: AdminStandIn,
    events: Callable[[], list[logging.LogRecord]],
) -> None:
    client, booking = make_client(KEY), confirmed(store)
    sign_in(client)
    admin.notifications = [notification()]
    page = f"/staff/booking/{booking.id}"
    send(client, f"{page}/resend", version="2", channel="email")
    send(client, f"{page}/reschedule", date="2026-12-01T10:00:00Z")
    send(client, f"{page}/cancel", reason="clinic_closed")
    _, *changes = events()
    assert [seen(each) for each in changes] == [
        ("notification_resent_by_staff", KEY_ID),
        ("booking_rescheduled_by_staff", KEY_ID),
        ("booking_cancelled_by_staff", KEY_ID),
    ]
    assert [each.booking_id for each in changes[1:]] == [booking.id] * 2  # type: ignore[attr-defined]
    assert [row.key_id for row in store.get(booking.id).history[-2:]] == [KEY_ID] * 2


def test_changes_over_the_api_are_logged_for_staff_only(
    make_client: Callable[..., FlaskClient],
    store: BookingRepository,
    events: Callable[[], list[logging.LogRecord]],
) -> None:
    client = make_client(KEY)
    staffs = put_booking(store)
    client.post(f"/booking/{staffs.id}/cancel", headers={"Authorization": f"Bearer {KEY}"})
    patient_token, access = create_credentials()
    patients = requested()
    store.insert(patients, access)
    client.post(
        f"/booking/{patients.id}/cancel", headers={"Authorization": f"Bearer {patient_token}"}
    )
    assert [seen(each) for each in events()] == [("booking_cancelled_by_staff", KEY_ID)]
    assert [store.get(each.id).history[-1].key_id for each in (staffs, patients)] == [KEY_ID, None]


@pytest.mark.parametrize(
    ("forwarded", "logged"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("203.0.113.1, 2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("x event=signed_in key_id=1", "127.0.0.1"),
        ("<script>", "127.0.0.1"),
        ("9" * 65, "127.0.0.1"),
    ],
)
def test_the_logged_address_is_that_reported_by_a_trusted_proxy(
    make_client: Callable[..., FlaskClient],
    events: Callable[[], list[logging.LogRecord]],
    forwarded: str,
    logged: str,
) -> None:
    headers = {"Authorization": f"Bearer {WRONG}", "X-Forwarded-For": forwarded}
    make_client(KEY, trusted_proxies=1).get("/metrics", headers=headers)
    (record,) = events()
    assert record.client_address == logged  # type: ignore[attr-defined]


def test_a_rate_limited_client_is_logged_once(
    make_client: Callable[..., FlaskClient], events: Callable[[], list[logging.LogRecord]]
) -> None:
    client = make_client(KEY, rate_limit="1/hour")
    for _ in range(3):
        client.post("/book", data=b"{", content_type="application/json", environ_base=CLIENT)
    (record,) = events()
    assert (record.event, record.client_address) == ("rate_limited", "203.0.113.9")  # type: ignore[attr-defined]


def test_event_names_are_lowercase_words() -> None:
    assert all(re.fullmatch("[a-z_]+", each) for each in SecurityEvent)
