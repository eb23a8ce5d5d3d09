"""What one broker, one database and one process of Python can do at best, each by itself."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from pymongo import MongoClient, UpdateOne
from pymongo.collection import Collection

from bench.backends import Backends, Corner, wait_until
from bench.report import limits_table
from bench.slots import body
from bench.wrk import get
from clinic import document, topology
from clinic.database import durable_uri
from clinic.manage_token import issue
from clinic.outbox import Outbox
from clinic.outgoing import Outgoing
from clinic.publisher import Publisher
from clinic.schema import new_booking
from clinic.store import BookingStore
from runner.ports import free_port, is_taken
from runner.process import start
from runner.server import Server

Document = dict[str, Any]

_THREADS = 64
_CHUNK = 50
_BATCH = 100


def measure(backends: Backends, seconds: float) -> dict[str, float]:
    """Operations a second, by what they are."""
    with backends.corner() as corner:
        return _database(corner, seconds) | _broker(corner, seconds) | _python(int(seconds) + 1)


def _database(corner: Corner, seconds: float) -> dict[str, float]:
    client: MongoClient[Document] = MongoClient(durable_uri(corner.mongodb_uri))
    database = client.get_default_database()
    # The first booking makes the indexes, whose upkeep is part of what a write costs.
    store = BookingStore(database, Outbox(database))
    store.insert(new_booking(body(0), language="es", by="bench"), issue()[1])
    bookings = database["bookings"]
    numbers = count(1)
    found: dict[str, float] = {}
    one = lambda: _insert(bookings, _documents(numbers, 1))  # noqa: E731
    many = lambda: _insert(bookings, _documents(numbers, _CHUNK))  # noqa: E731
    found["insert_one, 1 thread"] = _rate(one, seconds)
    found[f"insert_one, {_THREADS} threads"] = _rate(one, seconds, _THREADS)
    found[f"insert_many of {_CHUNK}"] = _rate(many, seconds)
    ids = [each["_id"] for each in bookings.find({}, {"_id": True})]
    found["find by _id"] = _rate(_over(ids, 1, lambda some: _find(bookings, some)), seconds)
    found[f"find $in of {_BATCH}"] = _rate(
        _over(ids, _BATCH, lambda some: _find(bookings, some)), seconds
    )
    found["guarded update_one"] = _rate(_over(ids, 1, lambda some: _step(bookings, some)), seconds)
    found[f"bulk_write of {_CHUNK} guarded updates"] = _rate(
        _over(ids, _CHUNK, lambda some: _bulk(bookings, some)), seconds
    )
    found[f"update_many by $in of {_BATCH}, marking sent"] = _rate(
        _over(ids, _BATCH, lambda some: _mark(bookings, some)), seconds
    )
    client.close()
    return found


def _documents(numbers: Iterator[int], size: int) -> list[Document]:
    made = [new_booking(body(next(numbers)), language="es", by="bench") for _ in range(size)]
    return [document.of_booking(booking, issue()[1]) | _outbox(booking.id) for booking in made]


def _outbox(booking_id: str) -> Document:
    entry = {"eventId": f"{booking_id}:1", "type": "booking_requested", "number": 1}
    return {"outbox": [entry | {"body": {"bookingId": booking_id}}]}


def _insert(bookings: Collection[Document], documents: list[Document]) -> int:
    if len(documents) == 1:
        bookings.insert_one(documents[0])
    else:
        bookings.insert_many(documents, ordered=False)
    return len(documents)


def _find(bookings: Collection[Document], ids: Sequence[str]) -> int:
    return len(list(bookings.find({"_id": {"$in": list(ids)}})))


def _guarded(booking_id: str) -> tuple[Document, Document]:
    step = {"$set": {"status": "rejected"}, "$push": {"history": {"to": "rejected"}}}
    return {"_id": booking_id, "version": 1}, step


def _step(bookings: Collection[Document], ids: Sequence[str]) -> int:
    for booking_id in ids:
        bookings.update_one(*_guarded(booking_id))
    return len(ids)


def _bulk(bookings: Collection[Document], ids: Sequence[str]) -> int:
    bookings.bulk_write([UpdateOne(*_guarded(each)) for each in ids], ordered=False)
    return len(ids)


def _mark(bookings: Collection[Document], ids: Sequence[str]) -> int:
    bookings.update_many({"_id": {"$in": list(ids)}}, {"$set": {"outbox.0.sent": True}})
    return len(ids)


def _broker(corner: Corner, seconds: float) -> dict[str, float]:
    publisher = Publisher(corner.amqp_uri, topology.declare)
    message = Outgoing("", topology.BOOKING_REQUESTS.name, b'{"bookingId":"' + b"x" * 80 + b'"}')

    def publish() -> int:
        publisher.publish([replace(message) for _ in range(_BATCH)])
        return _BATCH

    rate = _rate(publish, seconds)
    publisher.close()
    return {f"confirmed publish to a quorum queue, {_BATCH} at a time": rate}


def _python(seconds: int) -> dict[str, float]:
    port = free_port()
    program = str(Path(sys.executable).with_name("granian"))
    serving = [
        "--interface",
        "wsgi",
        "--no-ws",
        "--blocking-threads",
        "128",
        "--log-level",
        "error",
    ]
    command = [program, *serving, "--host", "127.0.0.1", "--port", str(port), "bench.hello:app"]
    granian = start(Server("hello", command, {}, Path(__file__).resolve().parent.parent))
    try:
        wait_until(lambda: is_taken(port), 30)
        return {"granian and Flask, a bare GET": get(f"http://127.0.0.1:{port}/", seconds)}
    finally:
        granian.stop()


def _over(
    ids: Sequence[str], size: int, action: Callable[[Sequence[str]], int]
) -> Callable[[], int]:
    """Hand the ids to an action, so many a time, and begin again at the end."""
    position = count()

    def act() -> int:
        first = next(position) * size % max(len(ids) - size, 1)
        return action(ids[first : first + size])

    return act


def _rate(action: Callable[[], int], seconds: float, threads: int = 1) -> float:
    """What the action counts, a second, when it is repeated for so long."""
    began = time.perf_counter()

    def repeat(_: int) -> int:
        done = 0
        while time.perf_counter() - began < seconds:
            done += action()
        return done

    with ThreadPoolExecutor(threads) as pool:
        total = sum(pool.map(repeat, range(threads)))
    return total / (time.perf_counter() - began)


@contextmanager
def _backends() -> Iterator[Backends]:
    with tempfile.TemporaryDirectory() as directory:
        backends = Backends(Path(directory))
        with backends.running():
            yield backends


if __name__ == "__main__":
    with _backends() as _started:
        sys.stdout.write(limits_table(measure(_started, seconds=3)))
