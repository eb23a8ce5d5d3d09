"""A clinic with services, practitioners and sites: its catalogue, and scenarios of its patients.

Each scenario uses different hours of a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from playwright.sync_api import Browser, Locator, expect

from tests.browser.clinic import Clinic, Scenario, body_of
from tests.browser.visitor import PHONE, Visitor, tomorrow_at, visit
from tests.browser.words import ENGLISH, SPANISH, Words

_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _hours(site: str, *intervals: str) -> list[dict[str, Any]]:
    return [{"site": site, "weekday": day, "intervals": list(intervals)} for day in _WEEK]


#: Ana works at both sites, Luis at one.
CATALOGUE: dict[str, Any] = {
    "clinic": {"name": "Clínica Sol"},
    "services": [
        {
            "id": "first-visit",
            "names": {"es": "Primera visita", "en": "First visit"},
            "minutes": 30,
            "default": True,
        },
        {"id": "review", "names": {"es": "Revisión", "en": "Follow-up"}, "minutes": 15},
    ],
    "schedules": [
        {
            "id": "ana-lopez",
            "kind": "practitioner",
            "name": "Ana López Herrera",
            "services": ["first-visit", "review"],
            "hours": [*_hours("centro", "08:00-20:00"), *_hours("norte", "06:00-07:30")],
        },
        {
            "id": "luis-vega",
            "kind": "practitioner",
            "name": "Luis Vega",
            "services": ["first-visit"],
            "hours": _hours("norte", "08:00-20:00"),
        },
    ],
    "sites": [
        {
            "id": "centro",
            "names": {"es": "Centro", "en": "City centre"},
            "zone": "Europe/Madrid",
            "address": "Calle Mayor 1",
            "phone": "+34 910 000 000",
        },
        {
            "id": "norte",
            "names": {"es": "Norte", "en": "North"},
            "zone": "Europe/Madrid",
            "address": "Avenida del Norte 20",
        },
    ],
}


@dataclass(frozen=True, slots=True)
class ServiceWords:
    """The expected texts besides those of `Words`."""

    words: Words
    service: str
    practitioner: str
    site: str
    first_available: str
    same: str
    review: str
    centre: str
    show: str
    mail_place: str


IN_SPANISH = ServiceWords(
    words=SPANISH,
    service="Servicio",
    practitioner="Profesional",
    site="Centro",
    first_available="Primera persona disponible",
    same="Igual que ahora: Ana López Herrera",
    review="Revisión (15 minutos)",
    centre="Centro",
    show="Ver horas",
    mail_place="Profesional: Ana López Herrera\nLugar: Centro, Calle Mayor 1\n",
)
IN_ENGLISH = ServiceWords(
    words=ENGLISH,
    service="Service",
    practitioner="Practitioner",
    site="Location",
    first_available="First available",
    same="Same as now: Ana López Herrera",
    review="Follow-up (15 minutes)",
    centre="City centre",
    show="Show times",
    mail_place="Practitioner: Ana López Herrera\nPlace: City centre, Calle Mayor 1\n",
)


def _select(visitor: Visitor, label: str) -> Locator:
    return visitor.page.locator("form.choice").get_by_label(label, exact=True)


def choose(visitor: Visitor, label: str, option: str, *, script: bool, show: str) -> None:
    """Choose an option, and wait until the page shows its times."""
    _select(visitor, label).select_option(label=option)
    if not script:
        visitor.page.locator("form.choice").get_by_role("button", name=show).click()
    shown = option.partition(" (")[0]
    expect(visitor.page.locator(".chosen-for").first).to_contain_text(shown)


def _walk(
    browser: Browser,
    clinic: Clinic,
    texts: ServiceWords,
    *,
    script: bool,
    hour: int,
    **context: Any,
) -> None:
    """Book a review with Ana in the centre, and move the appointment."""
    words, start = texts.words, tomorrow_at(hour)
    with visit(browser, clinic.url, language=words.language, script=script, **context) as visitor:
        visitor.open(f"/?day={start.date()}")
        visitor.label(words.name).fill("Eva Ruiz")
        first = _select(visitor, texts.practitioner).locator("option").first
        expect(first).to_have_text(texts.first_available)
        for label, option in (
            (texts.service, texts.review),
            (texts.practitioner, "Ana López Herrera"),
            (texts.site, texts.centre),
        ):
            choose(visitor, label, option, script=script, show=texts.show)
        if script:
            expect(visitor.label(words.name)).to_have_value("Eva Ruiz")
            visitor.check_accessibility()
        visitor.label(f"{start:%H}:15").check()
        visitor.label(words.name).fill("Eva Ruiz")
        visitor.label(words.email).fill("eva@example.com")
        visitor.button(words.send).click()
        visitor.page.wait_for_url("**/cita/*")
        booking_id = _check_booking(visitor, clinic, texts, start.replace(minute=15))
        _check_email(clinic, texts, booking_id)


def _check_booking(visitor: Visitor, clinic: Clinic, texts: ServiceWords, start: datetime) -> str:
    """Return the id of the confirmed booking."""
    booking_id = visitor.page.url.rpartition("/")[2]
    booking = clinic.decided(booking_id)
    chosen = {name: booking[name] for name in ("status", "service", "practitioner", "site")}
    assert chosen == {
        "status": "confirmed",
        "service": "review",
        "practitioner": "ana-lopez",
        "site": "centro",
    }
    visitor.open(f"/cita/{booking_id}")
    details = visitor.page.locator("dl")
    for text in ("Ana López Herrera", "Calle Mayor 1", f"{start:%H}:15–{start:%H}:30"):
        expect(details).to_contain_text(text)
    file = visitor.calendar_file(texts.words.add_to_calendar)
    assert f"LOCATION:{texts.centre}\\, Calle Mayor 1" in file
    assert "DESCRIPTION:Ana López Herrera" in file
    return booking_id


def _check_email(clinic: Clinic, texts: ServiceWords, booking_id: str) -> None:
    email = clinic.wait_for_email(booking_id, 2)
    assert texts.mail_place in "\n".join(body_of(email).splitlines())
    assert email["From"].startswith("Clínica Sol <")


def spanish_patient_chooses_with_script(browser: Browser, clinic: Clinic) -> None:
    phone = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    _walk(browser, clinic, IN_SPANISH, script=True, hour=8, **phone)


def spanish_patient_chooses_without_script(browser: Browser, clinic: Clinic) -> None:
    _walk(browser, clinic, IN_SPANISH, script=False, hour=9)


def english_patient_chooses_with_script(browser: Browser, clinic: Clinic) -> None:
    _walk(browser, clinic, IN_ENGLISH, script=True, hour=10, color_scheme="dark")


def english_patient_chooses_without_script(browser: Browser, clinic: Clinic) -> None:
    phone = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    _walk(browser, clinic, IN_ENGLISH, script=False, hour=11, **phone)


def the_choice_fits_a_phone(browser: Browser, clinic: Clinic) -> None:
    for scheme in ("light", "dark"):
        context = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "color_scheme": scheme}
        with visit(browser, clinic.url, **context) as visitor:
            visitor.open("/?practitioner=luis-vega&site=centro")  # not offered together
            expect(visitor.page.locator(".note")).to_be_visible()
            visitor.check_width()
            visitor.check_targets()
            visitor.check_accessibility()


def the_keyboard_changes_the_choice_and_keeps_the_focus(browser: Browser, clinic: Clinic) -> None:
    with visit(browser, clinic.url) as visitor:
        visitor.open()
        visitor.tab_to("#practitioner")
        visitor.page.keyboard.press("ArrowDown")
        expect(visitor.page.locator(".chosen-for").first).to_contain_text("Ana López Herrera")
        expect(visitor.page.locator("#practitioner")).to_be_focused()
        announcement = visitor.page.get_by_role("status").first
        expect(announcement).to_contain_text("Horas disponibles")
        visitor.page.keyboard.press("ArrowDown")
        expect(visitor.page.locator(".chosen-for").first).to_contain_text("Luis Vega")
        expect(visitor.page.locator("#practitioner")).to_be_focused()


def going_back_restores_the_choice(browser: Browser, clinic: Clinic) -> None:
    with visit(browser, clinic.url) as visitor:
        visitor.open()
        choose(visitor, "Servicio", IN_SPANISH.review, script=True, show="")
        visitor.page.locator("a.day").nth(2).click()
        expect(visitor.page.locator("legend")).to_be_focused()
        assert "service=review" in visitor.page.url
        visitor.page.go_back()
        visitor.page.go_back()
        expect(visitor.page.locator(".chosen-for").first).to_contain_text("Primera visita")
        expect(visitor.page.locator("#service")).to_have_value("first-visit")


def a_patient_moves_to_another_practitioner(browser: Browser, clinic: Clinic) -> None:
    for script, texts, hour in ((True, IN_SPANISH, 13), (False, IN_ENGLISH, 14)):
        _move_to_luis(browser, clinic, texts, script=script, hour=hour)


def _move_to_luis(
    browser: Browser, clinic: Clinic, texts: ServiceWords, *, script: bool, hour: int
) -> None:
    words, start = texts.words, tomorrow_at(hour)
    with visit(browser, clinic.url, language=words.language, script=script) as visitor:
        visitor.open(f"/?service=first-visit&practitioner=ana-lopez&day={start.date()}")
        visitor.label(f"{start:%H:%M}").check()
        visitor.label(words.name).fill("Eva Ruiz")
        visitor.label(words.email).fill("eva@example.com")
        visitor.button(words.send).click()
        visitor.page.wait_for_url("**/cita/*")
        booking_id = visitor.page.url.rpartition("/")[2]
        clinic.decided(booking_id)
        visitor.open(f"/cita/{booking_id}/reschedule")
        expect(_select(visitor, texts.practitioner).locator("option").first).to_have_text(
            texts.same
        )
        choose(visitor, texts.practitioner, "Luis Vega", script=script, show=texts.show)
        visitor.check_width()
        if script:
            visitor.check_accessibility()
        visitor.label(f"{start:%H:%M}").check()
        visitor.button(words.move).click()
        visitor.wait_for(words.confirmed)
        expect(visitor.page.locator("dl")).to_contain_text("Luis Vega")
    moved = clinic.get(booking_id)
    assert (moved["practitioner"], moved["site"]) == ("luis-vega", "norte")


SERVICES: dict[str, Scenario] = {
    each.__name__: each
    for each in (
        spanish_patient_chooses_with_script,
        spanish_patient_chooses_without_script,
        english_patient_chooses_with_script,
        english_patient_chooses_without_script,
        the_choice_fits_a_phone,
        the_keyboard_changes_the_choice_and_keeps_the_focus,
        going_back_restores_the_choice,
        a_patient_moves_to_another_practitioner,
    )
}
