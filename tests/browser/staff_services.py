"""Scenarios of the staff of a clinic with a catalogue. Each uses days of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, expect

from tests.browser.clinic import Clinic, Scenario
from tests.browser.services import IN_ENGLISH, IN_SPANISH, ServiceWords, choose
from tests.browser.visitor import PHONE, Visitor, tomorrow_at, visit_as_staff

_ON_A_PHONE = {"viewport": PHONE, "has_touch": True, "is_mobile": True}


@dataclass(frozen=True, slots=True)
class DeskWords:
    """The expected texts besides those of `ServiceWords`."""

    services: ServiceWords
    new: str
    phone: str
    book: str
    booked: str
    printable: str
    call: str
    nearest: str
    week: str
    show: str
    all_sites: str
    schedules: str
    absence_from: str
    absence_to: str
    note: str
    preview: str
    one_affected: str
    none_affected: str
    save: str
    saved: str


DESK_SPANISH = DeskWords(
    services=IN_SPANISH,
    new="Nueva cita",
    phone="Teléfono",
    book="Reservar la cita",
    booked="La cita está reservada y confirmada.",
    printable="Confirmación para imprimir",
    call="Llame al +34 910 000 000 y dé la referencia.",
    nearest="Las horas libres más próximas",
    week="Semana",
    show="Ver",
    all_sites="Todos los centros",
    schedules="Horarios",
    absence_from="Desde",
    absence_to="Hasta",
    note="Nota",
    preview="Ver a quién afecta",
    one_affected="Queda fuera 1 cita",
    none_affected="Ninguna cita confirmada queda fuera",
    save="Guardar el cambio",
    saved="El cambio está guardado y vale en pocos segundos.",
)
DESK_ENGLISH = DeskWords(
    services=IN_ENGLISH,
    new="New appointment",
    phone="Phone",
    book="Book the appointment",
    booked="The appointment is booked and confirmed.",
    printable="Confirmation to print",
    call="Call +34 910 000 000 and give the reference.",
    nearest="The nearest free times",
    week="Week",
    show="Show",
    all_sites="All locations",
    schedules="Schedules",
    absence_from="From",
    absence_to="To",
    note="Note",
    preview="See whom it affects",
    one_affected="1 appointment no longer fits",
    none_affected="All confirmed appointments still fit",
    save="Save the change",
    saved="The change is saved and takes effect within seconds.",
)


def _book(visitor: Visitor, texts: DeskWords, days: int, name: str, *, script: bool) -> str:
    """Book at nine with Ana in the centre, after choosing the day; return the booking's id."""
    words, start = texts.services.words, tomorrow_at(9, days=days)
    visitor.open("/staff/book")
    visitor.wait_for(texts.new)
    show = texts.services.show
    for label, option in (
        (texts.services.practitioner, "Ana López Herrera"),
        (texts.services.site, texts.services.centre),
    ):
        choose(visitor, label, option, script=script, show=show)
    visitor.label(words.name).fill(name)
    visitor.page.locator("#day").fill(str(start.date()))
    visitor.page.locator(".other-days button").click()
    expect(visitor.page.locator("legend").first).to_contain_text(str(start.day))
    if script:
        expect(visitor.label(words.name)).to_have_value(name)
        visitor.check_accessibility()
    visitor.label(f"{start:%H:%M}").check()
    visitor.label(words.name).fill(name)
    visitor.label(texts.phone).fill("910 00 00 01")
    visitor.button(texts.book).click()
    expect(visitor.page.locator(".done")).to_have_text(texts.booked)
    return visitor.page.url.rpartition("/")[2]


def _walk(
    browser: Browser, clinic: Clinic, texts: DeskWords, *, script: bool, days: int, **context: Any
) -> None:
    """Book by phone, print, find the booking in the calendar, and see whom an absence affects."""
    name, language = f"Zoë Núñez {days}", texts.services.words.language
    with visit_as_staff(
        browser, clinic.url, language=language, script=script, **context
    ) as visitor:
        booking_id = _book(visitor, texts, days, name, script=script)
        booking = clinic.get(booking_id)
        assert (booking["status"], booking["practitioner"]) == ("confirmed", "ana-lopez")
        visitor.link(texts.printable).click()
        expect(visitor.page.locator("main")).to_contain_text(texts.call)
        _check(visitor, script)
        _find_in_calendar(visitor, texts, days, booking_id, script=script)
        _plan_absence(visitor, texts, days, name, script=script)


def _find_in_calendar(
    visitor: Visitor, texts: DeskWords, days: int, booking_id: str, *, script: bool
) -> None:
    event = visitor.page.locator(f'a.event[href="/staff/booking/{booking_id}"]')
    visitor.open(f"/staff?day={tomorrow_at(9, days=days).date()}")
    expect(event).to_contain_text("09:00–09:30")
    _check(visitor, script)
    for site, count in (("norte", 0), ("centro", 1)):
        visitor.page.locator("#site").select_option(site)
        visitor.button(texts.show).click()
        expect(visitor.page.locator("#site")).to_have_value(site)
        expect(event).to_have_count(count)
    visitor.link(texts.week).click()
    expect(visitor.page.locator("table.week-view")).to_be_visible()
    expect(visitor.page.locator("#site")).to_have_value("centro")
    expect(event).to_have_count(1)
    _check(visitor, script)


def _plan_absence(
    visitor: Visitor, texts: DeskWords, days: int, name: str, *, script: bool
) -> None:
    """Add an absence of Ana in which the patient comes, look at the preview, and remove it."""
    morning = (
        f"{tomorrow_at(8, days=days):%Y-%m-%dT%H:%M}",
        f"{tomorrow_at(10, days=days):%Y-%m-%dT%H:%M}",
    )
    visitor.link(texts.schedules).click()
    visitor.link("Ana López Herrera").click()
    visitor.wait_for("Ana López Herrera")
    _check(visitor, script)
    absence = visitor.page.locator('fieldset:has([name="absences-0-from"])')
    absence.get_by_label(texts.absence_from).fill(morning[0])
    absence.get_by_label(texts.absence_to).fill(morning[1])
    absence.get_by_label(texts.note).fill("Curso")
    visitor.button(texts.preview).click()
    expect(visitor.page.locator("#affected")).to_have_text(texts.one_affected)
    expect(visitor.link(name)).to_be_visible()
    _check(visitor, script)
    visitor.button(texts.save).click()
    expect(visitor.page.locator(".done")).to_have_text(texts.saved)
    expect(visitor.page.locator('[name="absences-0-note"]')).to_have_value("Curso")
    for field in ("from", "to", "note"):
        visitor.page.locator(f'[name="absences-0-{field}"]').fill("")
    visitor.button(texts.preview).click()
    expect(visitor.page.locator("#affected")).to_have_text(texts.none_affected)
    visitor.button(texts.save).click()
    expect(visitor.page.locator(".done")).to_have_text(texts.saved)


def _check(visitor: Visitor, script: bool) -> None:
    """Check the layout, and accessibility, which needs scripts."""
    visitor.check_width()
    visitor.check_targets()
    if script:
        visitor.check_accessibility()


def spanish_desk_with_script(browser: Browser, clinic: Clinic) -> None:
    _walk(browser, clinic, DESK_SPANISH, script=True, days=21, **_ON_A_PHONE)


def spanish_desk_without_script(browser: Browser, clinic: Clinic) -> None:
    _walk(browser, clinic, DESK_SPANISH, script=False, days=22)


def english_desk_with_script(browser: Browser, clinic: Clinic) -> None:
    _walk(browser, clinic, DESK_ENGLISH, script=True, days=23, color_scheme="dark")


def english_desk_without_script(browser: Browser, clinic: Clinic) -> None:
    _walk(browser, clinic, DESK_ENGLISH, script=False, days=24, **_ON_A_PHONE)


def a_taken_time_offers_the_nearest_ones(browser: Browser, clinic: Clinic) -> None:
    words, start = DESK_SPANISH.services.words, tomorrow_at(12, days=25)
    address = f"/staff/book?practitioner=ana-lopez&site=centro&day={start.date()}"
    with (
        visit_as_staff(browser, clinic.url) as first,
        visit_as_staff(browser, clinic.url) as second,
    ):
        for visitor, name in ((first, "Eva Ruiz"), (second, "Luz Gil")):
            visitor.open(address)
            visitor.label("12:00").check()
            visitor.label(words.name).fill(name)
            visitor.label(DESK_SPANISH.phone).fill("910000002")
        first.button(DESK_SPANISH.book).click()
        expect(first.page.locator(".done")).to_be_visible()
        second.button(DESK_SPANISH.book).click()
        summary = second.page.get_by_role("alert")
        expect(summary).to_contain_text(words.slot_taken)
        expect(summary).to_be_focused()
        second.check_accessibility()
        expect(second.label(words.name)).to_have_value("Luz Gil")
        second.page.get_by_role("group", name=DESK_SPANISH.nearest).get_by_role("radio").nth(
            2
        ).check()
        second.button(DESK_SPANISH.book).click()
        expect(second.page.locator(".done")).to_have_text(DESK_SPANISH.booked)


def staff_move_to_another_practitioner(browser: Browser, clinic: Clinic) -> None:
    with visit_as_staff(browser, clinic.url, language="en-GB", script=False) as visitor:
        booking_id = _book(visitor, DESK_ENGLISH, 26, "Eva Ruiz", script=False)
        visitor.page.locator("summary.calm").click()
        visitor.page.locator("#practitioner").select_option(label="Luis Vega")
        visitor.page.locator("#move").fill(str(tomorrow_at(11, days=26).date()))
        visitor.button(DESK_ENGLISH.services.show).click()
        visitor.check_width()
        visitor.label("11:00").check()
        visitor.button("Reschedule the appointment").click()
        expect(visitor.page.locator(".done")).to_be_visible()
        expect(visitor.page.locator("dl")).to_contain_text("Luis Vega")
    moved = clinic.get(booking_id)
    assert (moved["practitioner"], moved["site"]) == ("luis-vega", "norte")


def desk_pages_work_with_the_keyboard(browser: Browser, clinic: Clinic) -> None:
    with visit_as_staff(browser, clinic.url) as visitor:
        visitor.open(f"/staff/book?practitioner=ana-lopez&day={tomorrow_at(9, days=27).date()}")
        visitor.tab_to('input[name="date"]')
        visitor.page.keyboard.press("Space")
        visitor.tab_to("#name")
        visitor.page.keyboard.type("Ana Gil")
        visitor.tab_to("#phone")
        visitor.page.keyboard.type("910000003")
        visitor.page.keyboard.press("Enter")
        expect(visitor.page.locator(".done")).to_have_text(DESK_SPANISH.booked)


STAFF_SERVICES: dict[str, Scenario] = {
    each.__name__: each
    for each in (
        spanish_desk_with_script,
        spanish_desk_without_script,
        english_desk_with_script,
        english_desk_without_script,
        a_taken_time_offers_the_nearest_ones,
        staff_move_to_another_practitioner,
        desk_pages_work_with_the_keyboard,
    )
}
