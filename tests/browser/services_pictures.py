"""Screenshots of the patient pages of a clinic with a catalogue."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.clinic import Clinic
from tests.browser.pictures import DESKTOP, save
from tests.browser.services import ServiceWords, choose
from tests.browser.visitor import PHONE, tomorrow_at, visit


def take_services_pictures(
    browser: Browser, clinic: Clinic, folder: Path, texts: ServiceWords
) -> None:
    """Write the screenshots of one language. Each language books different hours."""
    words = texts.words
    folder = folder / words.language[:2]
    folder.mkdir(parents=True, exist_ok=True)
    start = tomorrow_at({"es": 16, "en": 17}[words.language[:2]])
    with visit(browser, clinic.url, viewport=DESKTOP, language=words.language) as visitor:
        visitor.open(f"/?day={start.date()}")
        choose(visitor, texts.practitioner, "Ana López Herrera", script=True, show=texts.show)
        choose(visitor, texts.site, texts.centre, script=True, show=texts.show)
        visitor.label(f"{start:%H:%M}").check()
        save(visitor, folder / "services.png")
        visitor.label(words.name).fill("Eva Ruiz")
        visitor.label(words.email).fill("eva@example.com")
        visitor.button(words.send).click()
        visitor.wait_for(words.confirmed)
        save(visitor, folder / "services-confirmed.png")
        visitor.link(words.move).click()
        visitor.wait_for(words.move_title)
        choose(visitor, texts.practitioner, "Luis Vega", script=True, show=texts.show)
        save(visitor, folder / "services-move.png")
    phone = {"viewport": PHONE, "is_mobile": True, "language": words.language}
    with visit(browser, clinic.url, **phone) as visitor:
        visitor.open()
        save(visitor, folder / "services-phone.png", whole=False)
