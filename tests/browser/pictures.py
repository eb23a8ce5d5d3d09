"""Screenshots of the patient pages for the READMEs: `make screenshots`."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.clinic import Clinic, link_in
from tests.browser.rescheduling import booked, choose_slot
from tests.browser.visitor import PHONE, Visitor, book_by_api, tomorrow_at, visit
from tests.browser.words import Words

DESKTOP = {"width": 820, "height": 640}


def take_pictures(browser: Browser, clinic: Clinic, folder: Path, words: Words) -> None:
    """Write the screenshots of one language. Each language books different hours."""
    language = words.language
    folder = folder / language[:2]
    folder.mkdir(parents=True, exist_ok=True)
    hour = {"es": 10, "en": 13}[language[:2]]
    with visit(browser, clinic.url, viewport=DESKTOP, language=language) as visitor:
        _booking(visitor, words, folder, hour)
    _rejected(browser, clinic, words, folder, hour + 2)
    _rescheduling(browser, clinic, words, folder, hour)
    with visit(browser, clinic.away, viewport=DESKTOP, language=language) as visitor:
        visitor.open()
        save(visitor, folder / "away.png")
    dark_phone = {"viewport": PHONE, "is_mobile": True, "color_scheme": "dark"}
    with visit(browser, clinic.url, language=language, **dark_phone) as visitor:
        visitor.open()
        save(visitor, folder / "phone.png", whole=False)


def _booking(visitor: Visitor, words: Words, folder: Path, hour: int) -> None:
    visitor.choose(tomorrow_at(hour))
    visitor.label(words.name).fill("Ana López")
    visitor.label(words.email).fill("ana@example.com")
    save(visitor, folder / "ask.png")
    visitor.label(words.email).fill("ana@")
    visitor.button(words.send).click()
    visitor.page.get_by_role("alert").wait_for()
    visitor.page.screenshot(path=folder / "mistake.png")
    visitor.label(words.email).fill("ana@example.com")
    visitor.button(words.send).click()
    visitor.wait_for(words.pending)
    save(visitor, folder / "pending.png")
    visitor.wait_for(words.confirmed)
    visitor.page.locator("summary").click()
    save(visitor, folder / "confirmed.png")
    visitor.button(words.cancel_send).click()
    visitor.wait_for(words.cancelled)
    save(visitor, folder / "cancelled.png")


def _rejected(browser: Browser, clinic: Clinic, words: Words, folder: Path, hour: int) -> None:
    book_by_api(clinic.url, tomorrow_at(hour))
    booking = book_by_api(clinic.url, tomorrow_at(hour))
    with visit(browser, clinic.url, viewport=DESKTOP, language=words.language) as visitor:
        visitor.open(f"/cita/{booking['id']}")
        visitor.wait_for(words.rejected)
        save(visitor, folder / "rejected.png")


def _rescheduling(browser: Browser, clinic: Clinic, words: Words, folder: Path, hour: int) -> None:
    first, wanted = (tomorrow_at(hour + number, days=3) for number in (0, 1))
    email = clinic.wait_for_email(booked(clinic, first, words)["id"], 2)
    with visit(browser, clinic.url, viewport=DESKTOP, language=words.language) as visitor:
        visitor.page.goto(link_in(email))
        choose_slot(visitor, words, wanted)
        save(visitor, folder / "move.png")
        booked(clinic, wanted, words)
        visitor.button(words.move).click()
        visitor.page.get_by_role("alert").wait_for()
        visitor.page.screenshot(path=folder / "gone.png")


def save(visitor: Visitor, file: Path, whole: bool = True) -> None:
    visitor.page.evaluate("() => document.activeElement.blur()")
    visitor.page.screenshot(path=file, full_page=whole, animations="disabled", caret="hide")
