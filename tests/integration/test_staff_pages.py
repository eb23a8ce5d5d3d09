"""The staff's pages without a browser: who gets in, what they find, and what a form does."""

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
from clinic.domain import booking as steps
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
from gateway.staff_pages import agenda
from gateway.staff_search import search_page
from notification_service.service import NotificationAdminService
from tests.amqp import body_of, take
from tests.bookings import put_booking
from tests.conftest import eventually
from tests.integration.test_pages import (
    HOURS,
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

#: What each page is asked with, when it is only about getting in.
ADDRESSES = ["/staff", "/staff/", "/staff/search", f"/staff/booking/{UNKNOWN}", "/staff/nothing"]
FORMS = [
    "/staff/logout",
    "/staff/search",
    f"/staff/booking/{UNKNOWN}/cancel",
    f"/staff/booking/{UNKNOWN}/reschedule",
    f"/staff/booking/{UNKNOWN}/resend",
]


class Desk:
    """Answers as the notification desk does."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.resent: list[dict[str, Any]] = []
        self.error: ClinicError | None = None

    def call(self, method: str, *, until: float, **arguments: Any) -> Any:
        if self.error:
            raise self.error
        if method == "list_notifications":
            return self.told
        self.resent.append(arguments)
        return None


def told(**fields: Any) -> dict[str, Any]:
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
def desk() -> Desk:
    return Desk()


@pytest.fixture
def make_client(
    relayed: tuple[BookingRepository, Relay], service: Service, desk: Desk
) -> Callable[..., FlaskClient]:
    def make(*keys: str, **fields: Any) -> FlaskClient:
        own = GatewaySettings(hours=HOURS, staff_api_keys=frozenset(keys), **fields)
        return create_app(*relayed, own, service, desk).test_client()  # type: ignore[arg-type]

    return make


@pytest.fixture
def stranger(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    return make_client(KEY)


@pytest.fixture
def client(stranger: FlaskClient) -> FlaskClient:
    sign_in(stranger)
    return stranger


def token(client: FlaskClient, address: str = "/staff/login") -> str:
    """The token of the forms of a page; all forms of a session have the same secret in it."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(address).text)
    assert found
    return found[1]


def sign_in(client: FlaskClient, key: str = KEY, **fields: str) -> TestResponse:
    data = {"csrf_token": token(client), "key": key} | fields
    return client.post("/staff/login", data=data)


def send(client: FlaskClient, address: str, **fields: Any) -> TestResponse:
    """Send a form as the pages do."""
    return client.post(address, data={"csrf_token": token(client, "/staff/search")} | fields)


def look(client: FlaskClient, **fields: Any) -> TestResponse:
    """Search; the days are those that the form proposes."""
    form = client.get("/staff/search")
    days = {name: value(form, name) for name in ("first", "last")}
    return send(client, "/staff/search", **days | fields)


def at(day: date, time: str) -> datetime:
    """A time on the clinic's clocks."""
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=MADRID).astimezone(UTC)


def confirmed(store: BookingRepository, **fields: Any) -> Booking:
    booking = put_booking(store, **fields)
    seats = store.taken_seats(booking.date)
    store.apply(steps.confirm(booking, seat=len(seats), at=now(), by="booking_worker"))
    return store.get(booking.id)


def main_of(answer: TestResponse) -> str:
    """What can be read on the page, in one line."""
    found = re.search(r"<main.*</main>", answer.text, re.DOTALL)
    assert found
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


# --- getting in


@pytest.mark.parametrize("address", ADDRESSES)
def test_who_has_not_signed_in_is_led_to_the_door(stranger: FlaskClient, address: str) -> None:
    answer = stranger.get(address)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/staff/login?next=%2Fstaff")


@pytest.mark.parametrize("address", ADDRESSES)
def test_without_a_key_in_the_configuration_all_is_closed(
    make_client: Callable[..., FlaskClient], address: str
) -> None:
    client = make_client()
    for answer in (client.get(address), client.get("/staff/login"), client.post("/staff/login")):
        assert answer.status_code == 403
        assert "STAFF_API_KEY" in answer.text
        assert "Set-Cookie" not in answer.headers


def test_no_form_is_taken_where_all_is_closed(make_client: Callable[..., FlaskClient]) -> None:
    client = make_client()
    assert {client.post(address).status_code for address in FORMS} == {403}


def test_a_key_opens_the_page_that_was_wanted(stranger: FlaskClient) -> None:
    answer = sign_in(stranger, next="/staff?day=2026-12-01&status=all")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/staff?day=2026-12-01&status=all"
    assert stranger.get("/staff").status_code == 200


@pytest.mark.parametrize("key", ["", "wrong", "staff", "staff-keys", "ñ", "k" * 5000])
def test_another_word_opens_nothing(stranger: FlaskClient, key: str) -> None:
    answer = sign_in(stranger, key)
    assert answer.status_code == 403
    assert "Esa no es una clave válida del personal." in answer.text
    assert stranger.get("/staff").status_code == 302


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
def test_nobody_is_led_out_of_the_staff_pages(stranger: FlaskClient, wanted: str) -> None:
    assert sign_in(stranger, next=wanted).headers["Location"] == "/staff"


def test_the_cookie_is_for_the_staff_pages_only_and_holds_no_key(stranger: FlaskClient) -> None:
    cookie = sign_in(stranger).headers["Set-Cookie"]
    assert {"HttpOnly", "Path=/staff", "SameSite=Strict"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert KEY not in cookie
    for address in ("/", "/health/live", "/staffing", "/bookings"):
        answer = stranger.get(address, headers={"Cookie": cookie.split(";")[0]})
        assert "Cookie" not in answer.headers.get("Vary", "")
        assert "Set-Cookie" not in answer.headers


def test_no_other_request_opens_a_session(stranger: FlaskClient) -> None:
    app = stranger.application
    for path, is_null in (("/book", True), ("/staffing", True), ("/staff", False)):
        with app.test_request_context(path):
            assert app.session_interface.is_null_session(session) is is_null


def test_the_cookie_is_secure_where_the_request_is(
    make_client: Callable[..., FlaskClient],
) -> None:
    client = make_client(KEY, trusted_proxies=1)
    answer = client.get("/staff/login", headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in answer.headers["Set-Cookie"].split("; ")


def test_a_session_that_is_used_all_day_is_over_after_eight_hours(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = now()
    for minutes in (*range(25, 480, 25), 479, 481):
        later = begun + timedelta(minutes=minutes)
        monkeypatch.setattr("gateway.auth.staff_sessions.now", lambda later=later: later)
        assert client.get("/staff").status_code == (200 if minutes < 480 else 302)


def test_a_cookie_that_was_changed_opens_nothing(client: FlaskClient) -> None:
    cookie = client.get_cookie("staff", path="/staff")
    assert cookie
    body, _, rest = cookie.value.partition(".")
    for changed in (f"{body[:-2]}AA.{rest}", f"{body}.{rest[:-2]}AA", body, "", "x.y.z"):
        client.set_cookie("staff", changed, path="/staff")
        assert client.get("/staff").status_code == 302


def test_all_processes_know_a_session(make_client: Callable[..., FlaskClient]) -> None:
    first, second = make_client(KEY, OTHER_KEY), make_client(OTHER_KEY, KEY)
    sign_in(first)
    assert carried(first, second).get("/staff").status_code == 200


def test_a_key_that_is_taken_away_ends_its_sessions_and_no_others(
    make_client: Callable[..., FlaskClient],
) -> None:
    both, one, other = make_client(KEY, OTHER_KEY), make_client(KEY), make_client(KEY, "third")
    sign_in(both, OTHER_KEY)
    assert carried(both, one).get("/staff").status_code == 302
    sign_in(one)
    assert carried(one, other).get("/staff").status_code == 200


def carried(source: FlaskClient, target: FlaskClient) -> FlaskClient:
    """The second, with the cookie of the first."""
    cookie = source.get_cookie("staff", path="/staff")
    assert cookie
    target.set_cookie("staff", cookie.value, path="/staff")
    return target


def test_signing_out_ends_the_session(client: FlaskClient) -> None:
    answer = send(client, "/staff/logout")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/staff/login")
    assert client.get("/staff").status_code == 302


def test_who_has_signed_in_is_not_asked_again(client: FlaskClient) -> None:
    assert client.get("/staff/login").headers["Location"] == "/staff"


@pytest.mark.parametrize("address", ["/staff/login", *FORMS])
def test_a_form_of_another_session_does_nothing(
    client: FlaskClient, make_client: Callable[..., FlaskClient], address: str
) -> None:
    foreign = token(make_client(KEY))
    for sent in ({}, {"csrf_token": "x"}, {"csrf_token": "ñ"}, {"csrf_token": foreign}):
        answer = client.post(address, data={"key": KEY} | sent)
        assert answer.status_code == 400
        assert "Este formulario ha caducado" in answer.text
    assert client.get("/staff").status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_that_another_site_sends_does_nothing(client: FlaskClient, site: str) -> None:
    data = {"csrf_token": token(client, "/staff")}
    answer = client.post("/staff/logout", data=data, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 400
    assert client.get("/staff").status_code == 200


def test_a_form_without_a_session_leads_to_the_door(stranger: FlaskClient) -> None:
    answer = stranger.post("/staff/search", data={"text": "Ana"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/staff/login")


def test_a_link_of_another_site_does_not_end_the_session(stranger: FlaskClient) -> None:
    """The browser sends no cookie along: neither may it get a new one."""
    for address in ("/staff?day=2026-12-01", "/staff/login"):
        answer = stranger.get(address, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert elements(answer, "meta")[-1]["content"] == f"0; url={address}"


def test_only_so_many_wrong_keys_are_answered_in_a_while(
    make_client: Callable[..., FlaskClient],
) -> None:
    stranger = make_client(KEY, failed_attempts_limit="10/hour")
    sent = {"csrf_token": token(stranger), "key": "wrong"}
    answers = [stranger.post("/staff/login", data=sent) for _ in range(11)]
    assert [each.status_code for each in answers] == [403] * 10 + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 2 * 3600
    assert "Demasiados intentos" in answers[-1].text
    # Others who fail at that address keep nobody out.
    assert stranger.post("/staff/login", data=sent | {"key": KEY}).status_code == 303


def test_signing_in_and_out_is_logged_without_the_key(
    stranger: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sign_in(stranger, "wrong-word")
    sign_in(stranger)
    send(stranger, "/staff/logout")
    said = [each.event for each in caplog.records if hasattr(each, "event")]
    assert said == ["sign_in_rejected", "signed_in", "signed_out"]
    assert KEY not in caplog.text
    assert "wrong-word" not in caplog.text


def test_a_page_lets_nothing_foreign_in_and_nobody_keeps_it(client: FlaskClient) -> None:
    answer = client.get("/staff")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert " style=" not in answer.text
    assert "<script" not in answer.text


# --- the agenda


def test_the_agenda_shows_a_week_in_order_on_the_clinics_clocks(
    client: FlaskClient, store: BookingRepository
) -> None:
    late = confirmed(store, date=at(TODAY, "16:00"), patient_name="Eva Ruiz")
    confirmed(store, date=at(TODAY, "09:20"), patient_name="Ana López")
    confirmed(store, date=at(TODAY + timedelta(days=6), "23:40"), patient_name="Luz Gil")
    confirmed(store, date=at(TODAY + timedelta(days=7), "00:00"), patient_name="Next Week")
    confirmed(store, date=at(TODAY - timedelta(days=1), "23:40"), patient_name="Yesterday")
    answer = client.get("/staff")
    read = main_of(answer)
    assert read.index("09:20 Ana López") < read.index("16:00 Eva Ruiz")
    assert read.index("16:00 Eva Ruiz") < read.index("23:40 Luz Gil")
    assert "Next Week" not in read
    assert "Yesterday" not in read
    assert "2 citas" in read
    assert f'href="/staff/booking/{late.id}"' in answer.text
    assert len(elements(answer, "h2")) == 7


def test_a_day_on_which_the_clocks_change_has_all_its_hours(
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


def test_the_agenda_shows_who_comes_unless_asked_for_others(
    client: FlaskClient, store: BookingRepository
) -> None:
    confirmed(store, date=at(TODAY, "10:00"), patient_name="Comes")
    waiting = put_booking(store, date=at(TODAY, "10:20"), patient_name="Waits")
    store.flag_for_review(waiting.id, "check_unavailable")
    for query, names in (
        ("", {"Comes"}),
        ("?status=pending", {"Waits"}),
        ("?status=all", {"Comes", "Waits"}),
        ("?status=cancelled", set()),
        ("?status=nonsense", {"Comes"}),
    ):
        answer = client.get(f"/staff{query}")
        assert {each for each in ("Comes", "Waits") if each in answer.text} == names
        assert "Confirmadas 1 Pendientes 1 Rechazadas 0 Anuladas 0 Todas 2" in main_of(answer)
        assert ("Requiere atención" in answer.text) is ("Waits" in names)


@pytest.mark.parametrize("day", ["nonsense", "9999-12-28", "0001-01-03", "2026-02-30", "%00"])
def test_any_day_that_is_asked_for_has_an_agenda(client: FlaskClient, day: str) -> None:
    assert client.get(f"/staff?day={day}").status_code == 200


def test_the_weeks_before_and_after_are_a_link_away(client: FlaskClient) -> None:
    links = [each.get("href") for each in elements(client.get("/staff?day=2026-12-01"), "a")]
    assert "/staff?day=2026-11-24&status=confirmed" in links
    assert "/staff?day=2026-12-08&status=confirmed" in links


def test_the_agenda_says_when_there_is_more_than_it_shows(
    client: FlaskClient, store: BookingRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agenda, "LIMIT", 2)
    for number in range(3):
        assert "solo se ven" not in client.get("/staff").text
        put_booking(store, date=at(TODAY, f"10:{number}0"), patient_name=f"Patient {number}")
    answer = client.get("/staff?status=all")
    assert "Solo se muestran las 2 primeras" in answer.text
    assert "Patient 1" in answer.text
    assert "Patient 2" not in answer.text


def test_a_name_is_text_wherever_it_is_shown(client: FlaskClient, store: BookingRepository) -> None:
    name = "<script>alert(1)</script>"
    booking = confirmed(store, date=at(TODAY, "10:00"), patient_name=name)
    pages = [client.get("/staff"), client.get(f"/staff/booking/{booking.id}"), look(client)]
    pages.append(look(client, text=f'"><img src=x>{name}'))
    for answer in pages:
        assert "<script>" not in answer.text
        assert "<img src=x>" not in answer.text
        assert "&lt;script&gt;" in answer.text


def test_a_database_that_is_away_has_a_page(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> QueryResult:
        raise DatabaseUnavailable("NetworkTimeout")

    monkeypatch.setattr("clinic.bookings.appointment_queries.AppointmentQueries.between", away)
    for _ in range(2):
        answer = client.get("/staff")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "no está disponible" in answer.text
    # One that is too slow for many is not away for one.
    assert client.get(f"/staff/booking/{UNKNOWN}").status_code == 404


def test_what_there_is_not_has_a_page_for_the_staff(client: FlaskClient) -> None:
    for address in ("/staff/nothing", f"/staff/booking/{UNKNOWN}", "/staff/booking/x"):
        answer = client.get(address)
        assert answer.status_code == 404
        assert "No hay ninguna página en esta dirección" in answer.text
        assert 'href="/staff/search"' in answer.text


# --- searching


@pytest.mark.parametrize(
    "text",
    ["José Núñez", "jose nunez", "NUÑEZ", "núñez josé", "núñ", "jn@EXAMPLE", " josé  ", ""],
)
def test_a_name_or_address_is_found_however_it_is_written(
    client: FlaskClient, store: BookingRepository, text: str
) -> None:
    fields = {"patient_name": "José Núñez", "patient_email": "jn@example.com"}
    put_booking(store, date=at(TODAY, "10:00"), **fields)
    assert "José Núñez</a>" in look(client, text=text).text


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
def test_people_are_found_however_their_names_are_typed(
    client: FlaskClient, store: BookingRepository, name: str, text: str
) -> None:
    put_booking(store, date=at(TODAY, "10:00"), patient_name=name)
    assert f"{name}</a>" in look(client, text=text).text


def test_a_long_text_is_not_searched_for(client: FlaskClient) -> None:
    answer = look(client, text="x" * 15_000)
    assert answer.status_code == 400
    assert "254 caracteres como mucho" in answer.text
    assert len(value(answer, "text") or "") == 254


@pytest.mark.parametrize("written", ["#{}", "Ref. {}.", "Referencia: {}", "urn:uuid:{}", "{{{}}}"])
def test_a_reference_is_found_as_it_was_copied(
    client: FlaskClient, store: BookingRepository, written: str
) -> None:
    booking = put_booking(store)
    answer = look(client, text=written.format(booking.id.upper()))
    assert answer.headers["Location"] == f"/staff/booking/{booking.id}"


def test_the_page_of_a_booking_opens_by_its_id_in_capitals(
    client: FlaskClient, store: BookingRepository
) -> None:
    booking = put_booking(store)
    answer = client.get(f"/staff/booking/{booking.id.upper()}")
    assert answer.status_code == 200
    assert f'action="/staff/booking/{booking.id}/cancel"' in answer.text


@pytest.mark.parametrize("text", ["Josefa", "jose perez", ".*", "$ne", '{"$gt": ""}', "Jos%"])
def test_what_is_no_part_of_it_finds_nobody(
    client: FlaskClient, store: BookingRepository, text: str
) -> None:
    put_booking(store, date=at(TODAY, "10:00"), patient_name="José Núñez")
    answer = look(client, text=text)
    assert answer.status_code == 200
    assert "No se han encontrado citas" in answer.text


def test_days_and_status_bound_the_search(client: FlaskClient, store: BookingRepository) -> None:
    confirmed(store, date=at(TODAY, "00:00"), patient_name="First")
    confirmed(store, date=at(TODAY, "23:40"), patient_name="Last")
    put_booking(store, date=at(TODAY, "12:00"), patient_name="Waits")
    put_booking(store, date=at(TODAY + timedelta(days=1), "00:00"), patient_name="Tomorrow")
    answer = look(client, first=str(TODAY), last=str(TODAY), status="confirmed")
    assert re.findall(r">(\w+)</a> <span", answer.text) == ["First", "Last"]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("", "2026-12-01"),
        ("2026-12-01", "nonsense"),
        ("2026-12-02", "2026-12-01"),
        ("2026-12-01", "2027-12-02"),
    ],
)
def test_days_that_can_not_be_searched_are_refused(
    client: FlaskClient, first: str, last: str
) -> None:
    answer = look(client, first=first, last=last, text="Ana")
    assert answer.status_code == 400
    assert "Elija dos días en orden" in answer.text
    assert value(answer, "text") == "Ana"


def test_a_whole_year_can_be_searched(client: FlaskClient) -> None:
    assert look(client, first="2026-12-01", last="2027-12-01").status_code == 200


@pytest.mark.parametrize("length", [8, 12, 13, 20, 36])
@pytest.mark.parametrize("written", [str, str.upper, lambda text: text.replace("-", "")])
def test_a_reference_leads_to_its_booking(
    client: FlaskClient, store: BookingRepository, length: int, written: Callable[[str], str]
) -> None:
    booking = put_booking(store, date=at(TODAY + timedelta(days=300), "10:00"))
    put_booking(store)
    answer = look(client, text=written(booking.id[:length]))
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/staff/booking/{booking.id}"


def test_bookings_whose_references_begin_alike_are_shown(
    client: FlaskClient, relayed: tuple[BookingRepository, Relay]
) -> None:
    for number in range(2):
        booking = put_booking(relayed[0], patient_name=f"Patient {number}")
        found = relayed[0]._bookings.find_one({"_id": booking.id})
        relayed[0]._bookings.insert_one(
            found | {"_id": f"deadbeef-0000-4000-8000-00000000000{number}"}
        )
    answer = look(client, text="deadbeef")
    assert re.findall(r">(Patient \d)</a>", answer.text) == ["Patient 0", "Patient 1"]
    unknown = "deadbeef0000400080000000000000ff"
    assert "No se han encontrado citas" in look(client, text=unknown).text
    assert "No se han encontrado citas" in look(client, text="deadbee00").text


def test_the_search_says_when_there_is_more_than_it_shows_or_reads(
    client: FlaskClient, store: BookingRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        put_booking(store, date=at(TODAY, f"10:{number}0"), patient_name=f"Patient {number}")
    monkeypatch.setattr(search_page, "SHOWN_LIMIT", 2)
    answer = look(client, text="patient")
    assert "Las 2 primeras citas; hay más" in answer.text
    assert re.findall(r">(Patient \d)</a>", answer.text) == ["Patient 0", "Patient 1"]
    assert "Solo se han mirado" not in answer.text
    monkeypatch.setattr(search_page, "READ_LIMIT", 3)
    answer = look(client, text="patient 3")
    assert "Solo se ha buscado en las 3 primeras citas" in answer.text
    assert "Patient 3" not in main_of(answer)


def test_what_is_searched_for_is_in_no_address_and_no_log(
    client: FlaskClient, store: BookingRepository, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    put_booking(store, date=at(TODAY, "10:00"), patient_name="José Núñez")
    answer = look(client, text="Núñez")
    assert "José Núñez" in answer.text
    links = [each.get("href") or "" for each in elements(answer, "a")]
    assert not any("ez" in each for each in links)
    assert "Núñez" not in "".join(
        each.getMessage() for each in caplog.records if not each.name.startswith("pymongo")
    )


# --- one booking


def test_the_page_of_a_booking_tells_all_of_it(
    client: FlaskClient, store: BookingRepository
) -> None:
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


def test_a_booking_that_a_person_has_to_look_at_says_why(
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
def test_a_booking_is_cancelled_for_a_reason(
    client: FlaskClient, store: BookingRepository, reason: str
) -> None:
    booking = confirmed(store)
    answer = send(client, f"/staff/booking/{booking.id}/cancel", reason=reason)
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"/staff/booking/{booking.id}",
    )
    row = store.get(booking.id).history[-1]
    assert (row.status, row.reason, row.by) == ("cancelled", reason, "staff")
    assert row.key_id == StaffKeys([KEY]).key_id(KEY)
    page = client.get(answer.headers["Location"])
    assert "La cita se ha anulado." in page.text
    assert f"por el personal (clave {row.key_id}" in main_of(page)
    assert "/cancel" not in page.text
    assert "La cita se ha anulado." not in client.get(answer.headers["Location"]).text


@pytest.mark.parametrize("reason", ["", "cancelled_by_patient", "slot_full", "nonsense"])
def test_the_clinic_cancels_for_reasons_of_its_own_only(
    client: FlaskClient, store: BookingRepository, reason: str
) -> None:
    booking = confirmed(store)
    answer = send(client, f"/staff/booking/{booking.id}/cancel", reason=reason)
    assert answer.status_code == 400
    assert "Elija el motivo de la anulación." in answer.text
    assert store.get(booking.id).status == "confirmed"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (IllegalTransition("late"), 409, "ya no lo permite"),
        (ConcurrentModification("moved on"), 409, "El servicio no ha contestado"),
        (ServiceUnavailable("away"), 503, "El servicio no ha contestado"),
    ],
)
def test_a_booking_that_could_not_be_cancelled_says_so(
    client: FlaskClient,
    store: BookingRepository,
    service: Service,
    error: ClinicError,
    status: int,
    said: str,
) -> None:
    booking = confirmed(store)
    service.error = error
    address = f"/staff/booking/{booking.id}/cancel"
    answer = send(client, address, reason="clinic_closed")
    assert answer.status_code == status
    assert said in answer.text
    assert store.get(booking.id).status == "confirmed"


def test_free_times_of_a_day_are_offered_to_move_to(
    client: FlaskClient, store: BookingRepository, service: Service
) -> None:
    booking = confirmed(store)
    day = TODAY + timedelta(days=2)
    answer = client.get(f"/staff/booking/{booking.id}?move={day}")
    offered = [each["value"] for each in elements(answer, "input") if each.get("name") == "date"]
    assert offered == service.list_free_slots(str(day))
    service.error = ServiceUnavailable("away")
    answer = client.get(f"/staff/booking/{booking.id}?move={day}")
    assert answer.status_code == 200
    assert "no se pueden mostrar las horas disponibles" in answer.text


def test_a_booking_that_is_not_confirmed_is_not_moved(
    client: FlaskClient, store: BookingRepository, service: Service
) -> None:
    booking = put_booking(store)
    answer = client.get(f"/staff/booking/{booking.id}?move={TODAY}")
    assert "/reschedule" not in answer.text
    assert service.calls == []


def test_a_date_that_is_none_moves_nothing(client: FlaskClient, store: BookingRepository) -> None:
    booking = confirmed(store)
    answer = send(client, f"/staff/booking/{booking.id}/reschedule", date="tomorrow")
    assert answer.status_code == 400
    assert "Elija un día y una hora." in answer.text


# --- with the real services


@pytest.fixture
def served(
    relayed: tuple[BookingRepository, Relay],
    config: dict[str, Any],
    amqp_uri: str,
    container_factory: Any,
) -> Iterator[FlaskClient]:
    """Somebody who has signed in; the clinic's hours are those of the configuration."""
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


def test_a_second_press_cancels_nothing_more(served: FlaskClient, store: BookingRepository) -> None:
    booking = confirmed(store)
    address = f"/staff/booking/{booking.id}/cancel"
    for _ in range(2):
        assert send(served, address, reason="practitioner_unavailable").status_code == 303
    found = store.get(booking.id)
    assert found.version == 3
    assert (found.reason, found.history[-1].by) == ("practitioner_unavailable", "staff")
    assert send(served, address, reason="clinic_closed").status_code == 409


def test_a_booking_is_moved_once_and_not_to_where_the_clinic_is_closed(
    served: FlaskClient, store: BookingRepository
) -> None:
    noon = (now() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    booking = confirmed(store, date=noon)
    address = f"/staff/booking/{booking.id}/reschedule"
    for _ in range(2):
        answer = send(served, address, date=to_wire(noon + timedelta(days=1)))
        assert answer.status_code == 303
    moved = store.get(booking.id)
    assert (moved.version, moved.date) == (3, noon + timedelta(days=1))
    assert "La cita se ha cambiado." in served.get(answer.headers["Location"]).text
    answer = send(served, address, date=to_wire(noon - timedelta(hours=11)))
    assert answer.status_code == 409
    assert "La clínica está cerrada en ese momento." in answer.text


def test_a_letter_that_waits_is_told_and_sent_again(
    served: FlaskClient, store: BookingRepository, amqp_uri: str
) -> None:
    booking = confirmed(store)
    answer = served.get(f"/staff/booking/{booking.id}")
    assert "Confirmada versión 2 Correo Pendiente" in main_of(answer)
    sent = {name: value(answer, name) for name in ("version", "channel")}
    answer = send(served, f"/staff/booking/{booking.id}/resend", **sent)
    assert answer.status_code == 303
    event = eventually(lambda: take(amqp_uri, "notification_service.email"))
    assert body_of(event)["eventId"] == f"{booking.id}:2"


# --- the notifications


def test_notifications_are_told_with_their_delivery(
    client: FlaskClient, store: BookingRepository, desk: Desk
) -> None:
    booking = confirmed(store)
    states = ["waiting", "sending", "postponed", "sent", "failed", "superseded"]
    channels = ["email", "webhook", "reminder"]
    desk.told = [
        told(state=state, channel=channel, canResend=state == "failed", tries=3)
        for state in states
        for channel in channels
    ]
    answer = client.get(f"/staff/booking/{booking.id}")
    assert answer.text.count(f"/staff/booking/{booking.id}/resend") == 3
    read = main_of(answer)
    for said in ("Pendiente", "Aplazado", "Fallido", "Ya no hace falta", "Recordatorio"):
        assert said in read


def test_a_notification_is_sent_again(
    client: FlaskClient, store: BookingRepository, desk: Desk
) -> None:
    booking = confirmed(store)
    desk.told = [told()]
    sent = {"version": "2", "channel": "email"}
    answer = send(client, f"/staff/booking/{booking.id}/resend", **sent)
    assert answer.status_code == 303
    assert desk.resent == [
        {"booking_id": booking.id, "version": 2, "channel": "email", "by": "staff"}
    ]
    assert "El aviso se está enviando otra vez." in client.get(answer.headers["Location"]).text


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
def test_a_notification_that_can_not_be_sent_again_says_so(
    client: FlaskClient,
    store: BookingRepository,
    desk: Desk,
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

    monkeypatch.setattr(desk, "call", refuse)
    answer = send(client, f"/staff/booking/{booking.id}/resend", **sent)
    assert answer.status_code == status
    assert elements(answer, "div")[0]["role"] == "alert"


def test_a_booking_is_shown_while_the_notification_admin_is_away(
    client: FlaskClient, store: BookingRepository, desk: Desk
) -> None:
    booking = confirmed(store)
    desk.error = ServiceUnavailable("nobody there")
    answer = client.get(f"/staff/booking/{booking.id}")
    assert answer.status_code == 200
    assert "no se pueden mostrar los avisos" in answer.text
    assert "Anular la cita" in answer.text


def test_the_pages_are_in_english_for_who_prefers_it(
    client: FlaskClient, store: BookingRepository, desk: Desk
) -> None:
    booking = confirmed(store)
    desk.told = [told()]
    english = {"Accept-Language": "en"}
    for address, title in (
        ("/staff", "Agenda – Clinic"),
        ("/staff/search", "Search – Clinic"),
        (f"/staff/booking/{booking.id}", "Appointment – Clinic"),
        ("/staff/nothing", "There is no page at this address – Clinic"),
    ):
        answer = client.get(address, headers=english)
        assert f"<title>{title}</title>" in answer.text
        assert '<html lang="en">' in answer.text
