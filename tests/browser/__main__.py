"""Runs the scenarios, or takes the pictures, in a process without eventlet: Playwright has an event
loop of its own.

    python -m tests.browser URL AWAY MAIL           prints {scenario: error or ""}
    python -m tests.browser URL AWAY MAIL FOLDER    writes pictures

AWAY is the address of a gateway that reaches no broker, MAIL the directory with what was sent.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.clinic import Clinic, Scenario
from tests.browser.pictures import take
from tests.browser.scenarios import SCENARIOS
from tests.browser.visitor import launch
from tests.browser.words import ENGLISH, SPANISH


def outcome(scenario: Scenario, browser: Browser, clinic: Clinic) -> str:
    try:
        scenario(browser, clinic)
    except Exception:  # whatever it is, it is told to whoever reads the outcome
        return traceback.format_exc()
    return ""


def main(url: str, away: str, mail: str, folder: str = "") -> None:
    clinic = Clinic(url, away, Path(mail))
    with sync_playwright() as playwright:
        browser = launch(playwright)
        if folder:
            for words in (SPANISH, ENGLISH):
                take(browser, clinic, Path(folder), words)
        else:
            found = {name: outcome(each, browser, clinic) for name, each in SCENARIOS.items()}
            sys.stdout.write(json.dumps(found))


main(*sys.argv[1:])
