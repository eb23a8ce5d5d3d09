"""The staff pages to edit schedules and sites, without a browser."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from werkzeug.test import TestResponse

from clinic.bookings.repository import BookingRepository
from clinic.catalogue.schema.catalogue_schema import ItemKind, Json
from clinic.domain.catalogue import (
    DEFAULT_CLINIC,
    Absence,
    Catalogue,
    Closure,
    HoursException,
)
from clinic.domain.clock import to_wire
from clinic.errors import ServiceUnavailable
from gateway.auth.staff_keys import StaffKeys
from gateway.schedule_editor import item_editor
from tests.clinics import make_calendar
from tests.health_centre import (
    ANA,
    CENTRO,
    LUIS,
    NORTE,
    TODAY,
    TOMORROW,
    VISIT,
    health_centre,
    moment,
)
from tests.integration.staff_fixtures import (
    StaffGateway,
    make_staff_gateway,
    relayed,
    staff_gateway,
    store,
)
from tests.integration.test_pages import elements
from tests.staff import KEY

__all__ = ["make_staff_gateway", "relayed", "staff_gateway", "store"]

SCHEDULE = f"/staff/schedules/{ANA}"
SITE = f"/staff/sites/{CENTRO}"
TEN = moment(TOMORROW, "10:00")


def fields(response: TestResponse) -> dict[str, str]:
    """The values that a browser would send with the form."""
    sent = {}
    for each in elements(response, "input"):
        if each.get("name") and (each.get("type") != "checkbox" or "checked" in each):
            sent[str(each["name"])] = each.get("value") or ""
    for name, options in re.findall(
        r'<select[^>]*name="([^"]+)">(.*?)</select>', response.text, re.S
    ):
        chosen = re.findall(r'value="([^"]*)" selected', options)
        sent[name] = (chosen or re.findall(r'value="([^"]*)"', options))[0]
    return {name: unescape(value) for name, value in sent.items()}


def preview(gateway: StaffGateway, path: str, **changes: str | None) -> TestResponse:
    """Open the form, change fields (None removes one) and ask for the preview."""
    sent: dict[str, Any] = fields(gateway.staff.get(path)) | {"step": "preview"} | changes
    return gateway.staff.post(
        path, **{name: value for name, value in sent.items() if value is not None}
    )


def save(gateway: StaffGateway, path: str, shown: TestResponse) -> TestResponse:
    assert shown.status_code == 200, shown.text
    return gateway.staff.post(path, **fields(shown) | {"step": "save"})


def stored(gateway: StaffGateway, kind: ItemKind, item_id: str) -> tuple[Json, int]:
    return gateway.catalogues.get(DEFAULT_CLINIC, kind, item_id)


def booked(gateway: StaffGateway, name: str, practitioner: str = ANA, site: str = CENTRO) -> str:
    """Book tomorrow at ten in Madrid, or at eleven for others; return the id."""
    start = TEN if practitioner == ANA else TEN + timedelta(hours=2)
    booking = {
        "patientName": name,
        "patientPhone": "910000000",
        "date": to_wire(start),
        "service": VISIT,
        "practitioner": practitioner,
        "site": site,
    }
    found = gateway.service.call("book_by_phone", until=0, booking=booking, by="staff")
    return str(found["id"])


def main_of(response: TestResponse) -> str:
    text = response.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


# --- the list


def test_the_list_links_to_each_schedule_and_site(staff_gateway: StaffGateway) -> None:
    response = staff_gateway.staff.get("/staff/schedules")
    for address in (SCHEDULE, f"/staff/schedules/{LUIS}", SITE, f"/staff/sites/{NORTE}"):
        assert f'href="{address}"' in response.text
    assert "Practitioner Visit, Review Centre" in main_of(response).replace(
        "Review, Visit", "Visit, Review"
    )


def test_without_a_catalogue_the_list_says_how_to_import_one(
    make_staff_gateway: Callable[[Catalogue], StaffGateway],
) -> None:
    gateway = make_staff_gateway(make_calendar().to_catalogue())
    response = gateway.staff.get("/staff/schedules")
    assert "There is no catalogue" in response.text
    assert gateway.staff.get(SCHEDULE).status_code == 404


@pytest.mark.parametrize(
    "path", ["/staff/schedules/nobody", "/staff/sites/x%24y", f"/staff/sites/{ANA}"]
)
def test_an_unknown_item_is_not_found(staff_gateway: StaffGateway, path: str) -> None:
    assert staff_gateway.staff.get(path).status_code == 404
    staff_gateway.staff.get("/staff/schedules")
    assert staff_gateway.staff.post(path, step="preview").status_code in (400, 404)


# --- a schedule


def test_a_form_without_changes_keeps_the_schedule(staff_gateway: StaffGateway) -> None:
    before = stored(staff_gateway, ItemKind.SCHEDULE, ANA)
    shown = preview(staff_gateway, SCHEDULE)
    assert "All confirmed appointments still fit" in shown.text
    assert save(staff_gateway, SCHEDULE, shown).status_code == 303
    assert stored(staff_gateway, ItemKind.SCHEDULE, ANA) == before


def test_new_hours_are_previewed_and_saved(
    staff_gateway: StaffGateway, store: BookingRepository, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    affected = booked(staff_gateway, "Eva Ruiz")
    booked(staff_gateway, "Luz Gil", LUIS, NORTE)
    weekdays = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    hours = {f"hours-0-{day}": "11:00 – 13:00, 9:00-9:30" for day in weekdays}
    assert preview(staff_gateway, SCHEDULE, **hours).status_code == 400
    hours = dict.fromkeys(hours, "9:00-9:30, 11:00 – 13:00")
    shown = preview(staff_gateway, SCHEDULE, **hours)
    assert "1 appointment no longer fits" in shown.text
    assert f'href="/staff/booking/{affected}"' in shown.text
    assert "10:00 Eva Ruiz Visit Ana López" in main_of(shown)
    assert "Luz Gil" not in shown.text
    assert stored(staff_gateway, ItemKind.SCHEDULE, ANA)[1] == 1

    response = save(staff_gateway, SCHEDULE, shown)
    assert response.headers["Location"] == SCHEDULE
    item, version = stored(staff_gateway, ItemKind.SCHEDULE, ANA)
    assert version == 2
    assert {tuple(row["intervals"]) for row in item["hours"]} == {("09:00-09:30", "11:00-13:00")}
    assert "The change is saved" in staff_gateway.staff.get(SCHEDULE).text
    (record,) = (each for each in caplog.records if getattr(each, "item", None))
    assert (record.event, record.item) == ("catalogue_item_stored_by_staff", f"schedules/{ANA}")
    assert record.key_id == StaffKeys([KEY]).key_id(KEY)
    assert store.get(affected).status == "confirmed"
    page = staff_gateway.staff.get(
        "/staff/book", day=str(TOMORROW), service=VISIT, practitioner=ANA
    )
    assert ">09:30</span>" not in page.text
    assert ">11:00</span>" in page.text


def test_absences_are_in_the_time_of_the_site(staff_gateway: StaffGateway) -> None:
    path = f"/staff/schedules/{LUIS}"
    absence = {
        "absences-0-from": f"{TOMORROW}T10:00",
        "absences-0-to": f"{TOMORROW}T12:00",
        "absences-0-note": "Course",
    }
    affected = booked(staff_gateway, "Luz Gil", LUIS, NORTE)
    shown = preview(staff_gateway, path, **absence)
    assert f'href="/staff/booking/{affected}"' in shown.text
    save(staff_gateway, path, shown)
    (saved,) = stored(staff_gateway, ItemKind.SCHEDULE, LUIS)[0]["absences"]
    assert saved == {
        "from": to_wire(TEN + timedelta(hours=1)),
        "to": to_wire(TEN + timedelta(hours=3)),
        "note": "Course",
    }
    filled = fields(staff_gateway.staff.get(path))
    assert {name: filled[name] for name in absence} == absence
    removed = preview(staff_gateway, path, **dict.fromkeys(absence, ""))
    save(staff_gateway, path, removed)
    assert stored(staff_gateway, ItemKind.SCHEDULE, LUIS)[0]["absences"] == []


def test_hours_at_another_site_exceptions_and_booking_fields_are_saved(
    staff_gateway: StaffGateway,
) -> None:
    changes = {
        "hours-1-site": NORTE,
        "hours-1-from": "2027-01-01",
        "hours-1-until": "2027-06-30",
        "hours-1-monday": "18:00-20:00",
        "exceptions-0-day": "2027-01-07",
        "exceptions-0-site": CENTRO,
        "exceptions-1-day": "2027-01-08",
        "exceptions-1-site": CENTRO,
        "exceptions-1-intervals": "10:00-12:00",
        "weight": "3",
        "overbook": "2",
        "active": None,
    }
    previewed = preview(staff_gateway, SCHEDULE, **changes)
    response = save(staff_gateway, SCHEDULE, previewed)
    assert response.status_code == 400  # nobody else does reviews
    assert "No active practitioner would do a service." in response.text
    spanish = save(staff_gateway, f"{SCHEDULE}?lang=es", previewed)
    assert "Ningún profesional activo haría un servicio." in spanish.text
    changes["active"] = "1"
    save(staff_gateway, SCHEDULE, preview(staff_gateway, SCHEDULE, **changes))
    item = stored(staff_gateway, ItemKind.SCHEDULE, ANA)[0]
    assert item["hours"][-1] == {
        "site": NORTE,
        "weekday": "monday",
        "intervals": ["18:00-20:00"],
        "from": "2027-01-01",
        "until": "2027-06-30",
    }
    assert item["exceptions"] == [
        {"site": CENTRO, "day": "2027-01-07", "intervals": []},
        {"site": CENTRO, "day": "2027-01-08", "intervals": ["10:00-12:00"]},
    ]
    assert (item["weight"], item["overbook"], item["active"]) == (3, 2, True)
    filled = fields(staff_gateway.staff.get(SCHEDULE))
    kept = {name: value for name, value in changes.items() if name in filled}
    assert {name: filled[name] for name in kept} == kept


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"hours-0-monday": "morning"}, "hours-0-monday"),
        ({"hours-0-tuesday": "13:00-09:00"}, "hours-0-tuesday"),
        ({"hours-0-sunday": "09:00-13:00, 12:00-14:00"}, "hours-0-sunday"),
        ({"hours-0-friday": "09:02-13:00"}, "hours-0-friday"),
        ({"hours-0-from": "2027-02-01", "hours-0-until": "2027-01-01"}, "hours-0-monday"),
        ({"hours-1-site": CENTRO, "hours-1-monday": "12:00-14:00"}, "hours-1-monday"),
        ({"absences-0-from": "2027-01-01T10:00"}, "absences-0-from"),
        ({"absences-0-from": "x", "absences-0-to": "2027-01-01T10:00"}, "absences-0-from"),
        ({"exceptions-0-day": "2027-13-01"}, "exceptions-0-day"),
        ({"exceptions-0-day": "2027-01-07", "exceptions-0-intervals": "x"}, "exceptions-0-day"),
        ({"weight": "0"}, "weight"),
        ({"weight": "many"}, "weight"),
        ({"overbook": "-1"}, "overbook"),
        ({"overbook": "99999999999999999999"}, "overbook"),
    ],
)
def test_an_invalid_field_of_a_schedule_is_reported(
    staff_gateway: StaffGateway, changes: dict[str, str], field: str
) -> None:
    response = preview(staff_gateway, SCHEDULE, **changes)
    assert response.status_code == 400
    (alert,) = re.findall(r'role="alert".*?</div>', response.text, re.DOTALL)
    assert f'href="#{field}"' in alert
    assert f'id="{field}-problem"' in response.text
    filled = fields(response)
    assert {name: filled[name] for name in changes} == changes
    assert "preview_schedule" not in staff_gateway.service.calls


def test_a_change_of_somebody_else_is_not_overwritten(staff_gateway: StaffGateway) -> None:
    first, second = (preview(staff_gateway, SCHEDULE, weight=weight) for weight in ("2", "3"))
    late_form = fields(staff_gateway.staff.get(SCHEDULE)) | {"step": "preview", "weight": "4"}
    assert save(staff_gateway, SCHEDULE, first).status_code == 303
    responses = (
        save(staff_gateway, SCHEDULE, second),
        staff_gateway.staff.post(SCHEDULE, **late_form),
    )
    for response in responses:
        assert response.status_code == 412
        assert "Somebody else has changed it first" in response.text
        assert fields(response)["weight"] == "2"
        assert fields(response)["version"] == "2"
    assert stored(staff_gateway, ItemKind.SCHEDULE, ANA)[0]["weight"] == 2


def test_the_preview_leads_back_to_the_form(staff_gateway: StaffGateway) -> None:
    shown = preview(staff_gateway, SCHEDULE, weight="7")
    response = staff_gateway.staff.post(SCHEDULE, **fields(shown) | {"step": "edit"})
    assert response.status_code == 200
    assert fields(response)["weight"] == "7"
    assert stored(staff_gateway, ItemKind.SCHEDULE, ANA)[0]["weight"] == 1


@pytest.mark.parametrize("version", ["", "x", "0", "2", "1.0", "9" * 400])
def test_a_form_of_another_version_changes_nothing(
    staff_gateway: StaffGateway, version: str
) -> None:
    sent = fields(preview(staff_gateway, SCHEDULE, weight="7")) | {"version": version}
    for step in ("preview", "save", "edit", "nonsense"):
        response = staff_gateway.staff.post(SCHEDULE, **sent | {"step": step})
        assert response.status_code == 412
    assert stored(staff_gateway, ItemKind.SCHEDULE, ANA)[0]["weight"] == 1


def test_an_invalid_field_is_not_saved_without_a_preview(staff_gateway: StaffGateway) -> None:
    sent = fields(preview(staff_gateway, SCHEDULE)) | {"step": "save", "weight": "-1"}
    assert staff_gateway.staff.post(SCHEDULE, **sent).status_code == 400
    assert stored(staff_gateway, ItemKind.SCHEDULE, ANA)[1] == 1


def test_what_is_over_is_kept_but_not_shown(
    make_staff_gateway: Callable[[Catalogue], StaffGateway],
) -> None:
    yesterday = TODAY - timedelta(days=1)
    past = {
        "absences": (Absence(moment(yesterday, "09:00"), moment(yesterday, "10:00"), "over"),),
        "exceptions": (HoursException(CENTRO, yesterday),),
    }
    closures = {"closures": (Closure(yesterday, yesterday, "over"), Closure(TODAY, TODAY, "today"))}
    gateway = make_staff_gateway(health_centre({ANA: past}, {CENTRO: closures}))
    for path, kind, item_id in (
        (SCHEDULE, ItemKind.SCHEDULE, ANA),
        (SITE, ItemKind.SITE, CENTRO),
    ):
        before = stored(gateway, kind, item_id)
        assert "over" not in fields(gateway.staff.get(path)).values()
        assert save(gateway, path, preview(gateway, path)).status_code == 303
        assert stored(gateway, kind, item_id) == before
    twice = {"exceptions-0-day": str(yesterday), "exceptions-0-site": CENTRO}
    response = preview(gateway, SCHEDULE, **twice)
    assert 'href="#exceptions-0-day"' in response.text


def test_without_the_booking_service_nothing_is_previewed(staff_gateway: StaffGateway) -> None:
    staff_gateway.service.error = ServiceUnavailable("away")
    response = preview(staff_gateway, SCHEDULE, weight="5")
    assert response.status_code == 503
    assert "Nothing was saved" in response.text
    assert fields(response)["weight"] == "5"


def test_a_long_preview_is_cut(
    staff_gateway: StaffGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_editor, "LIMIT", 1)
    booked(staff_gateway, "Eva Ruiz")
    later = {"date": to_wire(TEN + timedelta(hours=1)), "service": VISIT, "practitioner": ANA}
    booking = {"patientName": "Luz Gil", "patientPhone": "910000000"} | later
    staff_gateway.service.call("book_by_phone", until=0, booking=booking, by="staff")
    day = {"exceptions-0-day": str(TOMORROW), "exceptions-0-site": CENTRO}
    response = preview(staff_gateway, SCHEDULE, **day)
    assert "2 appointments no longer fit" in response.text
    assert "Only the first 1 are shown." in response.text
    assert "Luz Gil" not in response.text


# --- a site


def test_a_closure_is_previewed_and_saved(
    staff_gateway: StaffGateway, store: BookingRepository
) -> None:
    affected = booked(staff_gateway, "Eva Ruiz")
    closure = {"closures-0-from": str(TOMORROW), "closures-0-note": "Works"}
    shown = preview(staff_gateway, SITE, **closure, phone="+34 910 00 00 09", holidays="es-md")
    assert f'href="/staff/booking/{affected}"' in shown.text
    assert save(staff_gateway, SITE, shown).status_code == 303
    item, version = stored(staff_gateway, ItemKind.SITE, CENTRO)
    assert version == 2
    assert item["closures"] == [{"from": str(TOMORROW), "to": str(TOMORROW), "note": "Works"}]
    assert (item["phone"], item["holidays"]) == ("+34 910 00 00 09", "ES-MD")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"closures-0-from": "soon"}, "closures-0-from"),
        ({"closures-0-to": "2027-01-01"}, "closures-0-from"),
        ({"closures-0-from": "2027-01-02", "closures-0-to": "2027-01-01"}, "closures-0-from"),
        ({"holidays": "XX"}, "holidays"),
        ({"phone": "1" * 41}, "phone"),
        ({"address": "x" * 201}, "address"),
    ],
)
def test_an_invalid_field_of_a_site_is_reported(
    staff_gateway: StaffGateway, changes: dict[str, str], field: str
) -> None:
    response = preview(staff_gateway, SITE, **changes)
    assert response.status_code == 400
    assert f'id="{field}-problem"' in response.text
    assert stored(staff_gateway, ItemKind.SITE, CENTRO)[1] == 1


def test_the_editor_is_spanish_too(staff_gateway: StaffGateway) -> None:
    for path, text in (
        (SCHEDULE, "Horario semanal"),
        (SITE, "Cierres"),
        ("/staff/schedules", "Horarios"),
    ):
        assert text in staff_gateway.staff.get(path, lang="es").text
