"""A user with a browser, whose requests and errors are recorded."""

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

#: The timeout of every action on a shared machine, in milliseconds.
_TIMEOUT = 30_000


def launch(playwright: Playwright) -> Browser:
    expect.set_options(timeout=_TIMEOUT)
    # Chromium has no sandbox when run as root, as in a container.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)


def tomorrow_at(hour: int, days: int = 1) -> datetime:
    """The given hour of a coming day, in clinic time."""
    local = datetime.now(ZONE) + timedelta(days=days)
    return local.replace(hour=hour, minute=0, second=0, microsecond=0)


def utc(moment: datetime) -> str:
    """The start of an appointment as a line of a calendar file."""
    return f"DTSTART:{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


@dataclass
class Visitor:
    page: Page
    url: str
    #: All requested URLs without their fragments; those outside the clinic; console and page
    #: errors.
    requested_urls: list[str] = field(default_factory=list)
    external_requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

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

    def shows(self, text: str) -> bool:
        return text in self.page.locator("main").inner_text()

    def choose(self, start: datetime) -> None:
        """Choose a day and a time on the booking page."""
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
        """Assert that touch targets are at least 44 px high."""
        targets = self.page.locator(
            "main a, main button, main input:not([type=hidden]), main select, main summary"
        )
        for box in (each.bounding_box() for each in targets.all()):
            assert not box or not box["height"] or box["height"] >= 43.5, box

    def check_accessibility(self) -> None:
        """Assert that axe finds no serious violations."""
        found = Axe().run(self.page).response["violations"]
        serious = [each for each in found if each["impact"] in SERIOUS]
        assert not serious, [(each["id"], _targets(each)) for each in serious]

    def check_width(self) -> None:
        """Assert that the page does not scroll horizontally."""
        width, shown = self.page.evaluate(
            "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert width <= shown, f"{width} px wide in {shown}"


SERIOUS = ("serious", "critical")


def _targets(violation: dict[str, Any]) -> list[Any]:
    return [node["target"] for node in violation["nodes"]]


@contextmanager
def visit(
    browser: Browser, url: str, *, language: str = "es-ES", script: bool = True, **context: Any
) -> Iterator[Visitor]:
    """Open a separate browser context; afterwards, assert no external requests and no errors."""
    opened = browser.new_context(locale=language, java_script_enabled=script, **context)
    opened.set_default_timeout(_TIMEOUT)
    visitor = Visitor(opened.new_page(), url)
    _watch(visitor)
    yield visitor
    opened.close()
    assert visitor.external_requests == []
    assert visitor.errors == []


def _watch(visitor: Visitor) -> None:
    def record_request(request: Any) -> None:
        visitor.requested_urls.append(request.url.partition("#")[0])
        if not request.url.startswith(visitor.url):
            visitor.external_requests.append(request.url)

    def record_error(message: Any) -> None:
        # Error responses provoked by the test are not errors of the page.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            visitor.errors.append(message.text)

    visitor.page.on("request", record_request)
    visitor.page.on("console", record_error)
    visitor.page.on("pageerror", lambda error: visitor.errors.append(str(error)))


@contextmanager
def visit_as_staff(browser: Browser, url: str, **context: Any) -> Iterator[Visitor]:
    """Open a signed-in browser context without the form, which is limited to ten per minute."""
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


def book_by_api(
    url: str, start: datetime, name: str = "Eva Ruiz", language: str = "es"
) -> dict[str, Any]:
    """Book over the API; the result includes the management token."""
    body = {
        "patientName": name,
        "patientEmail": f"{name.split()[0].lower().translate(_PLAIN)}@example.com",
        "date": start.isoformat(),
    }
    headers = {"Accept-Language": language}
    response = requests.post(f"{url}/book", json=body, headers=headers, timeout=30)
    response.raise_for_status()
    booking: dict[str, Any] = response.json()["booking"]
    return booking
