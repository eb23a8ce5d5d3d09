"""A client that books while somebody else attacks the gateway."""

from __future__ import annotations

import http.client
import json
import statistics
import threading
import time
from dataclasses import dataclass
from typing import Self

from bench.slots import body

PATIENCE_SECONDS = 30
_EVERY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Booked:
    """How another client's `POST /book` fared: milliseconds, and what was not answered with 201."""

    count: int
    median_ms: float
    p99_ms: float
    failed: int


class Client:
    """Books again and again, each time over a connection of its own."""

    def __init__(self, port: int, first: int) -> None:
        self._port = port
        self._number = first
        self._times: list[float] = []
        self._failed = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._book_on)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    @property
    def booked(self) -> Booked:
        times = sorted(self._times)
        p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
        return Booked(len(times), statistics.median(times), p99, self._failed)

    def _book_on(self) -> None:
        while not self._ending.is_set():
            began = time.monotonic()
            self._failed += post(self._port, self._number) != 201
            self._number += 1
            took = time.monotonic() - began
            self._times.append(took * 1000)
            self._ending.wait(max(_EVERY_SECONDS - took, 0))


def post(port: int, number: int) -> int:
    """Book a slot of its own; 0 for no answer in time."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        data = json.dumps(body(number)).encode()
        connection.request("POST", "/book", data, {"Content-Type": "application/json"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
