"""Runs the scenarios or takes the screenshots, in a process without eventlet, because Playwright
has its own event loop.

    python -m tests.browser URL AWAY MAIL AMQP_URI [services]         prints {scenario: error or ""}
    python -m tests.browser URL AWAY MAIL AMQP_URI [services] FOLDER  writes pictures

AWAY is the URL of a gateway without a broker, MAIL the directory of sent e-mails. `services` is for
a clinic with a catalogue.
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
from tests.browser.services import IN_ENGLISH, IN_SPANISH, SERVICES
from tests.browser.services_pictures import take_services_pictures
from tests.browser.staff_pictures import take_staff_pictures
from tests.browser.staff_scenarios import STAFF_SCENARIOS
from tests.browser.staff_services import DESK_ENGLISH, DESK_SPANISH, STAFF_SERVICES
from tests.browser.staff_services_pictures import take_staff_services_pictures
from tests.browser.visitor import launch
from tests.browser.words import ENGLISH, SPANISH, STAFF_ENGLISH, STAFF_SPANISH

#: Operations first: the patient scenarios cause alerts about unsendable messages.
ALL = OPERATIONS | SCENARIOS | STAFF_SCENARIOS
ALL_OF_SERVICES = SERVICES | STAFF_SERVICES


def outcome(scenario: Scenario, browser: Browser, clinic: Clinic) -> str:
    try:
        scenario(browser, clinic)
    except Exception:  # any failure is the outcome of the scenario
        return traceback.format_exc()
    return ""


def main(url: str, away: str, mail: str, amqp_uri: str, *arguments: str) -> None:
    clinic = Clinic(url, away, Path(mail), amqp_uri)
    has_services = arguments[:1] == ("services",)
    folder = Path(arguments[-1]) if len(arguments) > has_services else None
    with sync_playwright() as playwright:
        browser = launch(playwright)
        if folder:
            take = take_pictures_of_services if has_services else take_all_pictures
            take(browser, clinic, folder)
        else:
            scenarios = ALL_OF_SERVICES if has_services else ALL
            found = {name: outcome(each, browser, clinic) for name, each in scenarios.items()}
            sys.stdout.write(json.dumps(found))


def take_all_pictures(browser: Browser, clinic: Clinic, folder: Path) -> None:
    for words in (SPANISH, ENGLISH):
        take_pictures(browser, clinic, folder, words)
    for staff_words in (STAFF_SPANISH, STAFF_ENGLISH):
        take_staff_pictures(browser, clinic, folder, staff_words)
    take_operations_pictures(browser, clinic, folder)


def take_pictures_of_services(browser: Browser, clinic: Clinic, folder: Path) -> None:
    for texts in (IN_SPANISH, IN_ENGLISH):
        take_services_pictures(browser, clinic, folder, texts)
    for desk_words in (DESK_SPANISH, DESK_ENGLISH):
        take_staff_services_pictures(browser, clinic, folder, desk_words)


main(*sys.argv[1:])
