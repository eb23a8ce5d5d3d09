"""What a booking costs when few bookings are stored, and when many are."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from statistics import median

from pymongo import MongoClient

from bench.backends import wait_until
from bench.history import fill
from bench.measure import exact_cpu_seconds
from bench.slots import HORIZON_DAYS, body
from bench.trial import Trial
from booking_service.availability_check import AvailabilityCheck
from booking_service.decide import Decider
from booking_service.scheduling.allocator import Allocator
from booking_service.scheduling.working_hours import WorkingHours
from booking_service.settings import booking_settings
from clinic.bookings import documents
from clinic.bookings.bootstrap import create_repository
from clinic.bookings.read_windows import page_filters
from clinic.config import load, settings
from clinic.contracts.bookings_query import NEWEST_FIRST, BookingsQuery, Position, encode_cursor
from clinic.contracts.messages import BookingRequested
from clinic.domain.booking import NO_CHOICE, Booking
from clinic.mongo.client import Document, durable_uri

_CONFIG = Path(__file__).resolve().parent.parent / "config.yaml"
_ROUNDS = 300
#: A page takes its time where many bookings are stored: it is asked for less often then.
_SECONDS = 60.0
_WARM_UP = 5
_LIMIT = 10
#: Those before the 100th.
_PAGES = 99
#: What a server that writes nothing more may use of a core, over so many seconds.
_IDLE, _IDLE_SECONDS = 0.05, 5.0
_SETTLE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Cost:
    """One operation at a time: the medians of its time and of what its database used for it."""

    ms: float
    database_cpu_ms: float
    times: int
    is_refused: bool


def past(trials: Mapping[int, Trial]) -> dict[int, dict[str, Cost]]:
    """Measure each operation where so many bookings are stored as the keys say.

    The machine is faster in one half minute than in the next, so all of them stand at the same
    time and take turns call by call. Each has a database server of its own: in one server the
    few would share the cache, and where all collections are in one tree, its depth.
    """
    with ExitStack() as stack:
        pasts = [stack.enter_context(_past(trial, size)) for size, trial in trials.items()]
        for one in pasts:
            one.settle()
        costs = _booking(pasts) | _pages(pasts)
    return {
        size: {name: of_all[number] for name, of_all in costs.items()}
        for number, size in enumerate(trials)
    }


class _Past:
    """So many stored bookings, and whoever asks for more of them."""

    def __init__(self, trial: Trial, api: _Api, decider: Decider, ids: Sequence[str]) -> None:
        self.trial = trial
        self.api = api
        self.decider = decider
        self.undecided = iter(api.booked)
        #: Of all the years: nobody has read them before.
        self.old = iter(Random(0).sample(ids, min(len(ids), _ROUNDS + _WARM_UP)))

    def settle(self) -> None:
        """Have the database write what filling has left to write: no booking costs that."""
        self.trial.bookings.database.client.admin.command("fsync")
        wait_until(self._is_idle, _SETTLE_SECONDS)

    def cpu_seconds(self) -> float:
        return exact_cpu_seconds(self.trial.corner.database_pid)

    def page(self, listing: BookingsQuery) -> list[Document]:
        """Ask the database as the gateway does, but without a bound."""
        page: list[Document] = []
        for [query] in list(page_filters(listing)):
            if room := listing.limit - len(page):
                found = self.trial.bookings.find(query, {"outbox": False})
                page += found.sort(NEWEST_FIRST).limit(room)
        return page

    def _is_idle(self) -> bool:
        before = self.cpu_seconds()
        time.sleep(_IDLE_SECONDS)
        return self.cpu_seconds() - before < _IDLE * _IDLE_SECONDS


#: Says whether it was refused.
Action = Callable[[_Past], bool | None]


@contextmanager
def _past(trial: Trial, stored: int) -> Iterator[_Past]:
    trial.start_api()
    api = _Api(trial.port)
    api.book()  # which makes the indexes
    ids = fill(trial.bookings, stored)
    with _decider(trial) as decider:
        yield _Past(trial, api, decider, ids)


@contextmanager
def _decider(trial: Trial) -> Iterator[Decider]:
    """What the worker decides with, its relay included, and no simulated delay."""
    uris = {"AMQP_URI": trial.amqp_uri, "MONGODB_CONNECTION_URL": trial.mongodb_uri}
    client: MongoClient[Document] = MongoClient(durable_uri(trial.mongodb_uri))
    store, relay = create_repository(client.get_default_database(), settings(uris))
    catalogue = booking_settings(load(str(_CONFIG))).catalogue.default
    far = replace(catalogue, horizon=timedelta(days=HORIZON_DAYS))
    allocator = Allocator(store, WorkingHours(far))
    relay.start()
    try:
        yield Decider(
            store,
            lambda _clinic, _choice=NO_CHOICE: allocator,
            AvailabilityCheck(0, 0),
            lambda _type, change: store.apply(change),
            "bench",
        )
    finally:
        relay.stop()
        client.close()


class _Api:
    """One client. Each call says whether it was refused."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = count()
        self.booked: list[BookingRequested] = []

    def book(self) -> bool:
        data = json.dumps(body(next(self._numbers))).encode()
        status, text = self._ask("POST", "/book", data)
        if status == 201:
            self.booked.append(_request(json.loads(text)["booking"]))
        return status >= 400

    def get(self, path: str) -> bool:
        return self._ask("GET", path)[0] >= 400

    def _ask(self, method: str, path: str, data: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def _request(booking: Mapping[str, str | int]) -> BookingRequested:
    named = {"bookingId": booking["id"], "date": booking["date"], "version": booking["version"]}
    return BookingRequested.from_body(named)


def _booking(pasts: Sequence[_Past]) -> dict[str, list[Cost]]:
    """In this order: what is decided was booked before."""
    return {
        "POST /book": _in_turn(pasts, lambda one: one.api.book()),
        "GET /booking/{id}": _in_turn(pasts, lambda one: one.api.get(f"/booking/{next(one.old)}")),
        "a decision": _in_turn(pasts, lambda one: one.decider.decide(next(one.undecided))),
    }


def _pages(pasts: Sequence[_Past]) -> dict[str, list[Cost]]:
    path = f"/bookings/?limit={_LIMIT}"
    ends = {one: _end(one) for one in pasts}
    return {
        "first page": _page(pasts, lambda _: path, lambda _: BookingsQuery(_LIMIT + 1)),
        "100th page": _page(
            pasts,
            lambda one: f"{path}&after={encode_cursor(ends[one])}",
            lambda one: BookingsQuery(_LIMIT + 1, Position.after_page(ends[one])),
        ),
    }


def _end(one: _Past) -> list[Booking]:
    """The page before the 100th.

    Whoever turns the pages has the database read little at a time. One question for all of them
    may keep it for so long that the gateway takes it for gone.
    """
    page = one.page(BookingsQuery(_LIMIT))
    for _ in range(_PAGES - 2):
        page = one.page(BookingsQuery(_LIMIT, Position.after_page(_read(page))))
    return _read(page)


def _read(page: Sequence[Document]) -> list[Booking]:
    return [documents.booking_from_document(each) for each in page]


def _page(
    pasts: Sequence[_Past], path: Callable[[_Past], str], listing: Callable[[_Past], BookingsQuery]
) -> list[Cost]:
    """Where a gateway gives its database up, all databases are asked without a gateway."""
    costs = _in_turn(pasts, lambda one: one.api.get(path(one)))
    if not any(cost.is_refused for cost in costs):
        return costs
    unbounded = _in_turn(pasts, lambda one: not one.page(listing(one)), 1)
    return [
        replace(without, is_refused=cost.is_refused)
        for cost, without in zip(costs, unbounded, strict=True)
    ]


def _in_turn(pasts: Sequence[_Past], action: Action, warm_up: int = _WARM_UP) -> list[Cost]:
    """Repeat it for as long as the patience lasts, or until it is refused; another begins each
    time.
    """
    samples = [_Samples(one, action) for one in pasts]
    for each in samples * warm_up:
        each.take()
    for each in samples:
        each.forget()
    deadline = time.monotonic() + _SECONDS
    for number in range(_ROUNDS):
        first = number % len(samples)
        for each in samples[first:] + samples[:first]:
            each.take()
        if time.monotonic() > deadline or any(each.is_refused for each in samples):
            break
    return [each.cost() for each in samples]


class _Samples:
    """What one operation has cost in one past, call by call."""

    def __init__(self, past: _Past, action: Action) -> None:
        self._past = past
        self._action = action
        self.forget()

    def forget(self) -> None:
        self._ms: list[float] = []
        self._database_ms: list[float] = []
        self.is_refused = False

    def take(self) -> None:
        used, began = self._past.cpu_seconds(), time.perf_counter()
        self.is_refused |= bool(self._action(self._past))
        self._ms.append((time.perf_counter() - began) * 1000)
        self._database_ms.append((self._past.cpu_seconds() - used) * 1000)

    def cost(self) -> Cost:
        times = len(self._ms)
        return Cost(median(self._ms), median(self._database_ms), times, self.is_refused)
