"""Screenshots of dead letters and queues for the READMEs: `make screenshots`."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.clinic import Clinic
from tests.browser.operations import DEAD_LETTERS, ENGLISH, QUEUES, SPANISH, dead_lettered, on_page
from tests.browser.pictures import save

_DESKTOP = {"width": 960, "height": 640}
_ERROR_CODES = ("check_unavailable", "check_unavailable", "recipient_rejected", "poison_message")


def take_operations_pictures(browser: Browser, clinic: Clinic, folder: Path) -> None:
    with dead_lettered(clinic, *_ERROR_CODES):
        for words in (SPANISH, ENGLISH):
            own = folder / words.language[:2]
            with on_page(browser, clinic.url, words, DEAD_LETTERS, viewport=_DESKTOP) as visitor:
                save(visitor, own / "dead-letters.png")
                visitor.open(QUEUES)
                save(visitor, own / "queues.png")
