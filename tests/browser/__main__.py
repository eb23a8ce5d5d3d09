"""Runs the scenarios, or takes the pictures, in a process without eventlet: Playwright has an event
loop of its own.

    python -m tests.browser URL AWAY MAIL AMQP_URI           prints {scenario: error or ""}
    python -m tests.browser URL AWAY MAIL AMQP_URI FOLDER    writes pictures

AWAY is the address of a gateway that reaches no broker, MAIL the directory with what was sent.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.clinic import Clinic, Scenario
from tests.browser.operations import OPERATIONS
from tests.browser.operations_pictures import take_of_operations
from tests.browser.pictures import take
from tests.browser.scenarios import SCENARIOS
from tests.browser.staff_pictures import take_of_staff
from tests.browser.staff_scenarios import STAFF_SCENARIOS
from tests.browser.visitor import launch
from tests.browser.words import ENGLISH, SPANISH, STAFF_ENGLISH, STAFF_SPANISH

#: Messages first: of what patients do some can't be sent, and that wants attention.
ALL = OPERATIONS | SCENARIOS | STAFF_SCENARIOS


def outcome(scenario: Scenario, browser: Browser, clinic: Clinic) -> str:
    try:
        scenario(browser, clinic)
    except Exception:  # whatever it is, it is told to whoever reads the outcome
        return traceback.format_exc()
    return ""


def main(url: str, away: str, mail: str, amqp_uri: str, folder: str = "") -> None:
    clinic = Clinic(url, away, Path(mail), amqp_uri)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        if folder:
            for words in (SPANISH, ENGLISH):
                take(browser, clinic, Path(folder), words)
            for staff_words in (STAFF_SPANISH, STAFF_ENGLISH):
                take_of_staff(browser, clinic, Path(folder), staff_words)
            take_of_operations(browser, clinic, Path(folder))
        else:
            found = {name: outcome(each, browser, clinic) for name, each in ALL.items()}
            sys.stdout.write(json.dumps(found))


main(*sys.argv[1:])
