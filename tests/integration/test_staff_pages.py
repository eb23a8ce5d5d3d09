"""The staff pages without a browser: sign-in, agenda, search and changes to bookings."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import session
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from booking_service.service import BookingService
from clinic.bookings.appointment_queries import QueryResult
from clinic.bookings.repository import BookingRepository
from clinic.domain.booking import Booking
from clinic.domain.clock import now, to_wire
from clinic.errors import (
    ClinicError,
    ConcurrentModification,
    DatabaseUnavailable,
    IllegalTransition,
    InvalidBooking,
    ResendRejected,
    ServiceUnavailable,
)
from clinic.messaging.topology import BOOKING_SERVICE, NOTIFICATION_ADMIN
from clinic.outbox.relay import Relay
from clinic.rpc.rpc_client import RpcPool
from gateway.app import create_app
from gateway.auth.staff_keys import StaffKeys
from gateway.settings import GatewaySettings
from gateway.staff_calendar import agenda
from gateway.staff_search import search_page
from notification_service.service import NotificationAdminService
from tests.amqp import body_of, take
from tests.bookings import put_booking
from tests.clinics import confirm_seat, taken_seats
from tests.conftest import eventually
from tests.integration.test_pages import (
    CATALOGUE,
    MADRID,
    Service,
    elements,
    relayed,
    service,
    store,
    value,
)

__all__ = ["relayed", "service", "store"]

KEY = "the-key-of-the-staff"
OTHER_KEY = "other-key"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
TODAY = datetime.now(MADRID).date()

#: Paths for the tests of access control.
ADDRESSES = ["/staff", "/staff/", "/staff/search", f"/staff/booking/{UNKNOWN}", "/staff/nothing"]
FORMS = [
    "/staff/logout",
    "/staff/search",
    f"/staff/booking/{UNKNOWN}/cancel",
    f"/staff/booking/{UNKNOWN}/reschedule",
    f"/staff/booking/{UNKNOWN}/resend",
]


class AdminStandIn:
    """Stand-in for the notification admin service."""

    def __init__(self) -> None:
        self.notifications: list[dict[str, Any]] = []
        self.resent: list[dict[str, Any]] = []
        self.error: ClinicError | None = None

    def call(self, method: str, *, until: float, **arguments: Any) -> Any:
        if self.error:
            raise self.error
        if method == "list_notifications":
            return self.notifications
        self.resent.append(arguments)
        return None


def notification(**fields: Any) -> dict[str, Any]:
    usual = {
        "version": 2,
        "status": "confirmed",
        "channel": "email",
        "state": "sent",
        "tries": 1,
        "at": "2026-12-01T09:00:00Z",
        "canResend": True,
    }
    return usual | fields


@pytest.fixture
def admin() -> AdminStandIn:
    return AdminStandIn()


@pytest.fixture
def make_client(
    relayed: tuple[BookingRepository, Relay], service: Service, admin: AdminStandIn
) -> Callable[..., FlaskClient]:
    def make(*keys: str, **fields: Any) -> FlaskClient:
        own = GatewaySettings(catalogue=CATALOGUE, staff_api_keys=frozenset(keys), **fields)
        return create_app(*relayed, own, service, admin).test_client()  # type: ignore[arg-type]

    return make


@pytest.fixture
def anonymous(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    return make_client(KEY)


@pytest.fixture
def client(anonymous: FlaskClient) -> FlaskClient:
    sign_in(anonymous)
    return anonymous


def token(client: FlaskClient, address: str = "/staff/login") -> str:
    """The CSRF token of a page; all tokens of a session contain the same secret."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(address).text)
    assert found
    return found[1]


def sign_in(client: FlaskClient, key: str = KEY, **fields: str) -> TestResponse:
    data = {"csrf_token": token(client), "key": key} | fields
    return client.post("/staff/login", data=data)


def send(client: FlaskClient, address: str, **fields: Any) -> TestResponse:
    """Submit a form with a valid CSRF token."""
    return client.post(address, data={"csrf_token": token(client, "/staff/search")} | fields)


def search(client: FlaskClient, **fields: Any) -> TestResponse:
    """Search within the days that the form proposes."""
    form = client.get("/staff/search")
    days = {name: value(form, name) for name in ("first", "last")}
    return send(client, "/staff/search", **days | fields)


def at(day: date, time: str) -> datetime:
    """Convert a time at the clinic to UTC."""
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=MADRID).astimezone(UTC)


def confirmed(store: BookingRepository, **fields: Any) -> Booking:
    booking = put_booking(store, **fields)
    seats = taken_seats(store, booking.date)
    store.apply(confirm_seat(booking, len(seats), at=now(), by="booking_worker"))
    return store.get(booking.id)


def main_of(response: TestResponse) -> str:
    """The visible text of the page, in one line."""
    found = re.search(r"<main.*</main>", response.text, re.DOTALL)
    assert found
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


# --- access control


@pytest.mark.parametrize("address", ADDRESSES)
def test_staff_pages_redirect_to_the_sign_in_page(anonymous: FlaskClient, address: str) -> None:
    response = anonymous.get(address)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/staff/login?next=%2Fstaff")


@pytest.mark.parametrize("address", ADDRESSES)
def test_without_a_configured_key_staff_pages_are_disabled(
    make_client: Callable[..., FlaskClient], address: str
) -> None:
    client = make_client()
    for response in (client.get(address), client.get("/staff/login"), client.post("/staff/login")):
        assert response.status_code == 403
        assert "STAFF_API_KEY" in response.text
        assert "Set-Cookie" not in response.headers


def test_disabled_staff_pages_reject_every_form(make_client: Callable[..., FlaskClient]) -> None:
    client = make_client()
    assert {client.post(address).status_code for address in FORMS} == {403}


def test_sign_in_redirects_to_the_requested_page(anonymous: FlaskClient) -> None:
    response = sign_in(anonymous, next="/staff?day=2026-12-01&status=all")
    assert response.status_code == 303
    assert response.headers["Location"] == "/staff?day=2026-12-01&status=all"
    assert anonymous.get("/staff").status_code == 200


@pytest.mark.parametrize("key", ["", "wrong", "staff", "staff-keys", "ñ", "k" * 5000])
def test_an_invalid_key_is_rejected(anonymous: FlaskClient, key: str) -> None:
    response = sign_in(anonymous, key)
    assert response.status_code == 403
    assert "Esa no es una clave válida del personal." in response.text
    assert anonymous.get("/staff").status_code == 302


@pytest.mark.parametrize(
    "wanted",
    [
        "https://example.com/staff",
        "//example.com/staff",
        "/\\example.com",
        "/staff.example.com",
        "/staffing",
        "/staff\\..\\x",
        "javascript:alert(1)",
        "/staff\r\nX: y",
        "/",
        "",
    ],
)
def test_sign_in_never_redirects_outside_the_staff_pages(
    anonymous: FlaskClient, wanted: str
) -> None:
    assert sign_in(anonymous, next=wanted).headers["Location"] == "/staff"


def test_the_cookie_is_limited_to_staff_pages_and_contains_no_key(anonymous: FlaskClient) -> None:
    cookie = sign_in(anonymous).headers["Set-Cookie"]
    assert {"HttpOnly", "Path=/staff", "SameSite=Strict"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert KEY not in cookie
    for address in ("/", "/health/live", "/staffing", "/bookings"):
        response = anonymous.get(address, headers={"Cookie": cookie.split(";")[0]})
        assert "Cookie" not in response.headers.get("Vary", "")
        assert "Set-Cookie" not in response.headers


def test_only_staff_pages_open_a_session(anonymous: FlaskClient) -> None:
    app = anonymous.application
    for path, is_null in (("/book", True), ("/staffing", True), ("/staff", False)):
        with app.test_request_context(path):
            assert app.session_interface.is_null_session(session) is is_null


def test_the_cookie_is_secure_over_https(
    make_client: Callable[..., FlaskClient],
) -> None:
    client = make_client(KEY, trusted_proxies=1)
    response = client.get("/staff/login", headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in response.headers["Set-Cookie"].split("; ")


def test_an_active_session_expires_after_eight_hours(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = now()
    for minutes in (*range(25, 480, 25), 479, 481):
        later = begun + timedelta(minutes=minutes)
        monkeypatch.setattr("gateway.auth.staff_sessions.now", lambda later=later: later)
        assert client.get("/staff").status_code == (200 if minutes < 480 else 302)


def test_a_tampered_cookie_is_rejected(client: FlaskClient) -> None:
    cookie = client.get_cookie("staff", path="/staff")
    assert cookie
    body, _, rest = cookie.value.partition(".")
    for changed in (f"{body[:-2]}AA.{rest}", f"{body}.{rest[:-2]}AA", body, "", "x.y.z"):
        client.set_cookie("staff", changed, path="/staff")
        assert client.get("/staff").status_code == 302


def test_a_session_is_valid_in_every_process(make_client: Callable[..., FlaskClient]) -> None:
    first, second = make_client(KEY, OTHER_KEY), make_client(OTHER_KEY, KEY)
    sign_in(first)
    assert copy_cookie(first, second).get("/staff").status_code == 200


def test_removing_a_key_ends_only_its_sessions(
    make_client: Callable[..., FlaskClient],
) -> None:
    both, one, other = make_client(KEY, OTHER_KEY), make_client(KEY), make_client(KEY, "third")
    sign_in(both, OTHER_KEY)
    assert copy_cookie(both, one).get("/staff").status_code == 302
    sign_in(one)
    assert copy_cookie(one, other).get("/staff").status_code == 200


def copy_cookie(source: FlaskClient, target: FlaskClient) -> FlaskClient:
    """Copy the session cookie of one client to another, which is returned."""
    cookie = source.get_cookie("staff", path="/staff")
    assert cookie
    target.set_cookie("staff", cookie.value, path="/staff")
    return target


def test_signing_out_ends_the_session(client: FlaskClient) -> None:
    response = send(client, "/staff/logout")
    assert (response.status_code, response.headers["Location"]) == (303, "/staff/login")
    assert client.get("/staff").status_code == 302


def test_the_sign_in_page_redirects_signed_in_staff(client: FlaskClient) -> None:
    assert client.get("/staff/login").headers["Location"] == "/staff"


@pytest.mark.parametrize("address", ["/staff/login", *FORMS])
def test_a_csrf_token_of_another_session_is_rejected(
    client: FlaskClient, make_client: Callable[..., FlaskClient], address: str
) -> None:
    foreign = token(make_client(KEY))
    for sent in ({}, {"csrf_token": "x"}, {"csrf_token": "ñ"}, {"csrf_token": foreign}):
        response = client.post(address, data={"key": KEY} | sent)
        assert response.status_code == 400
        assert "Este formulario ha caducado" in response.text
    assert client.get("/staff").status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_cross_site_form_is_rejected(client: FlaskClient, site: str) -> None:
    data = {"csrf_token": token(client, "/staff")}
    response = client.post("/staff/logout", data=data, headers={"Sec-Fetch-Site": site})
    assert response.status_code == 400
    assert client.get("/staff").status_code == 200


def test_a_form_without_a_session_redirects_to_the_sign_in_page(anonymous: FlaskClient) -> None:
    response = anonymous.post("/staff/search", data={"text": "Ana"})
    assert (response.status_code, response.headers["Location"]) == (302, "/staff/login")


def test_a_cross_site_link_does_not_replace_the_session(anonymous: FlaskClient) -> None:
    """The browser sends no cookie with such a request, so it must not get a new one."""
    for address in ("/staff?day=2026-12-01", "/staff/login"):
        response = anonymous.get(address, headers={"Sec-Fetch-Site": "cross-site"})
        assert response.status_code == 200
        assert "Set-Cookie" not in response.headers
        assert elements(response, "meta")[-1]["content"] == f"0; url={address}"


def test_failed_sign_ins_are_rate_limited(
    make_client: Callable[..., FlaskClient],
) -> None:
    anonymous = make_client(KEY, failed_attempts_limit="10/hour")
    sent = {"csrf_token": token(anonymous), "key": "wrong"}
    responses = [anonymous.post("/staff/login", data=sent) for _ in range(11)]
    assert [each.status_code for each in responses] == [403] * 10 + [429]
    assert 1 <= int(responses[-1].headers["Retry-After"]) <= 2 * 3600
    assert "Demasiados intentos" in responses[-1].text
    # Failed attempts do not lock out a valid key from the same address.
    assert anonymous.post("/staff/login", data=sent | {"key": KEY}).status_code == 303


def test_signing_in_and_out_is_logged_without_the_key(
    anonymous: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sign_in(anonymous, "wrong-word")
    sign_in(anonymous)
    send(anonymous, "/staff/logout")
    logged = [each.event for each in caplog.records if hasattr(each, "event")]
    assert logged == ["sign_in_rejected", "signed_in", "signed_out"]
    assert KEY not in caplog.text
    assert "wrong-word" not in caplog.text


def test_staff_pages_load_no_external_resources_and_are_not_cached(client: FlaskClient) -> None:
    response = client.get("/staff")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["Cache-Control"] == "no-store"
    assert " style=" not in response.text
    assert "<script" not in response.text


# --- the agenda


def test_the_agenda_shows_a_week_in_order_in_clinic_time(
    client: FlaskClient, store: BookingRepository
) -> None:
    late = confirmed(store, date=at(TODAY, "16:00"), patient_name="Eva Ruiz")
    confirmed(store, date=at(TODAY, "09:20"), patient_name="Ana López")
    confirmed(store, date=at(TODAY + timedelta(days=6), "23:40"), patient_name="Luz Gil")
    confirmed(store, date=at(TODAY + timedelta(days=7), "00:00"), patient_name="Next Week")
    confirmed(store, date=at(TODAY - timedelta(days=1), "23:40"), patient_name="Yesterday")
    response = client.get("/staff")
    read = main_of(response)
    assert read.index("09:20 Ana López") < read.index("16:00 Eva Ruiz")
    assert read.index("16:00 Eva Ruiz") < read.index("23:40 Luz Gil")
    assert "Next Week" not in read
    assert "Yesterday" not in read
    assert "2 citas" in read
    assert f'href="/staff/booking/{late.id}"' in response.text
    assert len(elements(response, "h2")) == 7


def test_the_agenda_is_complete_on_a_clock_change_day(
    client: FlaskClient, store: BookingRepository
) -> None:
    changing = date(TODAY.year + 1, 3, 31)
    changing -= timedelta(days=(changing.weekday() + 1) % 7)  # the last Sunday
    assert at(changing + timedelta(days=1), "00:00") - at(changing, "00:00") == timedelta(hours=23)
    for time in ("00:00", "01:40", "03:00", "23:40"):
        confirmed(store, date=at(changing, time), patient_name=f"At {time}")
    confirmed(store, date=at(changing + timedelta(days=1), "00:00"), patient_name="The next day")
    (first, second) = re.findall(
        r"<tbody>.*?</tbody>", client.get(f"/staff?day={changing}").text, re.DOTALL
    )
    assert re.findall(r"At (\d\d:\d\d)", first) == ["00:00", "01:40", "03:00", "23:40"]
    assert re.findall(r"<time[^>]*>(\d\d:\d\d)", first) == ["00:00", "01:40", "03:00", "23:40"]
    assert "The next day" in second


def test_the_agenda_shows_confirmed_bookings_by_default(
    client: FlaskClient, store: BookingRepository
) -> None:
    confirmed(store, date=at(TODAY, "10:00"), patient_name="Comes")
    undecided = put_booking(store, date=at(TODAY, "10:20"), patient_name="Waits")
    store.flag_for_review(undecided.id, "check_unavailable")
    for query, names in (
        ("", {"Comes"}),
        ("?status=pending", {"Waits"}),
        ("?status=all", {"Comes", "Waits"}),
        ("?status=cancelled", set()),
        ("?status=nonsense", {"Comes"}),
    ):
        response = client.get(f"/staff{query}")
        assert {each for each in ("Comes", "Waits") if each in response.text} == names
        assert "Confirmadas 1 Pendientes 1 Rechazadas 0 Anuladas 0 Todas 2" in main_of(response)
        assert ("Requiere atención" in response.text) is ("Waits" in names)


@pytest.mark.parametrize("day", ["nonsense", "9999-12-28", "0001-01-03", "2026-02-30", "%00"])
def test_any_requested_day_has_an_agenda(client: FlaskClient, day: str) -> None:
    assert client.get(f"/staff?day={day}").status_code == 200


def test_the_agenda_links_to_adjacent_weeks(client: FlaskClient) -> None:
    links = [each.get("href") for each in elements(client.get("/staff?day=2026-12-01"), "a")]
    assert "/staff?day=2026-11-24&status=confirmed" in links
    assert "/staff?day=2026-12-08&status=confirmed" in links


def test_the_agenda_says_when_it_is_truncated(
    client: FlaskClient, store: BookingRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agenda, "LIMIT", 2)
    for number in range(3):
        assert "solo se ven" not in client.get("/staff").text
        put_booking(store, date=at(TODAY, f"10:{number}0"), patient_name=f"Patient {number}")
    response = client.get("/staff?status=all")
    assert "Solo se muestran las 2 primeras" in response.text
    assert "Patient 1" in response.text
    assert "Patient 2" not in response.text


def test_names_are_escaped_on_every_page(client: FlaskClient, store: BookingRepository) -> None:
    name = "<script>alert(1)</script>"
    booking = confirmed(store, date=at(TODAY, "10:00"), patient_name=name)
    pages = [client.get("/staff"), client.get(f"/staff/booking/{booking.id}"), search(client)]
    pages.append(search(client, text=f'"><img src=x>{name}'))
    for response in pages:
        assert "<script>" not in response.text
        assert "<img src=x>" not in response.text
        assert "&lt;script&gt;" in response.text


def test_an_unavailable_database_gets_an_error_page(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_unavailable(*_: Any) -> QueryResult:
        raise DatabaseUnavailable("NetworkTimeout")

    monkeypatch.setattr(
        "clinic.bookings.appointment_queries.AppointmentQueries.between", raise_unavailable
    )
    for _ in range(2):
        response = client.get("/staff")
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert "no está disponible" in response.text
    # A database too slow for the agenda can still read one booking.
    assert client.get(f"/staff/booking/{UNKNOWN}").status_code == 404


def test_unknown_staff_pages_get_a_not_found_page(client: FlaskClient) -> None:
    for address in ("/staff/nothing", f"/staff/booking/{UNKNOWN}", "/staff/booking/x"):
        response = client.get(address)
        assert response.status_code == 404
        assert "No hay ninguna página en esta dirección" in response.text
        assert 'href="/staff/search"' in response.text


# --- searching


@pytest.mark.parametrize(
    "text",
    ["José Núñez", "jose nunez", "NUÑEZ", "núñez josé", "núñ", "jn@EXAMPLE", " josé  ", ""],
)
def test_search_ignores_case_accents_and_word_order(
    client: FlaskClient, store: BookingRepository, text: str
) -> None:
    fields = {"patient_name": "José Núñez", "patient_email": "jn@example.com"}
    put_booking(store, date=at(TODAY, "10:00"), **fields)
    assert "José Núñez</a>" in search(client, text=text).text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Łukasz Wójcik", "Lukasz Wojcik"),
        ("Sinéad O’Connor", "O'Connor"),
        ("Jorge Pérez", "Pérez, Jorge"),
        ("علی کریمی", "علي كريمي"),
        ("علی\u200cرضا", "علی رضا"),
    ],
    ids=ascii,
)
def test_search_normalises_letters_and_punctuation(
    client: FlaskClient, store: BookingRepository, name: str, text: str
) -> None:
    put_booking(store, date=at(TODAY, "10:00"), patient_name=name)
    assert f"{name}</a>" in search(client, text=text).text


def test_a_search_text_that_is_too_long_is_rejected(client: FlaskClient) -> None:
    response = search(client, text="x" * 15_000)
    assert response.status_code == 400
    assert "254 caracteres como mucho" in response.text
    assert len(value(response, "text") or "") == 254


@pytest.mark.parametrize("written", ["#{}", "Ref. {}.", "Referencia: {}", "urn:uuid:{}", "{{{}}}"])
def test_a_pasted_reference_is_found(
    client: FlaskClient, store: BookingRepository, written: str
) -> None:
    booking = put_booking(store)
    response = search(client, text=written.format(booking.id.upper()))
    assert response.headers["Location"] == f"/staff/booking/{booking.id}"


def test_the_booking_page_accepts_an_uppercase_id(
    client: FlaskClient, store: BookingRepository
) -> None:
    booking = put_booking(store)
    response = client.get(f"/staff/booking/{booking.id.upper()}")
    assert response.status_code == 200
    assert f'action="/staff/booking/{booking.id}/cancel"' in response.text


@pytest.mark.parametrize("text", ["Josefa", "jose perez", ".*", "$ne", '{"$gt": ""}', "Jos%"])
def test_search_finds_only_matching_names(
    client: FlaskClient, store: BookingRepository, text: str
) -> None:
    put_booking(store, date=at(TODAY, "10:00"), patient_name="José Núñez")
    response = search(client, text=text)
    assert response.status_code == 200
    assert "No se han encontrado citas" in response.text


def test_search_filters_by_days_and_status(client: FlaskClient, store: BookingRepository) -> None:
    confirmed(store, date=at(TODAY, "00:00"), patient_name="First")
    confirmed(store, date=at(TODAY, "23:40"), patient_name="Last")
    put_booking(store, date=at(TODAY, "12:00"), patient_name="Waits")
    put_booking(store, date=at(TODAY + timedelta(days=1), "00:00"), patient_name="Tomorrow")
    response = search(client, first=str(TODAY), last=str(TODAY), status="confirmed")
    assert re.findall(r">(\w+)</a> <span", response.text) == ["First", "Last"]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("", "2026-12-01"),
        ("2026-12-01", "nonsense"),
        ("2026-12-02", "2026-12-01"),
        ("2026-12-01", "2027-12-02"),
    ],
)
def test_search_rejects_an_invalid_range_of_days(
    client: FlaskClient, first: str, last: str
) -> None:
    response = search(client, first=first, last=last, text="Ana")
    assert response.status_code == 400
    assert "Elija dos días en orden" in response.text
    assert value(response, "text") == "Ana"


def test_a_whole_year_can_be_searched(client: FlaskClient) -> None:
    assert search(client, first="2026-12-01", last="2027-12-01").status_code == 200


@pytest.mark.parametrize("length", [8, 12, 13, 20, 36])
@pytest.mark.parametrize("written", [str, str.upper, lambda text: text.replace("-", "")])
def test_a_search_by_reference_redirects_to_its_booking(
    client: FlaskClient, store: BookingRepository, length: int, written: Callable[[str], str]
) -> None:
    booking = put_booking(store, date=at(TODAY + timedelta(days=300), "10:00"))
    put_booking(store)
    response = search(client, text=written(booking.id[:length]))
    assert response.status_code == 303
    assert response.headers["Location"] == f"/staff/booking/{booking.id}"


def test_an_ambiguous_reference_lists_all_matches(
    client: FlaskClient, relayed: tuple[BookingRepository, Relay]
) -> None:
    for number in range(2):
        booking = put_booking(relayed[0], patient_name=f"Patient {number}")
        found = relayed[0]._bookings.find_one({"_id": booking.id})
        relayed[0]._bookings.insert_one(
            found | {"_id": f"deadbeef-0000-4000-8000-00000000000{number}"}
        )
    response = search(client, text="deadbeef")
    assert re.findall(r">(Patient \d)</a>", response.text) == ["Patient 0", "Patient 1"]
    unknown = "deadbeef0000400080000000000000ff"
    assert "No se han encontrado citas" in search(client, text=unknown).text
    assert "No se han encontrado citas" in search(client, text="deadbee00").text


def test_the_search_says_when_its_results_are_truncated(
    client: FlaskClient, store: BookingRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        put_booking(store, date=at(TODAY, f"10:{number}0"), patient_name=f"Patient {number}")
    monkeypatch.setattr(search_page, "SHOWN_LIMIT", 2)
    response = search(client, text="patient")
    assert "Las 2 primeras citas; hay más" in response.text
    assert re.findall(r">(Patient \d)</a>", response.text) == ["Patient 0", "Patient 1"]
    assert "Solo se han mirado" not in response.text
    monkeypatch.setattr(search_page, "READ_LIMIT", 3)
    response = search(client, text="patient 3")
    assert "Solo se ha buscado en las 3 primeras citas" in response.text
    assert "Patient 3" not in main_of(response)


def test_the_search_text_is_in_no_url_and_no_log(
    client: FlaskClient, store: BookingRepository, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    put_booking(store, date=at(TODAY, "10:00"), patient_name="José Núñez")
    response = search(client, text="Núñez")
    assert "José Núñez" in response.text
    links = [each.get("href") or "" for each in elements(response, "a")]
    assert not any("ez" in each for each in links)
    assert "Núñez" not in "".join(
        each.getMessage() for each in caplog.records if not each.name.startswith("pymongo")
    )


# --- one booking


def test_the_booking_page_shows_all_details(client: FlaskClient, store: BookingRepository) -> None:
    booking = confirmed(
        store,
        date=at(TODAY + timedelta(days=1), "10:00"),
        patient_name="Ana López",
        patient_email="ana@example.com",
        language="en",
        by="patient",
    )
    read = main_of(client.get(f"/staff/booking/{booking.id}"))
    for each in ("Confirmada", "Ana López", "ana@example.com", "10:00", "Inglés", booking.id):
        assert each in read
    assert "Solicitud recibida" in read
    assert "por el paciente" in read
    assert "por el sistema" in read


def test_a_booking_flagged_for_review_shows_the_reason(
    client: FlaskClient, store: BookingRepository
) -> None:
    booking = put_booking(store)
    store.flag_for_review(booking.id, "check_unavailable")
    read = main_of(client.get(f"/staff/booking/{booking.id}"))
    assert "Requiere atención" in read
    assert "check_unavailable" in read


@pytest.mark.parametrize(
    "reason", ["cancelled_by_clinic", "practitioner_unavailable", "clinic_closed"]
)
def test_staff_cancel_a_booking_with_a_reason(
    client: FlaskClient, store: BookingRepository, reason: str
) -> None:
    booking = confirmed(store)
    response = send(client, f"/staff/booking/{booking.id}/cancel", reason=reason)
    assert (response.status_code, response.headers["Location"]) == (
        303,
        f"/staff/booking/{booking.id}",
    )
    row = store.get(booking.id).history[-1]
    assert (row.status, row.reason, row.by) == ("cancelled", reason, "staff")
    assert row.key_id == StaffKeys([KEY]).key_id(KEY)
    page = client.get(response.headers["Location"])
    assert "La cita se ha anulado." in page.text
    assert f"por el personal (clave {row.key_id}" in main_of(page)
    assert "/cancel" not in page.text
    assert "La cita se ha anulado." not in client.get(response.headers["Location"]).text


@pytest.mark.parametrize("reason", ["", "cancelled_by_patient", "slot_full", "nonsense"])
def test_staff_cannot_cancel_with_another_reason(
    client: FlaskClient, store: BookingRepository, reason: str
) -> None:
    booking = confirmed(store)
    response = send(client, f"/staff/booking/{booking.id}/cancel", reason=reason)
    assert response.status_code == 400
    assert "Elija el motivo de la anulación." in response.text
    assert store.get(booking.id).status == "confirmed"


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (IllegalTransition("late"), 409, "ya no lo permite"),
        (ConcurrentModification("moved on"), 409, "El servicio no ha contestado"),
        (ServiceUnavailable("away"), 503, "El servicio no ha contestado"),
    ],
)
def test_a_failed_cancellation_is_reported(
    client: FlaskClient,
    store: BookingRepository,
    service: Service,
    error: ClinicError,
    status: int,
    text: str,
) -> None:
    booking = confirmed(store)
    service.error = error
    address = f"/staff/booking/{booking.id}/cancel"
    response = send(client, address, reason="clinic_closed")
    assert response.status_code == status
    assert text in response.text
    assert store.get(booking.id).status == "confirmed"


def test_free_slots_of_a_day_are_offered_for_rescheduling(
    client: FlaskClient, store: BookingRepository, service: Service
) -> None:
    booking = confirmed(store)
    day = TODAY + timedelta(days=2)
    response = client.get(f"/staff/booking/{booking.id}?move={day}")
    offered = [each["value"] for each in elements(response, "input") if each.get("name") == "date"]
    assert offered == service.list_free_slots(str(day))
    service.error = ServiceUnavailable("away")
    response = client.get(f"/staff/booking/{booking.id}?move={day}")
    assert response.status_code == 200
    assert "no se pueden mostrar las horas disponibles" in response.text


def test_an_unconfirmed_booking_cannot_be_rescheduled(
    client: FlaskClient, store: BookingRepository, service: Service
) -> None:
    booking = put_booking(store)
    response = client.get(f"/staff/booking/{booking.id}?move={TODAY}")
    assert "/reschedule" not in response.text
    assert service.calls == []


def test_rescheduling_to_an_invalid_date_is_rejected(
    client: FlaskClient, store: BookingRepository
) -> None:
    booking = confirmed(store)
    response = send(client, f"/staff/booking/{booking.id}/reschedule", date="tomorrow")
    assert response.status_code == 400
    assert "Elija un día y una hora." in response.text


# --- with the real services


@pytest.fixture
def real_client(
    relayed: tuple[BookingRepository, Relay],
    config: dict[str, Any],
    amqp_uri: str,
    container_factory: Any,
) -> Iterator[FlaskClient]:
    """A signed-in client of a gateway with real services and the configured opening hours."""
    containers = [
        container_factory(each, config) for each in (BookingService, NotificationAdminService)
    ]
    for each in containers:
        each.start()
    pools = [RpcPool(amqp_uri, each) for each in (BOOKING_SERVICE, NOTIFICATION_ADMIN)]
    own = GatewaySettings(staff_api_keys=frozenset({KEY}))
    client = create_app(*relayed, own, *pools).test_client()
    sign_in(client)
    yield client
    for pool in pools:
        pool.close()
    for each in containers:
        each.stop()


def test_a_repeated_cancellation_is_idempotent(
    real_client: FlaskClient, store: BookingRepository
) -> None:
    booking = confirmed(store)
    address = f"/staff/booking/{booking.id}/cancel"
    for _ in range(2):
        assert send(real_client, address, reason="practitioner_unavailable").status_code == 303
    found = store.get(booking.id)
    assert found.version == 3
    assert (found.reason, found.history[-1].by) == ("practitioner_unavailable", "staff")
    assert send(real_client, address, reason="clinic_closed").status_code == 409


def test_a_repeated_reschedule_is_idempotent_and_closed_hours_are_rejected(
    real_client: FlaskClient, store: BookingRepository
) -> None:
    noon = (now() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    booking = confirmed(store, date=noon)
    address = f"/staff/booking/{booking.id}/reschedule"
    for _ in range(2):
        response = send(real_client, address, date=to_wire(noon + timedelta(days=1)))
        assert response.status_code == 303
    moved = store.get(booking.id)
    assert (moved.version, moved.date) == (3, noon + timedelta(days=1))
    assert "La cita se ha cambiado." in real_client.get(response.headers["Location"]).text
    response = send(real_client, address, date=to_wire(noon - timedelta(hours=11)))
    assert response.status_code == 409
    assert "La clínica está cerrada en ese momento." in response.text


def test_a_pending_email_is_shown_and_can_be_resent(
    real_client: FlaskClient, store: BookingRepository, amqp_uri: str
) -> None:
    booking = confirmed(store)
    response = real_client.get(f"/staff/booking/{booking.id}")
    assert "Confirmada versión 2 Correo Pendiente" in main_of(response)
    sent = {name: value(response, name) for name in ("version", "channel")}
    response = send(real_client, f"/staff/booking/{booking.id}/resend", **sent)
    assert response.status_code == 303
    event = eventually(lambda: take(amqp_uri, "notification_service.email"))
    assert body_of(event)["eventId"] == f"{booking.id}:2"


# --- the notifications


def test_notifications_are_shown_with_their_delivery_state(
    client: FlaskClient, store: BookingRepository, admin: AdminStandIn
) -> None:
    booking = confirmed(store)
    states = ["waiting", "sending", "postponed", "sent", "failed", "superseded"]
    channels = ["email", "webhook", "reminder"]
    admin.notifications = [
        notification(state=state, channel=channel, canResend=state == "failed", tries=3)
        for state in states
        for channel in channels
    ]
    response = client.get(f"/staff/booking/{booking.id}")
    assert response.text.count(f"/staff/booking/{booking.id}/resend") == 3
    read = main_of(response)
    for text in ("Pendiente", "Aplazado", "Fallido", "Ya no hace falta", "Recordatorio"):
        assert text in read


def test_staff_resend_a_notification(
    client: FlaskClient, store: BookingRepository, admin: AdminStandIn
) -> None:
    booking = confirmed(store)
    admin.notifications = [notification()]
    sent = {"version": "2", "channel": "email"}
    response = send(client, f"/staff/booking/{booking.id}/resend", **sent)
    assert response.status_code == 303
    assert admin.resent == [
        {"booking_id": booking.id, "version": 2, "channel": "email", "by": "staff"}
    ]
    assert "El aviso se está enviando otra vez." in client.get(response.headers["Location"]).text


@pytest.mark.parametrize(
    ("sent", "error", "status"),
    [
        ({"channel": "email"}, None, 400),
        ({"version": "x", "channel": "email"}, None, 400),
        ({"version": "2", "channel": "email"}, ResendRejected("it is being sent"), 409),
        ({"version": "2", "channel": "pigeon"}, InvalidBooking("no such channel"), 409),
        ({"version": "2", "channel": "email"}, ServiceUnavailable("away"), 503),
    ],
)
def test_a_failed_resend_is_reported(
    client: FlaskClient,
    store: BookingRepository,
    admin: AdminStandIn,
    monkeypatch: pytest.MonkeyPatch,
    sent: dict[str, str],
    error: ClinicError | None,
    status: int,
) -> None:
    booking = confirmed(store)

    def refuse(method: str, **_: Any) -> list[Any]:
        if method == "resend" and error:
            raise error
        return []

    monkeypatch.setattr(admin, "call", refuse)
    response = send(client, f"/staff/booking/{booking.id}/resend", **sent)
    assert response.status_code == status
    assert elements(response, "div")[0]["role"] == "alert"


def test_a_booking_is_shown_without_the_notification_admin(
    client: FlaskClient, store: BookingRepository, admin: AdminStandIn
) -> None:
    booking = confirmed(store)
    admin.error = ServiceUnavailable("nobody there")
    response = client.get(f"/staff/booking/{booking.id}")
    assert response.status_code == 200
    assert "no se pueden mostrar los avisos" in response.text
    assert "Anular la cita" in response.text


def test_the_pages_are_english_for_clients_that_prefer_it(
    client: FlaskClient, store: BookingRepository, admin: AdminStandIn
) -> None:
    booking = confirmed(store)
    admin.notifications = [notification()]
    english = {"Accept-Language": "en"}
    for address, title in (
        ("/staff", "Agenda – Clinic"),
        ("/staff/search", "Search – Clinic"),
        (f"/staff/booking/{booking.id}", "Appointment – Clinic"),
        ("/staff/nothing", "There is no page at this address – Clinic"),
    ):
        response = client.get(address, headers=english)
        assert f"<title>{title}</title>" in response.text
        assert '<html lang="en">' in response.text
