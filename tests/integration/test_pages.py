"""The patient pages without a browser: content, privacy and forms. The booking service is a
stand-in; tests/browser uses the real one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from icalendar import Calendar
from pymongo.database import Database
from werkzeug.test import TestResponse

from clinic.bookings.bootstrap import create_repository
from clinic.bookings.repository import BookingRepository
from clinic.catalogue.from_configuration import CatalogueSettings
from clinic.config import settings
from clinic.contracts.booking_json import booking_to_json
from clinic.contracts.messages import BookingStateChanged
from clinic.domain import booking as steps
from clinic.domain import reasons
from clinic.domain.booking import Booking
from clinic.domain.clock import now, to_wire
from clinic.domain.manage_token import create_credentials
from clinic.errors import ClinicError, ConcurrentModification, ServiceUnavailable, SlotUnavailable
from clinic.outbox.relay import Relay
from gateway.app import create_app
from gateway.settings import GatewaySettings, Hours
from notification_service.email.composer import EmailComposer
from tests.bookings import requested
from tests.clinics import confirm_seat, make_calendar, move_to
from tests.conftest import UNLIMITED
from tests.integration.test_gateway import cut_off_client
from tests.rpc import NO_SERVICE

__all__ = ["cut_off_client"]

MADRID = ZoneInfo("Europe/Madrid")
HOURS = Hours(zone=MADRID, slot=timedelta(minutes=20), horizon=timedelta(days=60))
CATALOGUE = CatalogueSettings(
    make_calendar(zone=MADRID, slot=HOURS.slot, horizon=HOURS.horizon).to_catalogue(), 60
)
#: 10:00 in Madrid, three days ahead.
SLOT = (datetime.now(MADRID) + timedelta(days=3)).replace(
    hour=10, minute=0, second=0, microsecond=0
)
TYPED = {"name": "Ana López", "email": "ana@example.com", "date": to_wire(SLOT)}
TOKEN = "t" * 32


class Service:
    """Stand-in for the booking service, open from 9 to 11 in Madrid every day."""

    def __init__(self, store: BookingRepository) -> None:
        self._store = store
        self.taken: set[datetime] = set()
        self.error: ClinicError | None = None
        self.calls: list[str] = []

    def call(self, method: str, *, until: float, **arguments: Any) -> Any:
        self.calls.append(method)
        if self.error:
            raise self.error
        return getattr(self, method)(**arguments)

    def list_free_slots(self, date: str, days: int = 1) -> list[str]:
        first = datetime.fromisoformat(f"{date}T09:00").replace(tzinfo=MADRID)
        nines = [first + timedelta(days=number) for number in range(days)]
        starts = [nine + number * HOURS.slot for nine in nines for number in range(6)]
        return [to_wire(each) for each in starts if each not in self.taken]

    def list_nearest_slots(self, date: str, count: int) -> list[str]:
        wanted = datetime.fromisoformat(date)
        first = (wanted.astimezone(MADRID) - timedelta(days=2)).date()
        free = [datetime.fromisoformat(each) for each in self.list_free_slots(str(first), 5)]
        nearest = sorted(free, key=lambda each: abs(each - wanted))[:count]
        return [to_wire(each) for each in sorted(nearest)]

    def reschedule_booking(
        self,
        booking_id: str,
        date: str,
        by: str,
        key_id: str | None = None,
        practitioner: str | None = None,
    ) -> dict[str, Any]:
        booking, start = self._store.get(booking_id), datetime.fromisoformat(date)
        if start in self.taken:
            raise SlotUnavailable(reasons.SLOT_FULL)
        transition = move_to(booking, start, at=now(), by=by, key_id=key_id)
        self._store.apply(transition)
        return booking_to_json(steps.apply_transition(booking, transition))

    def cancel_booking(
        self, booking_id: str, reason: str, by: str, key_id: str | None = None
    ) -> dict[str, Any]:
        booking = self._store.get(booking_id)
        transition = steps.cancel(booking, reason=reason, at=now(), by=by, key_id=key_id)
        self._store.apply(transition)
        return booking_to_json(steps.apply_transition(booking, transition))


@pytest.fixture
def relayed(database: Database[Any], mongodb_uri: str) -> tuple[BookingRepository, Relay]:
    """A repository whose relay is not started; its broker is unreachable."""
    nowhere = "amqp://guest:guest@127.0.0.1:1/"
    return create_repository(
        database,
        settings({"AMQP_URI": nowhere, "MONGODB_CONNECTION_URL": mongodb_uri, **UNLIMITED}),
    )


@pytest.fixture
def store(relayed: tuple[BookingRepository, Relay]) -> BookingRepository:
    return relayed[0]


@pytest.fixture
def service(store: BookingRepository) -> Service:
    return Service(store)


@pytest.fixture
def make_client(
    relayed: tuple[BookingRepository, Relay], service: Service
) -> Callable[..., FlaskClient]:
    def make(**fields: Any) -> FlaskClient:
        own = GatewaySettings(catalogue=CATALOGUE, domain="clinica.test", **fields)
        return create_app(*relayed, own, service, NO_SERVICE).test_client()  # type: ignore[arg-type]

    return make


@pytest.fixture
def client(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    return make_client()


def put(store: BookingRepository, **fields: Any) -> tuple[Booking, str]:
    """Store a booking for SLOT and return it with its management token."""
    booking = requested(**{"date": SLOT.astimezone(UTC)} | fields)
    token, access = create_credentials()
    store.insert(booking, access)
    return booking, token


def confirm(store: BookingRepository, booking: Booking) -> None:
    store.apply(confirm_seat(booking, at=now(), by="test"))


def reject(store: BookingRepository, booking: Booking, reason: str = "slot_full") -> None:
    store.apply(steps.reject(booking, reason=reason, at=now(), by="test"))


def cancel(client: FlaskClient, booking: Booking, code: str = "", **headers: str) -> TestResponse:
    return client.post(f"/cita/{booking.id}/cancel", data={"code": code}, headers=headers)


class _Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def elements(response: TestResponse, tag: str) -> list[dict[str, str | None]]:
    return [each for name, each in _Elements(response.text).found if name == tag]


def value(response: TestResponse, name: str) -> str | None:
    (field,) = (each for each in elements(response, "input") if each.get("name") == name)
    return field.get("value")


# --- booking


def test_the_page_offers_the_free_slots_of_a_day_in_clinic_time(
    client: FlaskClient, service: Service
) -> None:
    service.taken = {SLOT}
    response = client.get(f"/?day={SLOT.date()}")
    offered = [each["value"] for each in elements(response, "input") if each.get("type") == "radio"]
    assert offered == service.list_free_slots(str(SLOT.date()))
    assert "<span>09:40</span>" in response.text
    assert "<span>10:00</span>" not in response.text
    assert "Todas las horas son de Madrid (Europe/Madrid)." in response.text


def test_the_page_shows_the_first_day_with_a_free_slot_by_default(
    client: FlaskClient, service: Service
) -> None:
    today = datetime.now(MADRID).date()
    service.taken = {datetime.fromisoformat(each) for each in service.list_free_slots(str(today))}
    chosen = [each for each in elements(client.get("/"), "a") if each.get("aria-current")]
    assert [each["href"] for each in chosen] == [f"/?day={today + timedelta(days=1)}"]


def test_the_week_page_calls_the_booking_service_once(
    client: FlaskClient, service: Service
) -> None:
    for _ in range(5):
        assert client.get("/").status_code == 200
    assert service.calls == ["list_free_slots"]


def test_a_reschedule_invalidates_the_cached_free_slots(
    client: FlaskClient, service: Service, kept: Booking
) -> None:
    reschedule_page(client, kept)
    reschedule(client, kept, SLOT + HOURS.slot)
    reschedule_page(client, kept)
    assert service.calls == ["list_free_slots", "reschedule_booking", "list_free_slots"]


@pytest.mark.parametrize(
    "day", ["", "nonsense", "2020-01-01", "9999-12-28", "0001-01-03", "2026-02-30", "' or 1"]
)
def test_any_requested_day_has_a_page(client: FlaskClient, day: str) -> None:
    response = client.get("/", query_string={"day": day})
    assert response.status_code == 200
    assert len(re.findall(r'class="day', response.text)) in range(1, 9)


def test_a_submitted_form_redirects_to_the_booking_page(
    client: FlaskClient, store: BookingRepository
) -> None:
    response = client.post("/", data=TYPED)
    assert response.status_code == 303
    booking = store.get(response.headers["Location"].removeprefix("/cita/"))
    assert (booking.patient_name, booking.patient_email) == ("Ana López", "ana@example.com")
    assert (booking.date, booking.language, booking.status) == (SLOT, "es", "pending")


def test_validation_errors_keep_the_input_and_mark_the_fields(
    client: FlaskClient, database: Database[Any]
) -> None:
    response = client.post("/", data=TYPED | {"name": " ", "email": '"><script>x</script>'})
    assert response.status_code == 400
    assert value(response, "email") == '"><script>x</script>'
    assert "<script>x" not in response.text
    wrong = [each["name"] for each in elements(response, "input") if each.get("aria-invalid")]
    assert wrong == ["name", "email"]
    checked = [each["value"] for each in elements(response, "input") if "checked" in each]
    assert checked == [TYPED["date"]]
    assert "name-problem" in response.text
    assert 'href="#email"' in response.text
    assert database["bookings"].count_documents({}) == 0


@pytest.mark.parametrize(
    ("field", "typed", "text"),
    [
        ("name", "Gana en evil.example", "no puede contener direcciones web ni de correo"),
        ("name", "An\u202ea", "invierten el sentido del texto"),
        ("name", "\u200d", "Escriba el nombre y los apellidos"),
        ("name", "x" * 201, "200 caracteres como mucho"),
        ("email", "josé@example.com", "sin tildes ni ñ"),
        ("email", "ana@exam\u200bple.com", "un carácter invisible"),
        ("email", "ana@example.com, eva@example.com", "una sola dirección"),
        ("email", "a" * 65 + "@example.com", "64 caracteres como mucho"),
    ],
    ids=ascii,
)
def test_a_validation_error_states_its_reason(
    client: FlaskClient, field: str, typed: str, text: str
) -> None:
    response = client.post("/", data=TYPED | {field: typed})
    assert response.status_code == 400
    assert response.text.count(text) == 2  # in the summary and beside the field


def test_a_validation_error_is_shown_in_the_page_language(client: FlaskClient) -> None:
    response = client.post("/?lang=en", data=TYPED | {"name": "www.evil.example"})
    assert "can't contain a web or e-mail address" in response.text


def test_invisible_characters_of_pasted_input_are_removed(
    client: FlaskClient, store: BookingRepository
) -> None:
    pasted = {"name": "\u2068Ana\tLópez\u2069", "email": "\ufeffana@example.com "}
    response = client.post("/", data=TYPED | pasted)
    booking = store.get(response.headers["Location"].removeprefix("/cita/"))
    assert (booking.patient_name, booking.patient_email) == ("Ana López", "ana@example.com")


@pytest.mark.parametrize("field", ["name", "email", "date"])
def test_each_field_is_required(client: FlaskClient, field: str) -> None:
    response = client.post("/", data={key: text for key, text in TYPED.items() if key != field})
    assert response.status_code == 400
    assert f'href="#{field}"' in response.text


def test_a_form_submitted_twice_creates_one_booking(
    client: FlaskClient, database: Database[Any]
) -> None:
    token = value(client.get("/"), "token")
    responses = [client.post("/", data=TYPED | {"token": token}) for _ in range(3)]
    assert len({each.headers["Location"] for each in responses}) == 1
    assert {each.status_code for each in responses} == {303}
    assert database["bookings"].count_documents({}) == 1
    # Each response gives access to the booking: the first one may have been lost.
    cookies = {each.headers["Set-Cookie"].partition(";")[0] for each in responses}
    assert len(cookies) == 1


def test_a_form_resubmitted_with_changes_creates_another_booking(
    client: FlaskClient, database: Database[Any]
) -> None:
    for name in ("Ana", "Eva"):
        assert client.post("/", data=TYPED | {"token": TOKEN, "name": name}).status_code == 303
    assert database["bookings"].count_documents({}) == 2


def test_each_form_has_its_own_token(client: FlaskClient) -> None:
    assert value(client.get("/"), "token") != value(client.get("/"), "token")


@pytest.mark.parametrize("token", ["", "short", "ñ" * 32, "x" * 5000])
def test_an_invalid_form_token_is_not_used_as_an_idempotency_key(
    client: FlaskClient, database: Database[Any], token: str
) -> None:
    for _ in range(2):
        assert client.post("/", data=TYPED | {"token": token}).status_code == 303
    assert database["bookings"].count_documents({}) == 2


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-12-01T10:00", "2026-12-01T09:00:00Z"),
        ("2026-07-01T10:00:00", "2026-07-01T08:00:00Z"),
    ],
)
def test_a_typed_time_is_in_clinic_time(
    client: FlaskClient, store: BookingRepository, local: str, expected: str
) -> None:
    response = client.post("/", data=TYPED | {"date": "", "local": local})
    booking = store.get(response.headers["Location"].removeprefix("/cita/"))
    assert to_wire(booking.date) == expected


@pytest.mark.parametrize(
    "local",
    [
        pytest.param("2027-03-28T02:30", id="skipped by the clocks"),
        pytest.param("2026-12-01T10:00+02:00", id="an offset"),
        pytest.param("0001-01-01T00:00", id="the first"),
        pytest.param("9999-12-31T23:59", id="the last"),
        pytest.param("tomorrow", id="no date"),
    ],
)
def test_an_invalid_local_time_is_rejected(client: FlaskClient, local: str) -> None:
    response = client.post("/", data=TYPED | {"date": "", "local": local})
    assert response.status_code == 400


def test_a_patient_can_book_without_the_booking_service(
    client: FlaskClient, service: Service
) -> None:
    service.error = ServiceUnavailable("away")
    response = client.get("/")
    assert response.status_code == 200
    assert "no podemos mostrar las horas disponibles" in response.text
    assert [each["name"] for each in elements(response, "input")][1] == "local"
    assert client.post("/", data=TYPED).status_code == 303


def test_the_form_keeps_its_input_when_the_database_is_unavailable(
    cut_off_client: FlaskClient,
) -> None:
    responses = [
        cut_off_client.post("/", data=TYPED) for _ in range(2)
    ]  # the second one from the circuit breaker
    for response in responses:
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
        assert value(response, "name") == "Ana López"
        assert "Ahora mismo no podemos atenderle" in response.text
    assert cut_off_client.get("/").status_code == 200


def test_pages_and_api_share_one_rate_limit(make_client: Callable[..., FlaskClient]) -> None:
    client = make_client(rate_limit="2/hour")
    assert client.post("/", data=TYPED).status_code == 303
    body = {"patientName": "Ana", "patientEmail": "a@example.com", "date": TYPED["date"]}
    assert client.post("/book", json=body).status_code == 201
    response = client.post("/", data=TYPED)
    assert (response.status_code, value(response, "name")) == (429, "Ana López")
    assert 0 < int(response.headers["Retry-After"]) <= 3600


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\xff\xfe=\x00", "application/x-www-form-urlencoded"),
        (b'{"name": "Ana"}', "application/json"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data"),
        (b"a=1&" * 3000, "application/x-www-form-urlencoded"),
    ],
)
def test_a_malformed_form_body_is_a_client_error(
    client: FlaskClient, data: bytes, kind: str
) -> None:
    response = client.post("/", data=data, content_type=kind)
    assert response.status_code in (400, 413)
    assert response.mimetype == "text/html"


# --- language


@pytest.mark.parametrize(
    ("header", "language"),
    [("", "es"), ("en-GB,en;q=0.9", "en"), ("de", "es"), ("es;q=0.5,en;q=0.9", "en")],
)
def test_pages_are_spanish_unless_the_client_prefers_english(
    client: FlaskClient, header: str, language: str
) -> None:
    headers = {"Accept-Language": header} if header else {}
    assert f'<html lang="{language}">' in client.get("/", headers=headers).text


def test_a_chosen_language_is_remembered(client: FlaskClient) -> None:
    assert '<html lang="en">' in client.get("/?lang=en").text
    assert '<html lang="en">' in client.get("/", headers={"Accept-Language": "es"}).text
    assert '<html lang="es">' in client.get("/?lang=es").text
    assert client.get("/?lang=xx").status_code == 200


def test_the_language_link_keeps_the_day(client: FlaskClient) -> None:
    (link,) = (each for each in elements(client.get("/?day=2026-12-01"), "a") if "lang" in each)
    assert link["href"] == "/?day=2026-12-01&lang=en"


# --- the page of a booking


def test_a_pending_booking_page_says_that_it_is_not_confirmed(
    client: FlaskClient, store: BookingRepository
) -> None:
    booking, _ = put(store)
    text = client.get(f"/cita/{booking.id}").text
    assert "Solicitud recibida" in text
    assert "Todavía no está confirmada" in text
    assert "hora de Madrid (Europe/Madrid)" in text
    assert ">10:00<" in text


@pytest.mark.parametrize("status", ["pending", "confirmed", "rejected", "cancelled"])
def test_booking_pages_never_name_the_patient(
    client: FlaskClient, store: BookingRepository, status: str
) -> None:
    booking, token = put(store, patient_name="Canario Azul", patient_email="azul@jaula.example")
    if status == "confirmed":
        confirm(store, booking)
    if status == "rejected":
        reject(store, booking)
    if status == "cancelled":
        cancel(client, booking, token)
    client.set_cookie("manage", token, path=f"/cita/{booking.id}")
    text = client.get(f"/cita/{booking.id}").text
    for secret in ("Canario", "azul@", "jaula", token):
        assert secret not in text


def test_an_unchanged_booking_page_gets_a_304(
    client: FlaskClient, store: BookingRepository
) -> None:
    booking, _ = put(store)
    tag = client.get(f"/cita/{booking.id}").headers["ETag"]

    def revalidate() -> TestResponse:
        return client.get(f"/cita/{booking.id}", headers={"If-None-Match": tag})

    assert (revalidate().status_code, revalidate().data) == (304, b"")
    confirm(store, booking)
    assert "Cita confirmada" in revalidate().text


def test_a_rejected_booking_shows_its_reason_and_the_nearest_slots(
    client: FlaskClient, store: BookingRepository, service: Service
) -> None:
    booking, _ = put(store)
    service.taken = {SLOT}
    reject(store, booking)
    response = client.get(f"/cita/{booking.id}")
    assert "No quedan plazas a esa hora." in response.text
    offers = [
        each["href"] or "" for each in elements(response, "a") if each.get("class") == "offer"
    ]
    assert [offer.partition("slot=")[2][11:16] for offer in offers] == [
        to_wire(SLOT + number * HOURS.slot)[11:16] for number in (-3, -2, -1, 1, 2)
    ]
    chosen = client.get(offers[0])
    checked = [each for each in elements(chosen, "input") if "checked" in each]
    assert [each["value"] for each in checked] == [to_wire(SLOT - 3 * HOURS.slot)]


@pytest.mark.parametrize("year", [1, 2020, 9999])
def test_a_booking_rejected_for_a_distant_date_has_a_page(
    client: FlaskClient, store: BookingRepository, year: int
) -> None:
    booking, _ = put(store, date=datetime(year, 12, 28 if year == 9999 else 1, tzinfo=UTC))
    reject(store, booking, "past" if year < 2026 else "too_far")
    assert client.get(f"/cita/{booking.id}").status_code == 200


def test_a_rejected_booking_has_a_page_without_the_booking_service(
    client: FlaskClient, store: BookingRepository, service: Service
) -> None:
    booking, _ = put(store)
    reject(store, booking)
    service.error = ServiceUnavailable("away")
    response = client.get(f"/cita/{booking.id}")
    assert response.status_code == 200
    assert "Puede buscar otra hora cuando quiera." in response.text


@pytest.mark.parametrize("rest", ["", "/calendar.ics", "/reschedule", "?lang=en"])
def test_an_uppercase_id_is_redirected_to_the_path_of_the_cookie(
    client: FlaskClient, store: BookingRepository, rest: str
) -> None:
    booking, _ = put(store)
    confirm(store, booking)
    response = client.get(f"/cita/{booking.id.upper()}{rest}")
    assert response.status_code == 308
    assert response.headers["Location"] == f"/cita/{booking.id}{rest}"
    assert client.get(response.headers["Location"]).status_code == 200


def test_a_form_of_an_uppercase_id_acts_at_once(
    client: FlaskClient, store: BookingRepository
) -> None:
    booking, token = put(store)
    confirm(store, booking)
    cancelled = client.post(f"/cita/{booking.id.upper()}/cancel", data={"code": token})
    assert cancelled.headers["Location"] == f"/cita/{booking.id}"


@pytest.mark.parametrize("name", ["nobody", str(uuid.uuid4()), "%00", "{{7*7}}", "x" * 5000])
@pytest.mark.parametrize("suffix", ["", "/calendar.ics"])
def test_an_unknown_booking_is_not_found(client: FlaskClient, name: str, suffix: str) -> None:
    response = client.get(f"/cita/{name}{suffix}")
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert "No encontramos esa cita" in response.text


def test_an_unavailable_database_gets_an_error_page(cut_off_client: FlaskClient) -> None:
    response = cut_off_client.get(f"/cita/{uuid.uuid4()}")
    assert (response.status_code, response.mimetype) == (503, "text/html")
    assert int(response.headers["Retry-After"]) > 0


# --- the calendar file


def test_a_confirmed_booking_has_a_calendar_file(
    client: FlaskClient, store: BookingRepository
) -> None:
    booking, _ = put(store)
    confirm(store, booking)
    response = client.get(f"/cita/{booking.id}/calendar.ics")
    assert (response.status_code, response.mimetype) == (200, "text/calendar")
    (event,) = Calendar.from_ical(response.data).walk("VEVENT")
    assert event["uid"] == f"{booking.id}@clinica.test"
    assert event["sequence"] == 0
    assert event.decoded("dtstart") == SLOT
    assert event.decoded("dtend") == store.get(booking.id).end != SLOT + HOURS.slot
    assert not {"location", "description"} & set(event)
    assert "Ana" not in response.text


@pytest.mark.parametrize("status", ["pending", "rejected"])
def test_only_confirmed_bookings_have_a_calendar_file(
    client: FlaskClient, store: BookingRepository, status: str
) -> None:
    booking, _ = put(store)
    if status == "rejected":
        reject(store, booking)
    assert client.get(f"/cita/{booking.id}/calendar.ics").status_code == 404


# --- cancelling


def test_the_browser_that_booked_cancels_without_a_code(
    client: FlaskClient, store: BookingRepository
) -> None:
    location = client.post("/", data=TYPED).headers["Location"]
    booking = store.get(location.removeprefix("/cita/"))
    assert elements(client.get(location), "input") == []
    response = cancel(client, booking)
    assert (response.status_code, response.headers["Location"]) == (303, location)
    after = store.get(booking.id)
    assert (after.status, after.reason) == ("cancelled", "cancelled_by_patient")


def test_the_booking_cookie_is_http_only_and_limited_to_its_page(client: FlaskClient) -> None:
    response = client.post("/", data=TYPED, base_url="https://clinica.test")
    cookie = response.headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Secure", f"Path={response.headers['Location']}"):
        assert part in cookie


def test_another_browser_cancels_with_the_code(
    client: FlaskClient, store: BookingRepository
) -> None:
    booking, token = put(store)
    assert cancel(client, booking, f"  {token}\n").status_code == 303
    assert store.get(booking.id).status == "cancelled"


@pytest.mark.parametrize(
    ("code", "status", "text"),
    [
        ("", 400, "Escriba el código que aparece en el correo."),
        ("wrong", 403, "Ese código no corresponde a esta cita."),
        ("ñ" * 43, 403, "Ese código no corresponde a esta cita."),
    ],
)
def test_without_the_right_code_nothing_is_cancelled(
    client: FlaskClient, store: BookingRepository, code: str, status: int, text: str
) -> None:
    booking, _ = put(store)
    response = cancel(client, booking, code)
    assert (response.status_code, text in response.text) == (status, True)
    assert store.get(booking.id).status == "pending"


def test_a_cross_site_form_cannot_use_the_booking_cookie(
    client: FlaskClient, store: BookingRepository
) -> None:
    booking, token = put(store)
    client.set_cookie("manage", token, path=f"/cita/{booking.id}")
    for site in ("cross-site", "same-site", "none"):
        assert cancel(client, booking, **{"Sec-Fetch-Site": site}).status_code == 400
    assert store.get(booking.id).status == "pending"
    assert cancel(client, booking, **{"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_get_requests_never_cancel(client: FlaskClient, store: BookingRepository) -> None:
    booking, token = put(store)
    client.set_cookie("manage", token, path=f"/cita/{booking.id}")
    assert client.get(f"/cita/{booking.id}/cancel").status_code == 405
    client.get(f"/cita/{booking.id}?code={token}")
    client.head(f"/cita/{booking.id}")
    assert store.get(booking.id).status == "pending"


def test_cancelling_a_rejected_booking_is_a_conflict(
    client: FlaskClient, store: BookingRepository
) -> None:
    booking, token = put(store)
    reject(store, booking)
    response = cancel(client, booking, token)
    assert response.status_code == 409
    assert "ya no se puede anular" in response.text


def test_cancelling_without_the_booking_service_asks_to_retry(
    client: FlaskClient, store: BookingRepository, service: Service
) -> None:
    booking, token = put(store)
    service.error = ServiceUnavailable("away")
    response = cancel(client, booking, token)
    assert response.status_code == 503
    assert "Inténtelo de nuevo" in response.text
    assert client.get(f"/cita/{booking.id}").status_code == 200


def test_cancelling_an_unknown_booking_is_not_found(client: FlaskClient) -> None:
    path = f"/cita/{uuid.uuid4()}/cancel"
    assert client.post(path, data={"code": "x"}).status_code == 404
    assert client.post(path).status_code == 404


# --- rescheduling


@pytest.fixture
def kept(client: FlaskClient, store: BookingRepository) -> Booking:
    """A confirmed booking made in this browser, so that its cookie is set."""
    booking, token = put(store)
    confirm(store, booking)
    client.set_cookie("manage", token, path=f"/cita/{booking.id}")
    return store.get(booking.id)


def reschedule(
    client: FlaskClient, booking: Booking, start: datetime, code: str = ""
) -> TestResponse:
    form = {"date": to_wire(start), "code": code}
    return client.post(f"/cita/{booking.id}/reschedule", data=form)


def test_a_confirmed_booking_links_to_the_free_slots_of_its_day(
    client: FlaskClient, kept: Booking
) -> None:
    page = client.get(f"/cita/{kept.id}")
    (link,) = (each for each in elements(page, "a") if (each["href"] or "").endswith("schedule"))
    response = client.get(link["href"] or "")
    assert "Cambie su cita" in response.text
    starts = [each["value"] for each in elements(response, "input") if each.get("type") == "radio"]
    assert to_wire(SLOT + HOURS.slot) in starts
    days = [each["href"] or "" for each in elements(response, "a") if "data-day" in each]
    assert days
    assert all(day.startswith(f"/cita/{kept.id}/reschedule?day=") for day in days)


def test_the_browser_that_booked_reschedules_without_a_code(
    client: FlaskClient, store: BookingRepository, kept: Booking
) -> None:
    later = SLOT + HOURS.slot
    response = reschedule(client, kept, later)
    assert (response.status_code, response.headers["Location"]) == (303, f"/cita/{kept.id}")
    after = store.get(kept.id)
    assert (after.status, after.date, after.version) == ("confirmed", later, 3)
    assert (after.history[-1].by, ">10:20<" in client.get(f"/cita/{kept.id}").text) == (
        "patient",
        True,
    )


def test_another_browser_reschedules_with_the_code(
    client: FlaskClient, store: BookingRepository
) -> None:
    booking, token = put(store)
    confirm(store, booking)
    assert "code" in [each["name"] for each in elements(reschedule_page(client, booking), "input")]
    assert reschedule(client, booking, SLOT + HOURS.slot, f" {token} ").status_code == 303
    assert store.get(booking.id).date == SLOT + HOURS.slot


@pytest.mark.parametrize(
    ("code", "status", "text"),
    [
        ("", 400, "Escriba el código que aparece en el correo."),
        ("wrong", 403, "Ese código no corresponde a esta cita."),
    ],
)
def test_without_the_right_code_nothing_is_rescheduled(
    client: FlaskClient, store: BookingRepository, code: str, status: int, text: str
) -> None:
    booking, _ = put(store)
    confirm(store, booking)
    response = reschedule(client, booking, SLOT + HOURS.slot, code)
    assert (response.status_code, text in response.text) == (status, True)
    checked = [each["value"] for each in elements(response, "input") if "checked" in each]
    assert checked == [to_wire(SLOT + HOURS.slot)]
    assert store.get(booking.id).date == SLOT


def test_rescheduling_to_a_taken_slot_keeps_the_appointment(
    client: FlaskClient, store: BookingRepository, service: Service, kept: Booking
) -> None:
    service.taken = {SLOT + HOURS.slot}
    response = reschedule(client, kept, SLOT + HOURS.slot)
    assert response.status_code == 409
    for text in ("No quedan plazas a esa hora.", "Su cita no ha cambiado."):
        assert text in response.text
    assert store.get(kept.id) == kept


def test_the_form_keeps_the_code_when_the_slot_is_taken(
    client: FlaskClient, store: BookingRepository, service: Service
) -> None:
    booking, token = put(store)
    confirm(store, booking)
    service.taken = {SLOT + HOURS.slot}
    response = reschedule(client, booking, SLOT + HOURS.slot, token)
    assert (response.status_code, value(response, "code")) == (409, token)
    assert response.headers["Cache-Control"] == "no-store"
    strange = '"><script>x</script>'
    response = reschedule(client, booking, SLOT - HOURS.slot, strange)
    assert (response.status_code, value(response, "code")) == (403, strange)
    assert "<script>x" not in response.text


@pytest.mark.parametrize("date", ["", "tomorrow", "2026-12-01T10:00"])
def test_rescheduling_requires_a_valid_slot(client: FlaskClient, kept: Booking, date: str) -> None:
    response = client.post(f"/cita/{kept.id}/reschedule", data={"date": date})
    assert (response.status_code, "Elija un día y una hora." in response.text) == (400, True)


@pytest.mark.parametrize(
    ("error", "status"),
    [(ServiceUnavailable("away"), 503), (ConcurrentModification("moved on"), 409)],
)
def test_an_unknown_outcome_is_not_reported_as_unchanged(
    client: FlaskClient,
    service: Service,
    kept: Booking,
    error: ClinicError,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(**_arguments: Any) -> None:
        raise error

    def nothing(**_arguments: Any) -> None:
        raise ServiceUnavailable("away")

    monkeypatch.setattr(service, "reschedule_booking", refuse)
    response = reschedule(client, kept, SLOT + HOURS.slot)
    assert (response.status_code, "No sabemos si" in response.text) == (status, True)
    assert "no ha cambiado" not in response.text
    monkeypatch.setattr(service, "list_free_slots", nothing)
    response = reschedule(client, kept, SLOT + HOURS.slot)
    assert (response.status_code, "No sabemos si" in response.text) == (status, True)
    assert "no ha cambiado" not in response.text


def test_the_reschedule_page_without_the_booking_service_has_no_form(
    client: FlaskClient, service: Service, kept: Booking
) -> None:
    service.error = ServiceUnavailable("away")
    response = reschedule_page(client, kept)
    assert response.status_code == 200
    assert "no podemos mostrar las horas disponibles" in response.text
    assert elements(response, "form") == []


@pytest.mark.parametrize("status", ["pending", "rejected"])
def test_only_a_confirmed_booking_can_be_rescheduled(
    client: FlaskClient, store: BookingRepository, status: str
) -> None:
    booking, token = put(store)
    if status == "rejected":
        reject(store, booking)
    response = reschedule_page(client, booking)
    assert (response.status_code, response.headers["Location"]) == (303, f"/cita/{booking.id}")
    client.set_cookie("manage", token, path=f"/cita/{booking.id}")
    response = reschedule(client, booking, SLOT + HOURS.slot)
    assert (response.status_code, "ya no se puede cambiar" in response.text) == (409, True)
    assert elements(response, "form") == []


def test_get_requests_never_reschedule(
    client: FlaskClient, store: BookingRepository, kept: Booking
) -> None:
    client.get(f"/cita/{kept.id}/reschedule", query_string={"date": to_wire(SLOT + HOURS.slot)})
    assert store.get(kept.id) == kept


def test_the_calendar_file_of_a_rescheduled_booking_updates_the_first(
    client: FlaskClient, kept: Booking
) -> None:
    def event() -> Any:
        (found,) = Calendar.from_ical(client.get(path).data).walk("VEVENT")
        return found

    path = f"/cita/{kept.id}/calendar.ics"
    first = event()
    reschedule(client, kept, SLOT + HOURS.slot)
    moved = event()
    assert moved["uid"] == first["uid"]
    assert moved["sequence"] > first["sequence"]
    assert moved.decoded("dtstart") == SLOT + HOURS.slot


def test_emails_and_the_page_have_the_same_calendar_file(
    client: FlaskClient, store: BookingRepository, kept: Booking
) -> None:
    reschedule(client, kept, SLOT + HOURS.slot)
    moved = store.get(kept.id)
    writer = EmailComposer("citas@clinica.test", MADRID, HOURS.slot)
    email = writer.compose(moved, BookingStateChanged.in_booking(moved, 3))
    assert email
    invitation = email.invitation
    assert invitation
    offered = client.get(f"/cita/{kept.id}/calendar.ics").data
    files = invitation.file(), offered
    sent, own = (Calendar.from_ical(each).walk("VEVENT")[0] for each in files)
    for name in ("uid", "sequence", "dtstart", "dtend"):
        assert sent[name] == own[name], name


def test_guessing_codes_is_rate_limited(
    make_client: Callable[..., FlaskClient], store: BookingRepository
) -> None:
    client = make_client(rate_limit="3/hour")
    booking, token = put(store)
    path = f"/booking/{booking.id}/cancel"
    tries = [
        cancel(client, booking, "wrong"),
        reschedule(client, booking, SLOT, "wrong"),
        client.post(path, headers={"Authorization": "Bearer wrong"}),
        client.post(path, headers={"Authorization": f"Bearer {token}"}),
    ]
    assert [each.status_code for each in tries] == [403, 403, 403, 429]
    assert client.post("/", data=TYPED).status_code == 303
    limited = cancel(client, booking, token)
    assert (limited.status_code, "Demasiadas solicitudes" in limited.text) == (429, True)
    assert f"/cita/{booking.id}" in [each["href"] for each in elements(limited, "a")]
    assert store.get(booking.id).status == "pending"


def reschedule_page(client: FlaskClient, booking: Booking) -> TestResponse:
    return client.get(f"/cita/{booking.id}/reschedule")


# --- security of every page


def test_pages_load_no_external_resources(client: FlaskClient, store: BookingRepository) -> None:
    booking, _ = put(store)
    confirm(store, booking)
    page = f"/cita/{booking.id}"
    for path in ("/", page, f"{page}/reschedule", "/cita/nobody"):
        response = client.get(path)
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert not re.search(r'(src|href|action)="(https?:)?//', response.text)
        assert not re.search(r"<style|\sstyle=|<script>|\son\w+=", response.text)


def test_static_files_are_immutable(client: FlaskClient) -> None:
    page = client.get("/")
    paths = [each["href"] for each in elements(page, "link")]
    paths += [each["src"] for each in elements(page, "script")]
    assert len(paths) == 3
    for path in paths:
        response = client.get(path or "")
        assert response.status_code == 200
        assert "immutable" in response.headers["Cache-Control"]
    assert client.get("/static/pages.css").status_code == 404
    assert client.get("/static/..%2fapp.py").status_code == 404


def test_pages_are_served_without_the_booking_service(
    relayed: tuple[BookingRepository, Relay],
) -> None:
    client = create_app(*relayed, GatewaySettings(), NO_SERVICE, NO_SERVICE).test_client()
    response = client.get("/")
    assert (response.status_code, "(hora de UTC)" in response.text) == (200, True)
