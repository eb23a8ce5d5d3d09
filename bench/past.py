"""What a booking costs when few bookings are stored, and when many are."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from statistics import median

from pymongo import MongoClient

from bench.history import fill
from bench.measure import cpu_seconds
from bench.slots import HORIZON_DAYS, body
from bench.trial import Trial
from booking_service.check import AvailabilityCheck
from booking_service.decision import Decider
from booking_service.settings import booking_settings
from clinic import document
from clinic.assembly import relayed_store
from clinic.config import load, settings
from clinic.database import durable_uri
from clinic.document import Document
from clinic.listing import NEWEST_FIRST, Listing, Position, cursor

_CONFIG = Path(__file__).resolve().parent.parent / "config.yaml"
_TIMES = 100
#: A page takes its time where many bookings are stored: it is asked for less often then.
_SECONDS = 20.0
_WARM_UP = 5
_LIMIT = 10
#: The 100th page begins behind this booking, counted from 1.
_BEHIND = 99 * _LIMIT


@dataclass(frozen=True, slots=True)
class Cost:
    """One operation at a time: the median, and what the database used for each on average."""

    ms: float
    database_cpu_ms: float
    times: int
    is_refused: bool


def past(trial: Trial, stored: int) -> dict[str, Cost]:
    """Measure each operation while so many bookings are stored."""
    api = _Api(trial)
    trial.start_api()
    api.book()  # which makes the indexes
    fill(trial.bookings, stored)
    costs = {"POST /book": _cost(trial, api.book)}
    old = iter(_some_ids(trial))
    costs["GET /booking/{id}"] = _cost(trial, lambda: api.get(f"/booking/{next(old)}"))
    undecided = iter(api.booked)
    with _decider(trial) as decider:
        costs["a decision"] = _cost(trial, lambda: decider.decide(next(undecided)))
    return costs | _pages(trial, api)


def _some_ids(trial: Trial) -> list[str]:
    found = trial.bookings.find({}, {"_id": True}).limit(_TIMES + _WARM_UP)
    return [each["_id"] for each in found]


class _Api:
    """One client. Each call says whether it was refused."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._numbers = count()
        self.booked: list[str] = []

    def book(self) -> bool:
        data = json.dumps(body(next(self._numbers))).encode()
        status, text = self._ask("POST", "/book", data)
        if status == 201:
            self.booked.append(json.loads(text)["booking"]["id"])
        return status >= 400

    def get(self, path: str) -> bool:
        return self._ask("GET", path)[0] >= 400

    def _ask(self, method: str, path: str, data: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._trial.port, timeout=30)
        try:
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def _pages(trial: Trial, api: _Api) -> dict[str, Cost]:
    newest = trial.bookings.find().sort(NEWEST_FIRST)
    last = document.to_booking(newest.skip(_BEHIND - 1).limit(1)[0])
    deep = Position(last.created_at, last.id)
    first, hundredth = f"/bookings/?limit={_LIMIT}", f"&after={cursor(last)}"
    return {
        "first page": _page(trial, api, first, Listing(_LIMIT + 1)),
        "100th page": _page(trial, api, first + hundredth, Listing(_LIMIT + 1, deep)),
    }


def _page(trial: Trial, api: _Api, path: str, listing: Listing) -> Cost:
    """Where the gateway gives the database up, the time is that of the questions without bound."""
    if not api.get(path):
        cost = _cost(trial, lambda: api.get(path))
        if not cost.is_refused:
            return cost
    return replace(_cost(trial, lambda: _list(trial, listing), warm_up=1), is_refused=True)


def _list(trial: Trial, listing: Listing) -> None:
    room = listing.limit
    for query in listing.to_filters():
        found = trial.bookings.find(query, {"outbox": False}).sort(NEWEST_FIRST).limit(room)
        room -= len(list(found))
        if not room:
            return


def _cost(trial: Trial, action: Callable[[], bool | None], warm_up: int = _WARM_UP) -> Cost:
    """Repeat it a hundred times, for as long as the patience lasts, or until it is refused."""
    database = [trial.backends.pids["database"]]
    milliseconds: list[float] = []
    is_refused = False
    for _ in range(warm_up):
        action()
    before, deadline = cpu_seconds(database), time.monotonic() + _SECONDS
    while len(milliseconds) < _TIMES and time.monotonic() < deadline and not is_refused:
        began = time.perf_counter()
        is_refused = bool(action())
        milliseconds.append((time.perf_counter() - began) * 1000)
    used = (cpu_seconds(database) - before) * 1000 / len(milliseconds)
    return Cost(median(milliseconds), used, len(milliseconds), is_refused)


@contextmanager
def _decider(trial: Trial) -> Iterator[Decider]:
    """What the worker decides with, its relay included, and no simulated delay."""
    uris = {"AMQP_URI": trial.amqp_uri, "MONGODB_CONNECTION_URL": trial.mongodb_uri}
    client: MongoClient[Document] = MongoClient(durable_uri(trial.mongodb_uri))
    store, relay = relayed_store(client.get_default_database(), settings(uris))
    calendar = booking_settings(load(str(_CONFIG))).calendar
    far = replace(calendar, horizon=timedelta(days=HORIZON_DAYS))
    relay.start()
    try:
        yield Decider(store, far, AvailabilityCheck(0, 0), "bench")
    finally:
        relay.stop()
        client.close()
