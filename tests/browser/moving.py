"""How patients move an appointment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Browser, expect

from tests.browser.clinic import Clinic, Scenario
from tests.browser.visitor import Visitor, book_by_program, tomorrow_at, visit
from tests.browser.words import ENGLISH, SPANISH, Words


def booked(clinic: Clinic, start: datetime, words: Words = SPANISH) -> dict[str, Any]:
    """Somebody else has booked it, and it is confirmed; with its code."""
    booking = book_by_program(clinic.url, start, language=words.language)
    assert clinic.decided(booking["id"])["status"] == "confirmed"
    return booking


def open_the_times(visitor: Visitor, words: Words, start: datetime) -> None:
    """From the page of the booking to the free times of that day, and choose one."""
    visitor.link(words.move).click()
    visitor.wait_for(words.move_title)
    visitor.page.locator(f'a.day[href$="day={start.date()}"]').click()
    visitor.page.wait_for_url(f"**/reschedule?day={start.date()}")
    visitor.label(f"{start:%H:%M}").check()


def move(
    visitor: Visitor, words: Words, start: datetime, *, script: bool = True, code: str = ""
) -> None:
    open_the_times(visitor, words, start)
    assert visitor.sees(words.stands)
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


def a_time_that_is_gone_is_told_and_another_chosen(browser: Browser, clinic: Clinic) -> None:
    _lose_a_time(browser, clinic, SPANISH, script=True, hour=8)


def a_time_that_is_gone_is_told_without_script(browser: Browser, clinic: Clinic) -> None:
    _lose_a_time(browser, clinic, ENGLISH, script=False, hour=11)


def _lose_a_time(
    browser: Browser, clinic: Clinic, words: Words, *, script: bool, hour: int
) -> None:
    first, wanted, other = (tomorrow_at(hour + number, days=3) for number in (0, 1, 2))
    booking = booked(clinic, first)
    with visit(browser, clinic.url, language=words.language, script=script) as visitor:
        visitor.open(f"/cita/{booking['id']}")
        open_the_times(visitor, words, wanted)
        visitor.label(words.code).fill(booking["manageToken"])
        booked(clinic, wanted)
        visitor.button(words.move).click()
        told = visitor.page.get_by_role("alert")
        expect(told).to_contain_text(words.gone)
        expect(told).to_contain_text(words.as_it_was)
        assert clinic.get(booking["id"])["version"] == 2
        if script:
            expect(told).to_be_focused()
            visitor.check_accessibility()
        # What was typed is still there: it was right.
        visitor.label(f"{other:%H:%M}").check()
        visitor.button(words.move).click()
        visitor.wait_for(words.confirmed)
    assert clinic.get(booking["id"])["date"] == _wire(other)


def a_wrong_code_moves_nothing(browser: Browser, clinic: Clinic) -> None:
    booking = booked(clinic, tomorrow_at(14, days=3))
    with visit(browser, clinic.url) as visitor:
        visitor.open(f"/cita/{booking['id']}")
        open_the_times(visitor, SPANISH, tomorrow_at(15, days=3))
        visitor.label(SPANISH.code).fill("wrong")
        visitor.button(SPANISH.move).click()
        told = visitor.page.get_by_role("alert")
        expect(told).to_contain_text(SPANISH.wrong_code)
        visitor.check_accessibility()
        expect(visitor.label("15:00")).to_be_checked()
        told.get_by_role("link").click()
        expect(visitor.label(SPANISH.code)).to_be_focused()
    assert clinic.get(booking["id"])["version"] == 2


def the_keyboard_is_enough_to_move(browser: Browser, clinic: Clinic) -> None:
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


def while_nobody_knows_the_free_times_nothing_is_moved(browser: Browser, clinic: Clinic) -> None:
    booking = booked(clinic, tomorrow_at(17, days=3))
    with visit(browser, clinic.away, language=ENGLISH.language) as visitor:
        visitor.open(f"/cita/{booking['id']}")
        visitor.link(ENGLISH.move).click()
        visitor.wait_for(ENGLISH.move_title)
        assert visitor.sees(ENGLISH.as_it_was)
        visitor.check_accessibility()
        visitor.check_targets()


SCENARIOS: tuple[Scenario, ...] = (
    a_time_that_is_gone_is_told_and_another_chosen,
    a_time_that_is_gone_is_told_without_script,
    a_wrong_code_moves_nothing,
    the_keyboard_is_enough_to_move,
    while_nobody_knows_the_free_times_nothing_is_moved,
)
