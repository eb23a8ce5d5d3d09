"""What one broker, one database and one process of Python can do at best, each by itself."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TypeVar

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient, UpdateOne
from pymongo.database import Database

from bench.backends import Backends, Corner, wait_until
from bench.report import limits_table
from bench.slots import body, in_seat
from bench.wrk import get
from clinic.bookings import documents
from clinic.bookings.repository import BookingRepository
from clinic.bookings.transition_writer import _PendingTransition, _update, _values
from clinic.contracts.messages import BookingRequested, BookingStateChanged
from clinic.contracts.schemas import parse_booking
from clinic.domain.booking import Booking, confirm
from clinic.domain.clock import now
from clinic.domain.manage_token import create_credentials
from clinic.messaging import topology
from clinic.messaging.amqp_message import AmqpMessage
from clinic.messaging.publisher import Publisher
from clinic.mongo.client import Document, durable_uri
from clinic.outbox.outbox import Outbox
from clinic.outbox.outbox_message import OutboxMessage
from notification_service.delivery_log import DeliveryLog, State
from runner.backends.ports import free_port, is_taken
from runner.processes.managed_process import start
from runner.processes.server import Server

#: As group commit and the relay bound what they do at once.
_CHUNK, _BATCH = 50, 100

_FIND = f"bookings by find $in of {_CHUNK}"
_STEP = f"steps by one update_many of {_CHUNK}"
_CLAIM = f"rows of the delivery_log by insert_many of {_CHUNK}"
_SETTLE = f"rows settled by update_many of {_CHUNK}"
_DECIDED_AND_NOTIFIED = "all that one booking's decision and e-mail ask of the database, from these"

Prepared = TypeVar("Prepared")


def measure(backends: Backends, seconds: float) -> dict[str, float]:
    """Operations a second, by what they are; one of them at a time."""
    with backends.corner() as corner:
        return _database(corner, seconds) | _broker(corner, seconds) | _python(int(seconds) + 1)


def _database(corner: Corner, seconds: float) -> dict[str, float]:
    client: MongoClient[Document] = MongoClient(durable_uri(corner.mongodb_uri))
    database = client.get_default_database()
    try:
        found = _of_bookings(_Bookings(database), seconds) | _of_the_delivery_log(database, seconds)
    finally:
        client.close()
    return found | {_DECIDED_AND_NOTIFIED: _in_turn(found)}


def _of_bookings(bookings: _Bookings, seconds: float) -> dict[str, float]:
    documents, ids, steps_of = bookings.documents, bookings.some_ids, bookings.steps
    return {
        "insert_one of a booking": _rate(documents, bookings.insert, 1, seconds),
        f"bookings by insert_many of {_CHUNK}": _rate(documents, bookings.insert, _CHUNK, seconds),
        "find by _id": _rate(ids, bookings.find, 1, seconds),
        _FIND: _rate(ids, bookings.find, _CHUNK, seconds),
        "guarded update_one": _rate(steps_of, bookings.take_one, 1, seconds),
        f"steps by bulk_write of {_CHUNK}": _rate(steps_of, bookings.take_in_bulk, _CHUNK, seconds),
        _STEP: _rate(steps_of, bookings.take_together, _CHUNK, seconds),
    }


def _of_the_delivery_log(database: Database[Document], seconds: float) -> dict[str, float]:
    rows = _Rows(database)
    return {
        _CLAIM: _rate(rows.events, rows.insert, _CHUNK, seconds),
        _SETTLE: _rate(rows.claimed, rows.record_outcome, _CHUNK, seconds),
    }


def _in_turn(found: Mapping[str, float]) -> float:
    """How many bookings could be decided and notified if the database did these one by one."""
    # The worker stores the step, and the notifier reads the booking.
    return 1 / sum(1 / found[name] for name in (_STEP, _FIND, _CLAIM, _SETTLE))


class _Bookings:
    """Bookings as the store writes them, with its indexes and their outbox."""

    def __init__(self, database: Database[Document]) -> None:
        BookingRepository(database, Outbox(database))._ensure_indexes()
        self._collection = database["bookings"]
        self._numbers = count()
        self._made: list[Booking] = []

    def documents(self, size: int) -> list[Document]:
        made = [_booking(next(self._numbers)) for _ in range(size)]
        self._made += made
        return [_document(booking) for booking in made]

    def insert(self, documents: list[Document]) -> int:
        if len(documents) == 1:
            return int(self._collection.insert_one(documents[0]).acknowledged)
        return len(self._collection.insert_many(documents, ordered=False).inserted_ids)

    def some_ids(self, size: int) -> list[str]:
        first = next(self._numbers) * size % (len(self._made) - size)
        return [booking.id for booking in self._made[first : first + size]]

    def find(self, ids: list[str]) -> int:
        query: Document = {"_id": ids[0] if len(ids) == 1 else {"$in": ids}}
        return len(list(self._collection.find(query)))

    def steps(self, size: int) -> list[_PendingTransition]:
        """Confirmations of bookings that are stored for them: each can be taken once."""
        self.insert(self.documents(size))
        return [_step(booking) for booking in self._made[-size:]]

    def take_one(self, some: list[_PendingTransition]) -> int:
        return self._collection.update_one(*_guarded(some[0])).modified_count

    def take_in_bulk(self, some: list[_PendingTransition]) -> int:
        updates = [UpdateOne(*_guarded(step)) for step in some]
        return self._collection.bulk_write(updates, ordered=False).modified_count

    def take_together(self, some: list[_PendingTransition]) -> int:
        query = {"_id": {"$in": [step.booking_id for step in some]}, **some[0].expected_state}
        return self._collection.update_many(query, _update(some)).modified_count


def _booking(number: int) -> Booking:
    return parse_booking(body(number), language="es", by="bench")


def _document(booking: Booking) -> Document:
    request = OutboxMessage.of_request(BookingRequested.of(booking)).to_document("bench", 1)
    asked = {"lastRequestedAt": booking.created_at, "outbox": [request]}
    return documents.booking_to_document(booking, create_credentials()[1]) | asked


def _step(booking: Booking) -> _PendingTransition:
    step = confirm(booking, assignment=in_seat(booking.date), at=now(), by="bench")
    event = OutboxMessage.of_change(BookingStateChanged.of(step)).to_document("bench", 2)
    return _PendingTransition(
        step, RawBSONDocument(bson.encode(_values(step, event))), ("bench", 2)
    )


def _guarded(step: _PendingTransition) -> tuple[Document, list[Document]]:
    return {"_id": step.booking_id, **step.expected_state}, _update([step])


class _Rows:
    """Rows of the delivery_log, as claims and their settlements write them."""

    def __init__(self, database: Database[Document]) -> None:
        self._delivery_log = DeliveryLog(database, "email", lease_seconds=60)
        self._collection = database["notifications"]

    def events(self, size: int) -> list[BookingStateChanged]:
        return [BookingStateChanged.of(_step(_booking(0)).transition) for _ in range(size)]

    def insert(self, events: Sequence[BookingStateChanged]) -> int:
        rows = [self._delivery_log._new_row(event) for event in events]
        return len(self._collection.insert_many(rows, ordered=False).inserted_ids)

    def claimed(self, size: int) -> list[str]:
        events = self.events(size)
        self.insert(events)
        return [self._delivery_log._key(event) for event in events]

    def record_outcome(self, keys: list[str]) -> int:
        self._delivery_log._record_same_outcome(keys, (1, 0), State.SENT)
        return len(keys)


def _broker(corner: Corner, seconds: float) -> dict[str, float]:
    publisher = Publisher(corner.amqp_uri, topology.declare)
    message = AmqpMessage("", topology.BOOKING_REQUESTS.name, b'{"bookingId":"' + b"x" * 80 + b'"}')

    def messages(size: int) -> list[AmqpMessage]:
        return [replace(message) for _ in range(size)]

    def publish(some: list[AmqpMessage]) -> int:
        return len(some) - len(publisher.publish(some))

    try:
        rate = _rate(messages, publish, _BATCH, seconds)
    finally:
        publisher.close()
    return {f"messages confirmed by a quorum queue, {_BATCH} at a time": rate}


def _python(seconds: int) -> dict[str, float]:
    port = free_port()
    command = [sys.executable, "-m", "gateway", "--port", str(port), "bench.hello:front"]
    granian = start(Server("hello", command, {}, Path(__file__).resolve().parent.parent))
    try:
        wait_until(lambda: is_taken(port), 30)
        return {"granian and Flask, a bare GET": get(f"http://127.0.0.1:{port}/book", seconds)}
    finally:
        granian.stop()


def _rate(
    prepare: Callable[[int], Prepared],
    action: Callable[[Prepared], int],
    size: int,
    seconds: float,
) -> float:
    """Repeat the action until it has taken so long; what is prepared for it is not timed."""
    spent, done = 0.0, 0
    while spent < seconds:
        prepared = prepare(size)
        began = time.perf_counter()
        count_done = action(prepared)
        spent += time.perf_counter() - began
        if count_done != size:
            raise RuntimeError(f"{count_done} of {size} were done")
        done += size
    return done / spent


@contextmanager
def _backends() -> Iterator[Backends]:
    with tempfile.TemporaryDirectory() as directory:
        backends = Backends(Path(directory))
        with backends.running():
            yield backends


if __name__ == "__main__":
    with _backends() as _started:
        sys.stdout.write(limits_table(measure(_started, seconds=3)))
