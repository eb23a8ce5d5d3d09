"""Runs the scenarios or takes the screenshots, in a process without eventlet, because Playwright
has its own event loop.

    python -m tests.browser URL AWAY MAIL AMQP_URI           prints {scenario: error or ""}
    python -m tests.browser URL AWAY MAIL AMQP_URI FOLDER    writes pictures

AWAY is the URL of a gateway without a broker, MAIL the directory of sent e-mails.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.clinic import Clinic, Scenario
from tests.browser.operations import OPERATIONS
from tests.browser.operations_pictures import take_operations_pictures
from tests.browser.pictures import take_pictures
from tests.browser.scenarios import SCENARIOS
from tests.browser.staff_pictures import take_staff_pictures
from tests.browser.staff_scenarios import STAFF_SCENARIOS
from tests.browser.visitor import launch
from tests.browser.words import ENGLISH, SPANISH, STAFF_ENGLISH, STAFF_SPANISH

#: Operations first: the patient scenarios cause alerts about unsendable messages.
ALL = OPERATIONS | SCENARIOS | STAFF_SCENARIOS


def outcome(scenario: Scenario, browser: Browser, clinic: Clinic) -> str:
    try:
        scenario(browser, clinic)
    except Exception:  # any failure is the outcome of the scenario
        return traceback.format_exc()
    return ""


def main(url: str, away: str, mail: str, amqp_uri: str, folder: str = "") -> None:
    clinic = Clinic(url, away, Path(mail), amqp_uri)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        if folder:
            for words in (SPANISH, ENGLISH):
                take_pictures(browser, clinic, Path(folder), words)
            for staff_words in (STAFF_SPANISH, STAFF_ENGLISH):
                take_staff_pictures(browser, clinic, Path(folder), staff_words)
            take_operations_pictures(browser, clinic, Path(folder))
        else:
            found = {name: outcome(each, browser, clinic) for name, each in ALL.items()}
            sys.stdout.write(json.dumps(found))


main(*sys.argv[1:])
