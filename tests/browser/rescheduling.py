"""Scenarios in which patients reschedule an appointment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Browser, expect

from tests.browser.clinic import Clinic, Scenario
from tests.browser.visitor import Visitor, book_by_api, tomorrow_at, visit
from tests.browser.words import ENGLISH, SPANISH, Words


def booked(clinic: Clinic, start: datetime, words: Words = SPANISH) -> dict[str, Any]:
    """Book over the API and wait for the confirmation; the result includes the token."""
    booking = book_by_api(clinic.url, start, language=words.language)
    assert clinic.decided(booking["id"])["status"] == "confirmed"
    return booking


def choose_slot(visitor: Visitor, words: Words, start: datetime) -> None:
    """Open the reschedule page from the booking page and choose a day and a slot."""
    visitor.link(words.move).click()
    visitor.wait_for(words.move_title)
    visitor.page.locator(f'a.day[href$="day={start.date()}"]').click()
    visitor.page.wait_for_url(f"**/reschedule?day={start.date()}")
    visitor.label(f"{start:%H:%M}").check()


def reschedule(
    visitor: Visitor, words: Words, start: datetime, *, script: bool = True, code: str = ""
) -> None:
    choose_slot(visitor, words, start)
    assert visitor.shows(words.appointment_kept)
    if script:
        visitor.check_accessibility()
    if code:
        visitor.label(words.code).fill(code)
    visitor.button(words.move).click()
    visitor.wait_for(words.confirmed)
    expect(visitor.page.locator("dl time")).to_have_attribute("datetime", _wire(start))
    if script:
        visitor.check_accessibility()


def _wire(start: datetime) -> str:
    return f"{start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def taken_slot_is_reported_and_another_chosen(browser: Browser, clinic: Clinic) -> None:
    _reschedule_to_a_taken_slot(browser, clinic, SPANISH, script=True, hour=8)


def taken_slot_is_reported_without_script(browser: Browser, clinic: Clinic) -> None:
    _reschedule_to_a_taken_slot(browser, clinic, ENGLISH, script=False, hour=11)


def _reschedule_to_a_taken_slot(
    browser: Browser, clinic: Clinic, words: Words, *, script: bool, hour: int
) -> None:
    first, wanted, other = (tomorrow_at(hour + number, days=3) for number in (0, 1, 2))
    booking = booked(clinic, first)
    with visit(browser, clinic.url, language=words.language, script=script) as visitor:
        visitor.open(f"/cita/{booking['id']}")
        choose_slot(visitor, words, wanted)
        visitor.label(words.code).fill(booking["manageToken"])
        booked(clinic, wanted)
        visitor.button(words.move).click()
        alert = visitor.page.get_by_role("alert")
        expect(alert).to_contain_text(words.slot_taken)
        expect(alert).to_contain_text(words.unchanged)
        assert clinic.get(booking["id"])["version"] == 2
        if script:
            expect(alert).to_be_focused()
            visitor.check_accessibility()
        # The typed code is kept, since it was valid.
        visitor.label(f"{other:%H:%M}").check()
        visitor.button(words.move).click()
        visitor.wait_for(words.confirmed)
    assert clinic.get(booking["id"])["date"] == _wire(other)


def wrong_code_does_not_reschedule(browser: Browser, clinic: Clinic) -> None:
    booking = booked(clinic, tomorrow_at(14, days=3))
    with visit(browser, clinic.url) as visitor:
        visitor.open(f"/cita/{booking['id']}")
        choose_slot(visitor, SPANISH, tomorrow_at(15, days=3))
        visitor.label(SPANISH.code).fill("wrong")
        visitor.button(SPANISH.move).click()
        alert = visitor.page.get_by_role("alert")
        expect(alert).to_contain_text(SPANISH.wrong_code)
        visitor.check_accessibility()
        expect(visitor.label("15:00")).to_be_checked()
        alert.get_by_role("link").click()
        expect(visitor.label(SPANISH.code)).to_be_focused()
    assert clinic.get(booking["id"])["version"] == 2


def rescheduling_works_with_the_keyboard(browser: Browser, clinic: Clinic) -> None:
    booking = booked(clinic, tomorrow_at(16, days=3))
    with visit(browser, clinic.url) as visitor:
        press = visitor.page.keyboard.press
        visitor.open(f"/cita/{booking['id']}")
        visitor.tab_to('a[href$="/reschedule"]')
        press("Enter")
        visitor.wait_for(SPANISH.move_title)
        visitor.tab_to(f'a[href$="day={tomorrow_at(16, days=4).date()}"]')
        press("Enter")
        expect(visitor.page.locator("legend")).to_be_focused()
        visitor.tab_to('input[name="date"]')
        press("Space")
        press("ArrowRight")
        visitor.tab_to("#code")
        visitor.page.keyboard.type(booking["manageToken"])
        press("Enter")
        visitor.wait_for(SPANISH.confirmed)
    assert clinic.get(booking["id"])["date"] == _wire(tomorrow_at(8, days=4).replace(minute=30))


def rescheduling_is_unavailable_without_free_slots(browser: Browser, clinic: Clinic) -> None:
    booking = booked(clinic, tomorrow_at(17, days=3))
    with visit(browser, clinic.away, language=ENGLISH.language) as visitor:
        visitor.open(f"/cita/{booking['id']}")
        visitor.link(ENGLISH.move).click()
        visitor.wait_for(ENGLISH.move_title)
        assert visitor.shows(ENGLISH.unchanged)
        visitor.check_accessibility()
        visitor.check_targets()


SCENARIOS: tuple[Scenario, ...] = (
    taken_slot_is_reported_and_another_chosen,
    taken_slot_is_reported_without_script,
    wrong_code_does_not_reschedule,
    rescheduling_works_with_the_keyboard,
    rescheduling_is_unavailable_without_free_slots,
)
