"""Choosing service, practitioner and site on the patient pages, without a browser. Free times come
from the real booking service, called without a broker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar
from nameko.testing.services import worker_factory
from pymongo.database import Database
from werkzeug.test import TestResponse

from booking_service.availability_check import AvailabilityCheck
from booking_service.service import BookingService
from clinic.bookings.repository import BookingRepository
from clinic.catalogue.cache import CatalogueCache
from clinic.contracts.messages import BookingRequested
from clinic.domain import booking as steps
from clinic.domain.booking import NO_CHOICE, Booking, Choice
from clinic.domain.catalogue import Catalogue
from clinic.domain.clock import now, to_wire
from clinic.domain.manage_token import create_credentials
from clinic.errors import DatabaseUnavailable
from clinic.outbox.relay import Relay
from gateway.app import create_app
from gateway.settings import GatewaySettings
from tests.bookings import requested
from tests.clinics import allocator_of
from tests.integration.test_pages import elements, relayed, store, value
from tests.rpc import NO_SERVICE
from tests.sample_catalogue import (
    ANA,
    CANARY,
    CENTRO,
    LUIS,
    MADRID,
    PUERTO,
    VISIT,
    cache_of,
    make_catalogue,
    small_catalogue,
    visit_of,
)
from tests.use_cases import decider_of, dispatch_to

__all__ = ["relayed", "store"]

#: In three days, at 10:00 in Madrid.
TEN = (datetime.now(MADRID) + timedelta(days=3)).replace(hour=10, minute=0, second=0, microsecond=0)
DAY = TEN.date()
#: At the same time Luis begins at the port.
NINE_AT_THE_PORT = datetime(DAY.year, DAY.month, DAY.day, 9, tzinfo=CANARY)
TYPED = {"name": "Eva Ruiz", "email": "eva@example.com"}


class Clinic:
    """A gateway and its booking service, both with one catalogue."""

    def __init__(self, store: BookingRepository, relay: Relay, catalogue: Catalogue) -> None:
        self.store, self.catalogue = store, catalogue
        self.calls: list[dict[str, Any]] = []
        self.service = worker_factory(
            BookingService,
            bookings=store,
            allocator_of=allocator_of(store, catalogue),
            dispatch=dispatch_to(store),
        )
        app = create_app(store, relay, GatewaySettings(), self, NO_SERVICE)  # type: ignore[arg-type]
        app.config["CATALOGUES"] = cache_of(catalogue)
        self.client = app.test_client()

    def call(self, method: str, *, until: float, **arguments: Any) -> Any:
        self.calls.append(arguments)
        return getattr(self.service, method)(**arguments)

    def get(self, path: str = "/", **query: str) -> TestResponse:
        return self.client.get(path, query_string=query)

    def book(self, start: datetime, **choice: str) -> TestResponse:
        return self.client.post("/", data=TYPED | {"date": to_wire(start)} | choice)

    def decide(self, response: TestResponse) -> Booking:
        """Let the worker decide what the form has booked."""
        booking = self.store.get(response.headers["Location"].removeprefix("/cita/"))
        decider = decider_of(self.store, self.catalogue, AvailabilityCheck(0, 0))
        decider.decide(BookingRequested.of(booking))
        return self.store.get(booking.id)

    def confirmed(self, start: datetime = TEN, **fields: Any) -> Booking:
        """A confirmed visit to Ana, made in this browser."""
        booking = requested(date=start.astimezone(UTC), choice=Choice("visit"))
        token, access = create_credentials()
        self.store.insert(booking, access)
        assignment = visit_of(booking.date, **fields)
        self.store.apply(steps.confirm(booking, assignment=assignment, at=now(), by="test"))
        self.client.set_cookie("manage", token, path=f"/cita/{booking.id}")
        return self.store.get(booking.id)

    def reschedule(self, booking: Booking, start: datetime, **choice: str) -> TestResponse:
        data = {"date": to_wire(start)} | choice
        return self.client.post(f"/cita/{booking.id}/reschedule", data=data)


@pytest.fixture
def open_clinic(relayed: tuple[BookingRepository, Relay]) -> Callable[[Catalogue], Clinic]:
    return lambda catalogue: Clinic(*relayed, catalogue)


@pytest.fixture
def clinic(open_clinic: Callable[[Catalogue], Clinic]) -> Clinic:
    return open_clinic(make_catalogue())


def selects(response: TestResponse) -> list[str | None]:
    return [each["name"] for each in elements(response, "select")]


def options(response: TestResponse) -> list[str | None]:
    return [each["value"] for each in elements(response, "option")]


def chosen(response: TestResponse) -> list[str | None]:
    return [each["value"] for each in elements(response, "option") if "selected" in each]


def kept(response: TestResponse) -> set[tuple[str | None, str | None]]:
    """The ids that any form of the page keeps in hidden fields."""
    hidden = [each for each in elements(response, "input") if each.get("type") == "hidden"]
    return {(each["name"], each["value"]) for each in hidden if each["name"] != "token"}


def times(response: TestResponse) -> list[str | None]:
    return [each["value"] for each in elements(response, "input") if each.get("type") == "radio"]


def day_links(response: TestResponse) -> list[str]:
    return [each["href"] or "" for each in elements(response, "a") if "data-day" in each]


# --- choosing


def test_the_form_asks_for_the_service_then_the_practitioner_then_the_site(clinic: Clinic) -> None:
    response = clinic.get(lang="en")
    assert selects(response) == ["service", "practitioner", "site"]
    assert options(response) == [
        *("visit", "review", "vaccine"),
        *("", "ana-lopez", "luis-vega"),
        *("", "centro", "puerto"),
    ]
    for text in ("Visit (30 minutes)", "Revisión (15 minutes)", "First available", "Any location"):
        assert f">{text}</option>" in response.text
    assert "Luis &lt;Vega&gt;" in response.text
    assert "<Vega>" not in response.text


@pytest.mark.parametrize(
    ("service", "names", "expected"),
    [
        ("review", ["service", "practitioner", "site"], ["", "ana-lopez"]),
        ("vaccine", ["service"], []),  # nobody in particular, at the only site
    ],
)
def test_the_practitioners_are_those_who_do_the_service(
    clinic: Clinic, service: str, names: list[str], expected: list[str]
) -> None:
    response = clinic.get(service=service)
    assert selects(response) == names
    assert options(response)[3 : 3 + len(expected)] == expected


def test_a_clinic_of_one_practitioner_asks_only_whether_it_has_to_be_her(
    open_clinic: Callable[[Catalogue], Clinic],
) -> None:
    clinic = open_clinic(small_catalogue())
    response = clinic.get()
    assert selects(response) == ["practitioner"]
    assert options(response) == ["", "ana-lopez"]
    assert clinic.decide(clinic.book(TEN, service="visit")).choice.practitioner == "ana-lopez"


def test_the_times_are_those_of_the_choice_in_the_zone_of_the_site(clinic: Clinic) -> None:
    query = {"service": "visit", "practitioner": "ana-lopez", "site": "puerto", "day": str(DAY)}
    response = clinic.get(**query)
    opens = datetime(DAY.year, DAY.month, DAY.day, 16, tzinfo=CANARY)
    assert times(response) == [to_wire(opens + number * VISIT.duration) for number in range(4)]
    assert "<span>16:00</span>" in response.text
    assert "(Atlantic/Canary)" in response.text
    assert "Visita · Ana López · Puerto" in response.text
    assert clinic.get(**query | {"service": "review"}).text.count('name="date"') == 8


def test_the_first_available_has_the_times_of_everybody(clinic: Clinic) -> None:
    of_all = clinic.get(service="visit", day=str(DAY))
    of_each: set[str | None] = set()
    for practitioner in (ANA.id, LUIS.id):
        of_each |= {*times(clinic.get(practitioner=practitioner, day=str(DAY)))}
    assert times(of_all) == sorted(map(str, of_each))


def test_links_and_forms_keep_the_choice(clinic: Clinic) -> None:
    query = {"service": "visit", "practitioner": "ana-lopez", "site": "centro"}
    response = clinic.get(**query, day=str(DAY))
    assert day_links(response)
    prefix = "/?service=visit&practitioner=ana-lopez&site=centro&day="
    assert all(link.startswith(prefix) for link in day_links(response))
    # The choice of another service keeps the day.
    assert kept(response) == {*query.items(), ("day", str(DAY))}
    assert chosen(response) == list(query.values())
    followed = clinic.client.get(day_links(response)[0])
    assert chosen(followed) == list(query.values())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"service": "nothing"}, ["visit"]),
        ({"service": "retired"}, ["visit"]),
        ({"service": "' or 1", "practitioner": "<b>", "site": "x" * 5000}, ["visit"]),
        ({"service": "\x00", "site": "ñ"}, ["visit"]),
        ({"service": "vaccine", "practitioner": "nurses"}, ["vaccine"]),
        ({"service": "review", "practitioner": "luis-vega"}, ["review"]),
        ({"practitioner": "luis-vega", "site": "centro"}, ["visit", "luis-vega"]),
    ],
)
def test_what_is_not_offered_falls_back_to_the_default_and_says_so(
    clinic: Clinic, query: dict[str, str], expected: list[str]
) -> None:
    response = clinic.get(**query)
    assert response.status_code == 200
    assert chosen(response) == expected
    assert "no se ofrece junto" in response.text
    assert "<b>" not in response.text


@pytest.mark.parametrize("query", [{}, {"service": "", "practitioner": "", "site": ""}])
def test_the_form_of_no_choice_says_nothing_about_it(clinic: Clinic, query: dict[str, str]) -> None:
    response = clinic.get(**query)
    assert "no se ofrece junto" not in response.text
    assert chosen(response) == ["visit"]


# --- booking


def test_a_patient_books_what_was_chosen(clinic: Clinic) -> None:
    choice = {"service": "visit", "practitioner": "luis-vega", "site": "puerto"}
    response = clinic.book(NINE_AT_THE_PORT, **choice)
    assert response.status_code == 303
    booking = clinic.decide(response)
    assert booking.status == "confirmed"
    assert booking.choice == Choice(**choice)
    assert booking.end == NINE_AT_THE_PORT + VISIT.duration


def test_the_first_available_practitioner_is_assigned(clinic: Clinic) -> None:
    after_ana_has_left = NINE_AT_THE_PORT + timedelta(hours=1)
    response = clinic.book(after_ana_has_left, service="visit")
    pending = clinic.client.get(response.headers["Location"])
    assert "Profesional" not in pending.text
    assert clinic.decide(response).choice == Choice("visit", "luis-vega", "puerto")


def test_a_form_that_was_opened_before_the_catalogue_books_the_default_service(
    clinic: Clinic,
) -> None:
    before_luis_begins = TEN - timedelta(hours=1)
    booking = clinic.decide(clinic.book(before_luis_begins))
    assert booking.choice == Choice("visit", "ana-lopez", "centro")


@pytest.mark.parametrize(
    "choice",
    [
        {"service": "nothing"},
        {"service": "retired"},
        {"practitioner": "nobody"},
        {"service": "review", "practitioner": "luis-vega"},
        {"practitioner": "luis-vega", "site": "centro"},
        {"site": "x" * 5000},
    ],
)
def test_nothing_else_is_booked_than_what_was_chosen(
    clinic: Clinic, database: Database[Any], choice: dict[str, str]
) -> None:
    response = clinic.book(TEN, **choice)
    assert response.status_code == 400
    assert "Lo que había elegido ya no se ofrece. Elija de nuevo." in response.text
    assert 'href="#choice"' in response.text
    assert value(response, "name") == "Eva Ruiz"
    assert database["bookings"].count_documents({}) == 0


def test_a_failed_form_keeps_the_choice(clinic: Clinic) -> None:
    choice = {"service": "visit", "practitioner": "ana-lopez", "site": "centro"}
    response = clinic.client.post("/", data={"date": to_wire(TEN), **choice})
    assert response.status_code == 400
    assert chosen(response) == list(choice.values())
    assert kept(response) >= set(choice.items())
    checked = [each["value"] for each in elements(response, "input") if "checked" in each]
    assert checked == [to_wire(TEN)]


def test_the_same_form_with_another_choice_is_another_booking(
    clinic: Clinic, database: Database[Any]
) -> None:
    token = {"token": "t" * 32}
    for practitioner in ("ana-lopez", "ana-lopez", ""):
        assert clinic.book(TEN, practitioner=practitioner, **token).status_code == 303
    assert database["bookings"].count_documents({}) == 2


def test_a_typed_time_is_in_the_zone_of_the_site(clinic: Clinic) -> None:
    data = TYPED | {"local": f"{DAY}T09:00", "service": "visit", "site": "puerto"}
    booking = clinic.decide(clinic.client.post("/", data=data))
    assert (booking.status, booking.date) == ("confirmed", NINE_AT_THE_PORT)


# --- the page of a booking


def test_the_page_names_service_practitioner_site_and_the_real_end(clinic: Clinic) -> None:
    booking = clinic.confirmed()
    text = clinic.get(f"/cita/{booking.id}").text
    assert '<span class="hour">10:00–10:30</span>' in text
    for shown in ("Visita", "Ana López", "Centro<br>Calle Mayor 1", "+34 910 000 000"):
        assert shown in text
    assert 'href="tel:+34910000000"' in text
    english = clinic.get(f"/cita/{booking.id}", lang="en").text
    assert "Centre<br>Calle Mayor 1" in english


def test_the_page_shows_the_time_of_the_site(clinic: Clinic) -> None:
    booking = clinic.confirmed(NINE_AT_THE_PORT, schedule=LUIS, site=PUERTO)
    text = clinic.get(f"/cita/{booking.id}").text
    assert '<span class="hour">09:00–09:30</span>' in text
    assert "(Atlantic/Canary)" in text
    assert "Luis &lt;Vega&gt;" in text


def test_what_was_removed_from_the_catalogue_is_shown_by_its_id(
    clinic: Clinic, open_clinic: Callable[[Catalogue], Clinic]
) -> None:
    booking = clinic.confirmed()
    emptied = open_clinic(make_catalogue(services={"retired": VISIT}, schedules={}, sites={}))
    for path in ("", "/reschedule", "/calendar.ics"):
        response = emptied.get(f"/cita/{booking.id}{path}")
        assert response.status_code == 200
    text = emptied.get(f"/cita/{booking.id}").text
    for shown in ("visit", "ana-lopez", "centro"):
        assert f"<dd>{shown}</dd>" in text


def test_the_page_is_fetched_again_when_a_name_has_changed(
    clinic: Clinic, open_clinic: Callable[[Catalogue], Clinic]
) -> None:
    booking = clinic.confirmed()
    path = f"/cita/{booking.id}"
    tag = {"If-None-Match": clinic.get(path).headers["ETag"]}
    assert clinic.client.get(path, headers=tag).status_code == 304
    renamed = open_clinic(make_catalogue(version=2))
    assert renamed.client.get(path, headers=tag).status_code == 200


def test_the_calendar_file_names_place_and_practitioner_but_no_service(clinic: Clinic) -> None:
    booking = clinic.confirmed()
    response = clinic.get(f"/cita/{booking.id}/calendar.ics")
    (event,) = Calendar.from_ical(response.data).walk("VEVENT")
    assert event["location"] == "Centro, Calle Mayor 1"
    assert event["description"] == "Ana López"
    assert event.decoded("dtend") == TEN + VISIT.duration
    assert "visit" not in response.text.lower()


def test_a_rejected_booking_offers_times_of_the_same_choice(clinic: Clinic) -> None:
    clinic.confirmed()
    choice = {"service": "visit", "practitioner": "ana-lopez", "site": "centro"}
    booking = clinic.decide(clinic.book(TEN, **choice))
    assert booking.reason == "slot_full"
    response = clinic.get(f"/cita/{booking.id}")
    offers = [
        each["href"] or "" for each in elements(response, "a") if each.get("class") == "offer"
    ]
    assert len(offers) == 5
    start = to_wire(TEN - VISIT.duration)
    expected = f"/?service=visit&practitioner=ana-lopez&site=centro&day={DAY}&slot={start}#date"
    assert expected in offers
    shown = clinic.client.get(expected)
    assert chosen(shown) == list(choice.values())
    assert [each["value"] for each in elements(shown, "input") if "checked" in each] == [start]


# --- rescheduling


def reschedule_page(clinic: Clinic, booking: Booking, **query: str) -> TestResponse:
    return clinic.get(f"/cita/{booking.id}/reschedule", **query)


def test_the_same_practitioner_is_offered_first_and_then_the_others(clinic: Clinic) -> None:
    response = reschedule_page(clinic, clinic.confirmed())
    assert selects(response) == ["practitioner", "site"]
    assert options(response) == ["", "luis-vega", "centro", "puerto"]
    assert ">Igual que ahora: Ana López</option>" in response.text
    assert 'class="note"' not in response.text
    assert "Visita · Ana López · Centro" in response.text
    half_past_ten = to_wire(TEN + VISIT.duration)
    assert half_past_ten in times(response)
    assert to_wire(TEN) not in times(response)


def test_another_practitioner_has_other_times_at_another_site(clinic: Clinic) -> None:
    booking = clinic.confirmed()
    response = reschedule_page(clinic, booking, practitioner="luis-vega", day=str(DAY))
    assert times(response)[0] == to_wire(NINE_AT_THE_PORT)
    assert "Luis &lt;Vega&gt; · Puerto" in response.text
    assert "(Atlantic/Canary)" in response.text
    assert "La nueva cita sería en otro centro: Puerto." in response.text
    # The current appointment is told in the time of its own site.
    assert "10:00." in response.text
    prefix = f"/cita/{booking.id}/reschedule?practitioner=luis-vega&site=puerto&day="
    assert all(link.startswith(prefix) for link in day_links(response))


def test_a_patient_moves_to_another_practitioner(clinic: Clinic) -> None:
    booking = clinic.confirmed()
    choice = {"practitioner": "luis-vega", "site": "puerto"}
    response = clinic.reschedule(booking, NINE_AT_THE_PORT, **choice)
    assert response.status_code == 303
    moved = clinic.store.get(booking.id)
    assert moved.choice == Choice("visit", "luis-vega", "puerto")
    assert (moved.date, moved.end) == (NINE_AT_THE_PORT, NINE_AT_THE_PORT + VISIT.duration)


def test_a_patient_who_chooses_nobody_else_stays_with_the_same_practitioner(
    clinic: Clinic,
) -> None:
    booking = clinic.confirmed()
    later = TEN + VISIT.duration
    assert clinic.reschedule(booking, later, site="centro").status_code == 303
    assert clinic.store.get(booking.id).choice == Choice("visit", "ana-lopez", "centro")


@pytest.mark.parametrize(
    "choice", [{"practitioner": "nobody"}, {"practitioner": "nurses"}, {"site": "x" * 5000}]
)
def test_an_unknown_choice_moves_nothing(clinic: Clinic, choice: dict[str, str]) -> None:
    booking = clinic.confirmed()
    assert reschedule_page(clinic, booking, **choice).status_code == 200
    response = clinic.reschedule(booking, TEN + VISIT.duration, **choice)
    assert response.status_code == 400
    assert "ya no se ofrece" in response.text
    assert clinic.store.get(booking.id) == booking


def test_a_taken_time_keeps_the_chosen_practitioner(clinic: Clinic) -> None:
    clinic.confirmed(NINE_AT_THE_PORT, schedule=LUIS, site=PUERTO)
    booking = clinic.confirmed()
    choice = {"practitioner": "luis-vega", "site": "puerto"}
    response = clinic.reschedule(booking, NINE_AT_THE_PORT, **choice)
    assert response.status_code == 409
    assert chosen(response)[0] == "luis-vega"
    assert kept(response) == set(choice.items())


# --- without a catalogue, or without knowing it


def test_a_clinic_without_a_catalogue_has_the_same_form_as_ever(
    open_clinic: Callable[[Catalogue], Clinic],
) -> None:
    clinic = open_clinic(GatewaySettings().catalogue.default)
    plain, asked = clinic.get(), clinic.get(service="visit", practitioner="ana-lopez")
    token, other = (value(each, "token") or "" for each in (plain, asked))
    query = "service=visit&amp;practitioner=ana-lopez&amp;"
    assert asked.text.replace(other, token).replace(query, "") == plain.text
    assert selects(plain) == []
    assert all(set(call) <= {"date", "days"} for call in clinic.calls)
    booking = clinic.store.get(clinic.book(TEN, service="visit").headers["Location"][6:])
    assert booking.choice == NO_CHOICE


def test_the_form_needs_no_database(clinic: Clinic) -> None:
    def fail(_clinic: str) -> Catalogue:
        raise DatabaseUnavailable("away")

    clinic.client.application.config["CATALOGUES"] = CatalogueCache(fail, clinic.catalogue, 60)
    response = clinic.get(service="visit")
    assert (response.status_code, selects(response)) == (200, [])
    response = clinic.book(TEN, service="visit")
    assert (response.status_code, value(response, "name")) == (503, "Eva Ruiz")


def test_a_service_that_the_booking_service_does_not_know_yet_has_no_times(clinic: Clinic) -> None:
    new = replace(VISIT, id="new")
    known = clinic.catalogue
    changed = replace(
        known,
        services={**known.services, "new": new},
        schedules={ANA.id: replace(ANA, services=ANA.services | {"new"})},
    )
    clinic.client.application.config["CATALOGUES"] = cache_of(changed)
    response = clinic.get(service="new", site=CENTRO.id)
    assert response.status_code == 200
    assert "no podemos mostrar las horas disponibles" in response.text
    assert kept(response) == {("service", "new"), ("site", "centro")}
