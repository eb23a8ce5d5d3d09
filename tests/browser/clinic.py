"""Access to the clinic under test beside the browser: its API and its sent e-mails."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

import requests
from playwright.sync_api import Browser

from tests.emails import emails_in

_PATIENCE_SECONDS = 60
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Clinic:
    """`away` is the URL of a gateway without a broker, and so without a booking service. E-mails
    are stored in `mail`; `amqp_uri` is the broker of the other gateway."""

    url: str
    away: str
    mail: Path
    amqp_uri: str

    def get(self, booking_id: str) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{self.url}/booking/{booking_id}", timeout=30).json()
        return found

    def decided(self, booking_id: str) -> dict[str, Any]:
        return _eventually(lambda: _if_decided(self.get(booking_id)))

    def wait_for_email(self, booking_id: str, version: int) -> EmailMessage:
        """Wait for the e-mail about a version of the booking."""
        name = f"<{booking_id}.{version}@"

        def arrived() -> EmailMessage | None:
            found = (each for each in emails_in(self.mail) if name in each["Message-ID"])
            return next(found, None)

        return _eventually(arrived)


Scenario = Callable[[Browser, Clinic], None]


def link_in(email: EmailMessage) -> str:
    """Return the link in the e-mail, which is the same in text and HTML."""
    text, html = (body_of(email, kind) for kind in ("plain", "html"))
    (link,) = (line for line in text.splitlines() if line.startswith("http"))
    assert f'href="{link}"' in html
    return link


def code_in(email: EmailMessage) -> str:
    """Return the code that the e-mail shows besides the link."""
    link = link_in(email)
    code = link.partition("#")[2]
    assert code in body_of(email).replace(link, "")
    return code


def body_of(email: EmailMessage, kind: str = "plain") -> str:
    part = email.get_body((kind,))
    assert part
    return str(part.get_content())


def _if_decided(booking: dict[str, Any]) -> dict[str, Any] | None:
    return booking if booking["status"] != "pending" else None


def _eventually(probe: Callable[[], _Found | None]) -> _Found:
    """Like `tests.conftest.eventually`, but without eventlet."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (found := probe()) is None:
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found
