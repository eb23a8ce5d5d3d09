"""The pictures of dead letters and queues in the READMEs: `make screenshots`."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.clinic import Clinic
from tests.browser.operations import ENGLISH, LETTERS, QUEUES, SPANISH, dead_lettered, on_page
from tests.browser.pictures import save

_DESK = {"width": 960, "height": 640}
_CAUSES = ("check_unavailable", "check_unavailable", "recipient_rejected", "poison_message")


def take_of_operations(browser: Browser, clinic: Clinic, folder: Path) -> None:
    with dead_lettered(clinic, *_CAUSES):
        for words in (SPANISH, ENGLISH):
            own = folder / words.language[:2]
            with on_page(browser, clinic.url, words, LETTERS, viewport=_DESK) as visitor:
                save(visitor, own / "letters.png")
                visitor.open(QUEUES)
                save(visitor, own / "queues.png")
