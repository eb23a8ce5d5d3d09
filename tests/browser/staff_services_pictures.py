"""Screenshots of the staff pages of a clinic with a catalogue."""

from __future__ import annotations

from pathlib import Path

import requests
from playwright.sync_api import Browser

from tests.browser.clinic import Clinic
from tests.browser.pictures import save
from tests.browser.staff_services import DeskWords
from tests.browser.visitor import Visitor, tomorrow_at, visit_as_staff

_DESKTOP = {"width": 1100, "height": 700}
#: Who comes at which time to whom.
_BOOKED = (
    ("Eva Ruiz", "08:00", "ana-lopez", "first-visit"),
    ("José Núñez", "09:00", "ana-lopez", "first-visit"),
    ("Luz Gil", "10:15", "ana-lopez", "review"),
    ("Zoë Martín", "09:30", "luis-vega", "first-visit"),
    ("Inés Gil", "11:00", "luis-vega", "first-visit"),
)


def take_staff_services_pictures(
    browser: Browser, clinic: Clinic, folder: Path, texts: DeskWords
) -> None:
    """Write the screenshots of one language. Each language books another day."""
    language = texts.services.words.language
    folder = folder / language[:2]
    folder.mkdir(parents=True, exist_ok=True)
    days = {"es": 6, "en": 7}[language[:2]]
    _book(clinic, days)
    with visit_as_staff(browser, clinic.url, viewport=_DESKTOP, language=language) as visitor:
        _pages(visitor, texts, folder, days)


def _book(clinic: Clinic, days: int) -> None:
    for name, time, practitioner, service in _BOOKED:
        hour, minute = map(int, time.split(":"))
        start = tomorrow_at(hour, days=days).replace(minute=minute)
        booking = {
            "patientName": name,
            "patientEmail": "patient@example.com",
            "date": start.isoformat(),
            "service": service,
            "practitioner": practitioner,
        }
        response = requests.post(f"{clinic.url}/book", json=booking, timeout=30)
        response.raise_for_status()
        clinic.decided(response.json()["booking"]["id"])


def _pages(visitor: Visitor, texts: DeskWords, folder: Path, days: int) -> None:
    day = tomorrow_at(9, days=days)
    visitor.open(f"/staff?day={day.date()}")
    save(visitor, folder / "staff-calendar.png")
    visitor.open(f"/staff/book?practitioner=ana-lopez&site=centro&day={day.date()}")
    visitor.label("12:00").check()
    visitor.label(texts.services.words.name).fill("Hugo Prieto")
    visitor.label(texts.phone).fill("910 00 00 01")
    save(visitor, folder / "staff-book.png")
    visitor.button(texts.book).click()
    visitor.link(texts.printable).click()
    save(visitor, folder / "staff-print.png")
    visitor.open("/staff/schedules/ana-lopez")
    absence = visitor.page.locator('fieldset:has([name="absences-0-from"])')
    absence.get_by_label(texts.absence_from).fill(f"{day:%Y-%m-%d}T08:30")
    absence.get_by_label(texts.absence_to).fill(f"{day:%Y-%m-%d}T11:00")
    save(visitor, folder / "staff-schedule.png")
    visitor.button(texts.preview).click()
    visitor.page.locator("#affected").wait_for()
    save(visitor, folder / "staff-preview.png")
