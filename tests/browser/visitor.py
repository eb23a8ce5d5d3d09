"""Somebody with a browser, and what is watched while they use it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Playwright, expect

ZONE = ZoneInfo("Europe/Madrid")
PHONE = {"width": 360, "height": 740}
STAFF_KEY = "the-key-of-the-staff"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")

#: How long anything may take on a shared machine, in milliseconds.
_PATIENCE = 30_000


def launch(playwright: Playwright) -> Browser:
    expect.set_options(timeout=_PATIENCE)
    # Whoever runs tests as root, in a container, has no sandbox to offer.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)


def tomorrow_at(hour: int, days: int = 1) -> datetime:
    """An hour on the clocks of the clinic, on which it is open."""
    local = datetime.now(ZONE) + timedelta(days=days)
    return local.replace(hour=hour, minute=0, second=0, microsecond=0)


def utc(moment: datetime) -> str:
    """As a calendar file says when an appointment begins."""
    return f"DTSTART:{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


@dataclass
class Visitor:
    page: Page
    url: str
    #: Addresses that were asked for, as they go over the wire; those of anybody but the clinic;
    #: and what the browser complained of.
    asked: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> None:
        self.page.goto(self.url + path)

    def heading(self) -> str:
        return self.page.locator("h1").inner_text()

    def wait_for(self, heading: str) -> None:
        self.page.locator("h1", has_text=heading).wait_for()

    def label(self, text: str) -> Locator:
        return self.page.get_by_label(text, exact=True)

    def button(self, text: str) -> Locator:
        return self.page.get_by_role("button", name=text, exact=True)

    def link(self, text: str) -> Locator:
        return self.page.get_by_role("link", name=text, exact=True)

    def sees(self, text: str) -> bool:
        return text in self.page.locator("main").inner_text()

    def choose(self, start: datetime) -> None:
        """Choose a day and a time as a patient does who sees them."""
        self.open(f"/?day={start.date()}")
        self.label(f"{start:%H:%M}").check()

    def calendar_file(self, link: str) -> str:
        with self.page.expect_download() as download:
            self.link(link).click()
        return download.value.path().read_text()

    def tab_to(self, selector: str) -> None:
        for _ in range(60):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("(it) => document.activeElement.matches(it)", selector):
                return
        raise AssertionError(f"no Tab leads to {selector}")

    def check_targets(self) -> None:
        """A thumb needs 44 px."""
        targets = self.page.locator(
            "main a, main button, main input:not([type=hidden]), main summary"
        )
        for box in (each.bounding_box() for each in targets.all()):
            assert not box or not box["height"] or box["height"] >= 43.5, box

    def check_accessibility(self) -> None:
        """Find nothing serious, by the rules of axe."""
        found = Axe().run(self.page).response["violations"]
        serious = [each for each in found if each["impact"] in SERIOUS]
        assert not serious, [(each["id"], _places(each)) for each in serious]

    def check_width(self) -> None:
        """Find nothing that sticks out at the side."""
        width, shown = self.page.evaluate(
            "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert width <= shown, f"{width} px wide in {shown}"


SERIOUS = ("serious", "critical")


def _places(violation: dict[str, Any]) -> list[Any]:
    return [node["target"] for node in violation["nodes"]]


@contextmanager
def visit(
    browser: Browser, url: str, *, language: str = "es-ES", script: bool = True, **context: Any
) -> Iterator[Visitor]:
    """Open a browser of one person; at the end it must have been at peace with the clinic."""
    opened = browser.new_context(locale=language, java_script_enabled=script, **context)
    opened.set_default_timeout(_PATIENCE)
    visitor = Visitor(opened.new_page(), url)
    _watch(visitor)
    yield visitor
    opened.close()
    assert visitor.strangers == []
    assert visitor.complaints == []


def _watch(visitor: Visitor) -> None:
    def note_request(request: Any) -> None:
        visitor.asked.append(request.url.partition("#")[0])
        if not request.url.startswith(visitor.url):
            visitor.strangers.append(request.url)

    def note_complaint(message: Any) -> None:
        # A refusal that the test has asked for is no complaint of the page.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            visitor.complaints.append(message.text)

    visitor.page.on("request", note_request)
    visitor.page.on("console", note_complaint)
    visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))


@contextmanager
def visit_as_staff(browser: Browser, url: str, **context: Any) -> Iterator[Visitor]:
    """The same for somebody who has signed in: not by the form, which takes ten a minute."""
    with visit(browser, url, **context) as visitor:
        visitor.page.context.add_cookies(
            [
                {
                    "name": "staff",
                    "value": _staff_cookie(url),
                    "domain": "127.0.0.1",
                    "path": "/staff",
                }
            ]
        )
        yield visitor


@cache
def _staff_cookie(url: str) -> str:
    session = requests.Session()
    form = session.get(f"{url}/staff/login", timeout=30).text
    (token,) = re.findall(r'name="csrf_token" value="([^"]+)"', form)
    data = {"csrf_token": token, "key": STAFF_KEY}
    session.post(f"{url}/staff/login", data=data, timeout=30).raise_for_status()
    return session.cookies["staff"]


def staff_header() -> dict[str, str]:
    return {"Authorization": f"Bearer {STAFF_KEY}"}


_PLAIN = str.maketrans("áéíóúëñ", "aeiouen")


def book_by_program(
    url: str, start: datetime, name: str = "Eva Ruiz", language: str = "es"
) -> dict[str, Any]:
    """Book as another client does; the answer has the code that the page is opened with."""
    body = {
        "patientName": name,
        "patientEmail": f"{name.split()[0].lower().translate(_PLAIN)}@example.com",
        "date": start.isoformat(),
    }
    headers = {"Accept-Language": language}
    answer = requests.post(f"{url}/book", json=body, headers=headers, timeout=30)
    answer.raise_for_status()
    booking: dict[str, Any] = answer.json()["booking"]
    return booking
