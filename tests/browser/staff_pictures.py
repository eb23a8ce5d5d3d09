"""Screenshots of the staff pages for the READMEs: `make screenshots`."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.clinic import Clinic
from tests.browser.pictures import save
from tests.browser.visitor import (
    PHONE,
    Visitor,
    book_by_api,
    tomorrow_at,
    visit,
    visit_as_staff,
)
from tests.browser.words import StaffWords

_DESKTOP = {"width": 960, "height": 640}
_NAMES = ("Ana López", "José Núñez", "Eva Ruiz", "Zoë Martín", "Luis Peña", "Inés Gil", "Juan Gil")


def take_staff_pictures(browser: Browser, clinic: Clinic, folder: Path, words: StaffWords) -> None:
    """Write the screenshots of one language. Each language books different days."""
    language = words.language
    folder = folder / language[:2]
    begins = {"es": 12, "en": 20}[language[:2]]
    chosen = _book(clinic, begins)
    with visit(browser, clinic.url, viewport=_DESKTOP, language=language) as visitor:
        visitor.open("/staff")
        save(visitor, folder / "staff-login.png", whole=False)
    with visit_as_staff(browser, clinic.url, viewport=_DESKTOP, language=language) as visitor:
        _pages(visitor, words, folder, begins, chosen)
    dark_phone = {"viewport": PHONE, "is_mobile": True, "color_scheme": "dark"}
    with visit_as_staff(browser, clinic.url, language=language, **dark_phone) as visitor:
        visitor.open(f"/staff?day={tomorrow_at(9, days=begins).date()}")
        save(visitor, folder / "staff-phone.png", whole=False)


def _book(clinic: Clinic, begins: int) -> str:
    """Fill two days and return one of the bookings."""
    starts = [tomorrow_at(9 + number % 4 * 2, days=begins + number // 4) for number in range(7)]
    pairs = zip(starts, _NAMES, strict=True)
    made = [book_by_api(clinic.url, start, name)["id"] for start, name in pairs]
    for each in made:
        clinic.decided(each)
    return str(made[1])


def _pages(visitor: Visitor, words: StaffWords, folder: Path, begins: int, booking_id: str) -> None:
    visitor.open(f"/staff?day={tomorrow_at(9, days=begins).date()}")
    save(visitor, folder / "staff-agenda.png")
    visitor.open("/staff/search")
    visitor.label(words.search_text).fill("gil")
    visitor.button(words.search).click()
    visitor.page.locator("#found").wait_for()
    save(visitor, folder / "staff-search.png")
    visitor.open(f"/staff/booking/{booking_id}")
    visitor.page.locator("summary", has_text=words.cancel).click()
    save(visitor, folder / "staff-booking.png")
