"""Scenarios of the staff in a real browser. Their appointments are on separate days."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Browser, expect

from tests.browser.clinic import Clinic, Scenario
from tests.browser.visitor import (
    PHONE,
    STAFF_KEY,
    Visitor,
    book_by_api,
    tomorrow_at,
    visit,
    visit_as_staff,
)
from tests.browser.words import STAFF_ENGLISH, STAFF_SPANISH, StaffWords


def _booked(clinic: Clinic, hour: int, name: str = "Eva Ruiz", days: int = 5) -> str:
    """Book over the API, wait for the decision and return the id."""
    booking = book_by_api(clinic.url, tomorrow_at(hour, days=days), name)
    clinic.decided(booking["id"])
    return str(booking["id"])


def _walk(
    browser: Browser, clinic: Clinic, words: StaffWords, *, script: bool, hour: int, **context: str
) -> None:
    """Sign in, open a booking from the agenda, cancel it, search for it and sign out."""
    name = f"Zoë Núñez {hour}"
    booking_id = _booked(clinic, hour, name)
    with visit(browser, clinic.url, language=words.language, script=script, **context) as visitor:
        _sign_in(visitor, words, script)
        visitor.page.locator(f'a[href="/staff/booking/{booking_id}"]').click()
        visitor.wait_for(name)
        _cancel(visitor, words, script)
        _search(visitor, words, script, f"nunez {hour}", name)
        visitor.button(words.sign_out).click()
        visitor.wait_for(words.staff_title)
        visitor.open("/staff")
        visitor.wait_for(words.staff_title)


def _sign_in(visitor: Visitor, words: StaffWords, script: bool) -> None:
    visitor.open("/staff")
    assert visitor.heading() == words.staff_title
    expect(visitor.page.locator("html")).to_have_attribute("lang", words.language[:2])
    _check(visitor, script)
    visitor.label(words.key).fill(STAFF_KEY)
    visitor.button(words.sign_in).click()
    visitor.wait_for(words.agenda)
    assert visitor.page.url == f"{visitor.url}/staff"
    _check(visitor, script)


def _cancel(visitor: Visitor, words: StaffWords, script: bool) -> None:
    visitor.page.locator("summary", has_text=words.cancel).click()
    visitor.label(words.reason).check()
    _check(visitor, script)
    visitor.button(words.cancel_send).click()
    expect(visitor.page.locator(".done")).to_have_text(words.cancel_done)
    expect(visitor.page.locator("section.state .status")).to_have_text(words.cancelled)
    expect(visitor.button(words.cancel_send)).to_have_count(0)
    _check(visitor, script)


def _search(visitor: Visitor, words: StaffWords, script: bool, text: str, name: str) -> None:
    visitor.link(words.search).click()
    visitor.label(words.search_text).fill(text)
    visitor.button(words.search).click()
    expect(visitor.page.locator("#found")).to_have_text(words.found_one)
    expect(visitor.link(name)).to_have_count(1)
    assert visitor.page.url == f"{visitor.url}/staff/search"
    _check(visitor, script)


def _check(visitor: Visitor, script: bool) -> None:
    """Check accessibility, which needs scripts."""
    if script:
        visitor.check_accessibility()


def staff_in_spanish_with_script(browser: Browser, clinic: Clinic) -> None:
    _walk(browser, clinic, STAFF_SPANISH, script=True, hour=8)


def staff_in_spanish_without_script(browser: Browser, clinic: Clinic) -> None:
    _walk(browser, clinic, STAFF_SPANISH, script=False, hour=9)


def staff_in_english_with_script(browser: Browser, clinic: Clinic) -> None:
    _walk(browser, clinic, STAFF_ENGLISH, script=True, hour=10, color_scheme="dark")


def staff_in_english_without_script(browser: Browser, clinic: Clinic) -> None:
    _walk(browser, clinic, STAFF_ENGLISH, script=False, hour=11)


def wrong_key_is_reported_beside_its_field(browser: Browser, clinic: Clinic) -> None:
    with visit(browser, clinic.url) as visitor:
        visitor.open("/staff/search")
        visitor.label(STAFF_SPANISH.key).fill("wrong")
        visitor.button(STAFF_SPANISH.sign_in).click()
        expect(visitor.page.get_by_role("alert")).to_contain_text(STAFF_SPANISH.key_wrong)
        expect(visitor.label(STAFF_SPANISH.key)).to_be_focused()
        visitor.check_accessibility()
        visitor.label(STAFF_SPANISH.key).fill(STAFF_KEY)
        visitor.page.keyboard.press("Enter")
        visitor.wait_for(STAFF_SPANISH.search)
        assert visitor.page.url.endswith("/staff/search")


def staff_reschedule_an_appointment(browser: Browser, clinic: Clinic) -> None:
    booking_id = _booked(clinic, 12)
    moved = tomorrow_at(12, days=6)
    words = STAFF_ENGLISH
    with visit_as_staff(browser, clinic.url, language=words.language) as visitor:
        visitor.open(f"/staff/booking/{booking_id}")
        visitor.page.locator("summary", has_text=words.move).click()
        visitor.page.locator("#move").fill(str(moved.date()))
        visitor.button(words.show_day).click()
        visitor.label(f"{moved:%H:%M}").check()
        visitor.check_accessibility()
        visitor.button(words.move_send).click()
        expect(visitor.page.locator(".done")).to_have_text(words.move_done)
        expect(visitor.page.locator("section.state .when strong")).to_have_text("12:00")


def staff_pages_work_with_the_keyboard(browser: Browser, clinic: Clinic) -> None:
    booking_id = _booked(clinic, 13)
    with visit_as_staff(browser, clinic.url) as visitor:
        press = visitor.page.keyboard.press
        visitor.open(f"/staff?day={tomorrow_at(13, days=5).date()}")
        press("Tab")
        expect(visitor.page.locator(".skip")).to_be_focused()
        press("Enter")
        visitor.tab_to(f'a[href="/staff/booking/{booking_id}"]')
        press("Enter")
        visitor.wait_for("Eva Ruiz")
        visitor.tab_to("summary:not(.calm)")
        press("Enter")
        visitor.tab_to('input[name="reason"]')
        press("Space")
        visitor.tab_to("button.danger")
        press("Enter")
        expect(visitor.page.locator(".done")).to_have_text(STAFF_SPANISH.cancel_done)


def staff_pages_fit_a_phone(browser: Browser, clinic: Clinic) -> None:
    name = "Maximiliana Hohenzollern-Sigmaringen de la Santísima Trinidad"
    booking_id = _booked(clinic, 14, name)
    phone = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    with visit_as_staff(browser, clinic.url, **phone) as visitor:
        for path in ("/staff", "/staff/search", f"/staff/booking/{booking_id}"):
            visitor.open(path)
            _assert_fits_a_phone(visitor)
        visitor.open("/staff/search")
        visitor.label(STAFF_SPANISH.search_text).fill("hohenzollern")
        visitor.button(STAFF_SPANISH.search).click()
        expect(visitor.link(name)).to_have_count(1)
        _assert_fits_a_phone(visitor)


def _assert_fits_a_phone(visitor: Visitor) -> None:
    visitor.check_width()
    visitor.check_targets()
    visitor.check_accessibility()


def cross_site_link_keeps_the_staff_session(browser: Browser, clinic: Clinic) -> None:
    port = urlsplit(clinic.url).port
    for script in (True, False):
        with visit_as_staff(browser, clinic.url, script=script) as visitor:
            visitor.page.goto(f"http://localhost:{port}/cita/nobody")
            visitor.page.evaluate(
                "(url) => { location.href = url }", f"{clinic.url}/staff?status=all"
            )
            visitor.wait_for(STAFF_SPANISH.agenda)
            assert visitor.page.url == f"{clinic.url}/staff?status=all"
            visitor.external_requests.clear()  # the other site


def dark_and_error_staff_pages_are_accessible(browser: Browser, clinic: Clinic) -> None:
    booking_id = _booked(clinic, 15)
    paths = ("/staff?status=all", "/staff/search", f"/staff/booking/{booking_id}", "/staff/nothing")
    for scheme in ("light", "dark"):
        with visit_as_staff(browser, clinic.url, color_scheme=scheme) as visitor:
            for path in paths:
                visitor.open(path)
                visitor.check_accessibility()


def staff_booking_page_works_without_services(browser: Browser, clinic: Clinic) -> None:
    booking_id = _booked(clinic, 16)
    with visit_as_staff(browser, clinic.away) as visitor:
        visitor.open(f"/staff/booking/{booking_id}?move={tomorrow_at(16).date()}")
        visitor.wait_for("Eva Ruiz")
        assert "no se pueden mostrar los avisos" in visitor.page.locator("main").inner_text()
        visitor.check_accessibility()


STAFF_SCENARIOS: dict[str, Scenario] = {
    each.__name__: each
    for each in (
        staff_in_spanish_with_script,
        staff_in_spanish_without_script,
        staff_in_english_with_script,
        staff_in_english_without_script,
        wrong_key_is_reported_beside_its_field,
        staff_reschedule_an_appointment,
        staff_pages_work_with_the_keyboard,
        staff_pages_fit_a_phone,
        cross_site_link_keeps_the_staff_session,
        dark_and_error_staff_pages_are_accessible,
        staff_booking_page_works_without_services,
    )
}
