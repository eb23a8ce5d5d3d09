"""Scenarios of patients in a real browser. Each takes a browser and the clinic, and uses different
hours of a day."""

from __future__ import annotations

import re

import requests
from playwright.sync_api import Browser, expect

from tests.browser import email_links, rescheduling
from tests.browser.clinic import Clinic, Scenario
from tests.browser.visitor import (
    PHONE,
    Visitor,
    book_by_api,
    staff_header,
    tomorrow_at,
    utc,
    visit,
)
from tests.browser.words import ENGLISH, SPANISH, Words


def _book(visitor: Visitor, words: Words, hour: int) -> None:
    visitor.choose(tomorrow_at(hour))
    visitor.label(words.name).fill("Ana López")
    visitor.label(words.email).fill("ana@example.com")
    visitor.button(words.send).click()
    visitor.page.wait_for_url("**/cita/*")


def _walk(
    browser: Browser, clinic: Clinic, words: Words, *, script: bool, hour: int, **context: str
) -> None:
    """Book, wait for the confirmation, reschedule and cancel, checking each page."""
    with visit(browser, clinic.url, language=words.language, script=script, **context) as visitor:
        visitor.open()
        assert visitor.heading() == words.title
        expect(visitor.page.locator("html")).to_have_attribute("lang", words.language[:2])
        _book(visitor, words, hour)
        _wait_for_the_decision(visitor, words, script)
        first = visitor.calendar_file(words.add_to_calendar)
        assert words.summary in first
        assert utc(tomorrow_at(hour)) in first
        rescheduling.reschedule(visitor, words, tomorrow_at(hour, days=2), script=script)
        assert utc(tomorrow_at(hour, days=2)) in visitor.calendar_file(words.add_to_calendar)
        _cancel(visitor, words)
        if script:
            visitor.check_accessibility()


def _wait_for_the_decision(visitor: Visitor, words: Words, script: bool) -> None:
    assert visitor.heading() == words.pending
    assert words.not_confirmed in visitor.page.locator("main").inner_text()
    if script:
        visitor.check_accessibility()
        visitor.wait_for(words.confirmed)
        announcement = visitor.page.get_by_role("status").first
        expect(announcement).to_have_text(words.confirmed)
        visitor.check_accessibility()
    else:
        while visitor.heading() == words.pending:
            visitor.page.wait_for_timeout(200)
            visitor.link(words.reload).click()
        assert visitor.heading() == words.confirmed


def _cancel(visitor: Visitor, words: Words) -> None:
    """Cancel without a code, in the browser that has booked."""
    visitor.page.locator("summary").click()
    expect(visitor.page.locator("#code")).to_have_count(0)
    visitor.button(words.cancel_send).click()
    visitor.wait_for(words.cancelled)
    expect(visitor.button(words.cancel_send)).to_have_count(0)


def spanish_with_script(browser: Browser, clinic: Clinic) -> None:
    _walk(browser, clinic, SPANISH, script=True, hour=8)


def spanish_without_script(browser: Browser, clinic: Clinic) -> None:
    _walk(browser, clinic, SPANISH, script=False, hour=9)


def english_with_script(browser: Browser, clinic: Clinic) -> None:
    _walk(browser, clinic, ENGLISH, script=True, hour=10, color_scheme="dark")


def english_without_script(browser: Browser, clinic: Clinic) -> None:
    _walk(browser, clinic, ENGLISH, script=False, hour=11)


def chosen_language_is_remembered(browser: Browser, clinic: Clinic) -> None:
    with visit(browser, clinic.url) as visitor:
        visitor.open()
        visitor.link("English").click()
        visitor.wait_for(ENGLISH.title)
        visitor.open()
        assert visitor.heading() == ENGLISH.title


def validation_errors_are_shown_beside_the_fields(browser: Browser, clinic: Clinic) -> None:
    with visit(browser, clinic.url) as visitor:
        visitor.choose(tomorrow_at(12))
        visitor.label(SPANISH.name).fill("Ana López")
        visitor.label(SPANISH.email).fill("ana@")
        visitor.button(SPANISH.send).click()
        summary = visitor.page.get_by_role("alert")
        expect(summary).to_be_focused()
        visitor.check_accessibility()
        expect(visitor.label(SPANISH.name)).to_have_value("Ana López")
        expect(visitor.label(f"{tomorrow_at(12):%H:%M}")).to_be_checked()
        email = visitor.label(SPANISH.email)
        expect(email).to_have_accessible_description(re.compile("Lo que va después de la @"))
        summary.get_by_role("link").click()
        expect(email).to_be_focused()
        # A fragment link is not another day: nothing is fetched, and the input is kept.
        visitor.page.wait_for_load_state("networkidle")
        expect(email).to_be_focused()
        expect(visitor.label(f"{tomorrow_at(12):%H:%M}")).to_be_checked()


def choosing_a_day_keeps_the_input(browser: Browser, clinic: Clinic) -> None:
    with visit(browser, clinic.url) as visitor:
        visitor.open()
        visitor.label(SPANISH.name).fill("Ana López")
        visitor.page.locator("a.day").nth(3).click()
        heading = visitor.page.locator("legend")
        expect(heading).to_be_focused()
        assert "day=" in visitor.page.url
        expect(visitor.label(SPANISH.name)).to_have_value("Ana López")
        visitor.page.go_back()
        expect(visitor.page).to_have_url(f"{clinic.url}/")


def booking_works_with_the_keyboard(browser: Browser, clinic: Clinic) -> None:
    with visit(browser, clinic.url) as visitor:
        press = visitor.page.keyboard.press
        visitor.open(f"/?day={tomorrow_at(13).date()}")
        press("Tab")
        expect(visitor.page.locator(".skip")).to_be_focused()
        press("Enter")
        visitor.tab_to('input[name="date"]')
        press("Space")
        press("ArrowRight")
        visitor.tab_to("#name")
        visitor.page.keyboard.type("Ana López")
        visitor.tab_to("#email")
        visitor.page.keyboard.type("ana@example.com")
        press("Enter")
        visitor.wait_for(SPANISH.confirmed)
        visitor.tab_to("summary")
        press("Enter")
        visitor.tab_to("button.danger")
        press("Enter")
        visitor.wait_for(SPANISH.cancelled)


def pages_fit_a_phone(browser: Browser, clinic: Clinic) -> None:
    with visit(browser, clinic.url, viewport=PHONE, has_touch=True, is_mobile=True) as visitor:
        visitor.open()
        _assert_fits_a_phone(visitor)
        _book(visitor, SPANISH, 14)
        visitor.wait_for(SPANISH.confirmed)
        _assert_fits_a_phone(visitor)
        visitor.link(SPANISH.move).click()
        visitor.wait_for(SPANISH.move_title)
        _assert_fits_a_phone(visitor)


def _assert_fits_a_phone(visitor: Visitor) -> None:
    visitor.check_width()
    visitor.check_targets()
    visitor.check_accessibility()


def rejected_booking_offers_the_nearest_slots(browser: Browser, clinic: Clinic) -> None:
    for _ in range(2):
        booking = book_by_api(clinic.url, tomorrow_at(17))
        clinic.decided(booking["id"])
    with visit(browser, clinic.url) as visitor:
        visitor.open(f"/cita/{booking['id']}")
        assert visitor.heading() == SPANISH.rejected
        visitor.check_accessibility()
        offers = visitor.page.locator("a.offer")
        expect(offers).to_have_count(5)
        assert "17:00" not in " ".join(offers.all_inner_texts())
        offers.first.click()
        expect(visitor.page.locator("input[name=date]:checked")).to_have_count(1)


def booking_works_without_free_slots(browser: Browser, clinic: Clinic) -> None:
    with visit(browser, clinic.away) as visitor:
        visitor.open()
        shown = visitor.page.locator("main").inner_text()
        assert "no podemos mostrar las horas disponibles" in shown
        visitor.check_accessibility()
        visitor.page.locator("#date").fill(f"{tomorrow_at(18, days=2):%Y-%m-%dT%H:%M}")
        visitor.label(SPANISH.name).fill("Ana López")
        visitor.label(SPANISH.email).fill("ana@example.com")
        visitor.button(SPANISH.send).click()
        visitor.wait_for(SPANISH.pending)
        assert "18:00" in visitor.page.locator("dl").inner_text()


def double_click_creates_one_booking(browser: Browser, clinic: Clinic) -> None:
    with visit(browser, clinic.url) as visitor:
        visitor.choose(tomorrow_at(18))
        visitor.label(SPANISH.name).fill("Ana López")
        visitor.label(SPANISH.email).fill("dos@example.com")
        visitor.button(SPANISH.send).dblclick(no_wait_after=True)
        visitor.page.wait_for_url("**/cita/*")
        visitor.page.reload()
    address = f"{clinic.url}/bookings/?limit=100"
    listed = requests.get(address, headers=staff_header(), timeout=30).json()
    assert [each["patientEmail"] for each in listed].count("dos@example.com") == 1


def dark_and_error_pages_are_accessible(browser: Browser, clinic: Clinic) -> None:
    for scheme in ("light", "dark"):
        with visit(browser, clinic.url, language="en-GB", color_scheme=scheme) as visitor:
            for path in ("/", "/cita/nobody"):
                visitor.open(path)
                visitor.check_accessibility()


SCENARIOS: dict[str, Scenario] = {
    each.__name__: each
    for each in (
        spanish_with_script,
        spanish_without_script,
        english_with_script,
        english_without_script,
        chosen_language_is_remembered,
        validation_errors_are_shown_beside_the_fields,
        choosing_a_day_keeps_the_input,
        booking_works_with_the_keyboard,
        pages_fit_a_phone,
        *rescheduling.SCENARIOS,
        *email_links.SCENARIOS,
        rejected_booking_offers_the_nearest_slots,
        booking_works_without_free_slots,
        double_click_creates_one_booking,
        dark_and_error_pages_are_accessible,
    )
}
