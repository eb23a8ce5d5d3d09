"""The clinic of the scenarios, as those see it who look beside the browser."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

import requests
from playwright.sync_api import Browser

from tests.letters import letters_in

_PATIENCE_SECONDS = 60
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Clinic:
    """`away` is a gateway that reaches no broker, and so no booking service. Letters arrive in
    `mail`; `amqp_uri` is the broker of the other gateway."""

    url: str
    away: str
    mail: Path
    amqp_uri: str

    def get(self, booking_id: str) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{self.url}/booking/{booking_id}", timeout=30).json()
        return found

    def decided(self, booking_id: str) -> dict[str, Any]:
        return _eventually(lambda: _if_decided(self.get(booking_id)))

    def letter(self, booking_id: str, version: int) -> EmailMessage:
        """Wait for what the patient was told of a step."""
        name = f"<{booking_id}.{version}@"

        def arrived() -> EmailMessage | None:
            found = (each for each in letters_in(self.mail) if name in each["Message-ID"])
            return next(found, None)

        return _eventually(arrived)


Scenario = Callable[[Browser, Clinic], None]


def link_in(letter: EmailMessage) -> str:
    """Return the link that the letter has, in its text as in its HTML."""
    text, html = (body_of(letter, kind) for kind in ("plain", "html"))
    (link,) = (line for line in text.splitlines() if line.startswith("http"))
    assert f'href="{link}"' in html
    return link


def code_in(letter: EmailMessage) -> str:
    """Return the code that is there to be copied."""
    link = link_in(letter)
    code = link.partition("#")[2]
    assert code in body_of(letter).replace(link, "")
    return code


def body_of(letter: EmailMessage, kind: str = "plain") -> str:
    part = letter.get_body((kind,))
    assert part
    return str(part.get_content())


def _if_decided(booking: dict[str, Any]) -> dict[str, Any] | None:
    return booking if booking["status"] != "pending" else None


def _eventually(look: Callable[[], _Found | None]) -> _Found:
    """As `tests.conftest` does it, without the eventlet that comes with that."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (found := look()) is None:
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found
