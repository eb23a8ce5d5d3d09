"""A webhook endpoint for tests, and the events it received."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import eventlet
import eventlet.wsgi
from eventlet.event import Event

StartResponse = Callable[..., Any]


@dataclass
class Call:
    headers: dict[str, str]
    raw: bytes
    status: int | None = None  #: what it was answered with, once it was

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.raw)
        return event


class Receiver:
    """Answers with the statuses of `answers`, one after the other, and then with `status`."""

    def __init__(self, listener: Any) -> None:
        self.port = listener.getsockname()[1]
        self.calls: list[Call] = []
        self.answers: list[int] = []
        self.status = 200
        self.body: Iterable[bytes] = [b"thank you"]
        self._open = Event()
        self._open.send()

    def hang(self) -> None:
        """Answer nobody until `go_on`."""
        self._open = Event()

    def go_on(self) -> None:
        self._open.send()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?source=clinic"

    @property
    def event_ids(self) -> list[str]:
        """The ids of the events received, in that order."""
        return [call.event["eventId"] for call in self.calls]

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        raw = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        call = Call(_headers(environ), raw)
        self.calls.append(call)
        self._open.wait()
        status = call.status = self.answers.pop(0) if self.answers else self.status
        start_response(f"{status} Whatever", [("Location", self.url)])
        return self.body


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    sent = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
    named = {name.replace("_", "-").title(): value for name, value in sent.items()}
    return named | {"Content-Type": environ["CONTENT_TYPE"], "Path": environ["RAW_PATH_INFO"]}


@contextmanager
def receiving() -> Iterator[Receiver]:
    listener = eventlet.listen(("127.0.0.1", 0))
    receiver = Receiver(listener)
    server = eventlet.spawn(eventlet.wsgi.server, listener, receiver, log_output=False)
    try:
        yield receiver
    finally:
        server.kill()
        listener.close()
