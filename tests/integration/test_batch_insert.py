"""Batched inserts: against a collection in memory, then against the real one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import eventlet
import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import AutoReconnect, BulkWriteError, DuplicateKeyError, WriteError

from clinic.bookings.repository import BookingRepository
from clinic.domain.manage_token import create_credentials
from clinic.errors import DatabaseUnavailable, IdempotencyKeyUsed
from clinic.mongo.batch_insert import BatchInserter
from clinic.mongo.client import durable_uri
from clinic.outbox.outbox import Outbox
from runner.backends.mongodb import MongoServer
from tests.bookings import put_booking, requested
from tests.proxy import Proxy, proxied

NAME = "Ana Zzyzx"
#: More than one batch, as many as the gateway serves at once.
WRITERS = 128


class InMemoryCollection:
    """A collection that records its batches and fails on configured documents."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.faults: dict[Any, dict[str, Any]] = {}
        self.failure: Exception | None = None
        self.concern_errors: list[dict[str, Any]] = []

    def insert_many(self, documents: Sequence[Any], ordered: bool) -> None:
        assert not ordered
        ids = [each["_id"] for each in documents]
        self.batches.append(ids)
        eventlet.sleep(0.01)
        if self.failure:
            raise self.failure
        faults = [
            self.faults[each] | {"index": ids.index(each)} for each in ids if each in self.faults
        ]
        if faults or self.concern_errors:
            raise BulkWriteError({"writeErrors": faults, "writeConcernErrors": self.concern_errors})


def fault(document_id: Any, code: int = 11000) -> dict[str, Any]:
    return {
        "code": code,
        "errmsg": "not written",
        "keyPattern": {"_id": 1},
        "op": {"_id": document_id, "patientName": NAME},
    }


@pytest.fixture
def collection() -> InMemoryCollection:
    return InMemoryCollection()


@pytest.fixture
def inserts(collection: InMemoryCollection) -> BatchInserter:
    return BatchInserter(collection)  # type: ignore[arg-type]


def outcome(insert: Callable[..., None], *arguments: Any) -> Any:
    """The error of an insert, or None."""
    try:
        insert(*arguments)
    except Exception as error:
        return error
    return None


def outcomes(inserts: BatchInserter, ids: Sequence[Any]) -> list[Any]:
    """The results of concurrent inserts that wait while a first one is being written."""
    first = eventlet.spawn(outcome, inserts.insert, {"_id": "first"})
    eventlet.sleep(0)
    writers = [eventlet.spawn(outcome, inserts.insert, {"_id": each}) for each in ids]
    with eventlet.Timeout(10):
        first.wait()
        return [each.wait() for each in writers]


def test_each_writer_gets_the_result_of_its_own_document(
    inserts: BatchInserter, collection: InMemoryCollection
) -> None:
    collection.faults = {3: fault(3), 5: fault(5, code=121)}
    found = outcomes(inserts, range(7))
    assert isinstance(found[3], DuplicateKeyError)
    assert found[3].details["keyPattern"] == {"_id": 1}
    assert type(found[5]) is WriteError
    assert found[5].code == 121
    assert [each for each in found if each is None] == [None] * 5


def test_a_write_error_contains_no_personal_data(
    inserts: BatchInserter, collection: InMemoryCollection
) -> None:
    collection.faults = {1: fault(1, code=121)}
    error = outcome(inserts.insert, {"_id": 1})
    assert NAME not in repr(error) + str(error) + repr(error.details)


def test_an_unencodable_document_does_not_fail_the_others(
    inserts: BatchInserter, collection: InMemoryCollection
) -> None:
    one, wrong, two = outcomes(inserts, [1, object(), 2])
    assert wrong is not None
    assert (one, two) == (None, None)
    assert collection.batches == [["first"], [1, 2]]


def test_a_driver_error_raises_database_unavailable_for_every_writer(
    inserts: BatchInserter, collection: InMemoryCollection
) -> None:
    collection.failure = AutoReconnect("x")
    assert {type(each) for each in outcomes(inserts, range(3))} == {DatabaseUnavailable}
    assert isinstance(outcome(inserts.insert, {"_id": 1}), DatabaseUnavailable)


def test_a_write_concern_error_raises_database_unavailable(
    inserts: BatchInserter, collection: InMemoryCollection
) -> None:
    collection.concern_errors = [{"code": 64, "errmsg": "waiting for replication timed out"}]
    collection.faults = {1: fault(1)}
    assert isinstance(outcome(inserts.insert, {"_id": 1}), DatabaseUnavailable)


# --- with the database


@pytest.fixture
def proxy(mongo_server: MongoServer) -> Iterator[Proxy]:
    with proxied(mongo_server.port) as proxy:
        yield proxy


@pytest.fixture
def proxied_database(proxy: Proxy, mongodb_uri: str) -> Iterator[Database[Any]]:
    """The database, through the proxy."""
    port = mongodb_uri.split(":")[2].split("/")[0]
    with MongoClient[Any](durable_uri(mongodb_uri.replace(port, str(proxy.port)))) as client:
        yield client.get_default_database()


def store_of(database: Database[Any]) -> BookingRepository:
    return BookingRepository(database, Outbox(database))


def test_concurrent_inserts_are_stored_and_each_key_creates_one_booking(
    database: Database[Any],
) -> None:
    store = store_of(database)
    keys = [f"key-{number % 50}" if number < 100 else None for number in range(200)]
    made = [(requested(), create_credentials(key, b"body")[1]) for key in keys]
    inserts = [eventlet.spawn(outcome, store.insert, *each) for each in made]
    outcomes = [each.wait() for each in inserts]
    assert Counter(type(each) for each in outcomes[:100]) == {
        type(None): 50,
        IdempotencyKeyUsed: 50,
    }
    assert set(outcomes[100:]) == {None}
    stored_ids = {
        booking.id for (booking, _), error in zip(made, outcomes, strict=True) if not error
    }
    assert {each["_id"] for each in database["bookings"].find({}, {"_id": True})} == stored_ids
    assert len({store.find_by_key(access)[0].id for _, access in made[:100]}) == 50


def test_a_booking_inserted_repeatedly_in_a_batch_is_stored_once(database: Database[Any]) -> None:
    store = store_of(database)
    booking, access = requested(), create_credentials()[1]
    inserts = [eventlet.spawn(outcome, store.insert, booking, access) for _ in range(20)]
    assert {each.wait() for each in inserts} == {None}
    assert database["bookings"].count_documents({}) == 1


def test_concurrent_inserts_share_few_operations(database: Database[Any]) -> None:
    store = store_of(database)
    put_booking(store)
    batches: list[int] = []
    insert_many = store._new_bookings._inserts._collection.insert_many

    class Counting:
        def insert_many(self, documents: Any, ordered: bool) -> None:
            batches.append(len(documents))
            insert_many(documents, ordered=ordered)

    store._new_bookings._inserts._collection = Counting()  # type: ignore[assignment]
    writers = [eventlet.spawn(put_booking, store) for _ in range(WRITERS)]
    for each in writers:
        each.wait()
    assert sum(batches) == WRITERS
    assert len(batches) <= 10


@pytest.mark.parametrize("fault", [Proxy.freeze, Proxy.refuse, Proxy.reset])
def test_concurrent_inserts_all_finish_when_the_database_fails(
    proxied_database: Database[Any], proxy: Proxy, fault: Callable[[Proxy], None]
) -> None:
    store = store_of(proxied_database)
    put_booking(store)
    writers = [eventlet.spawn(outcome, put_booking, store) for _ in range(WRITERS)]
    eventlet.sleep(0)  # the first batch is in flight
    fault(proxy)
    started_at = time.monotonic()
    outcomes = {type(each.wait()) for each in writers}
    # One operation's timeout: waiting writers do not wait once per batch.
    assert time.monotonic() - started_at < 10
    assert outcomes <= {DatabaseUnavailable, type(None)}
    proxy.restore()
    put_booking(store)


def test_a_batch_whose_response_is_lost_is_reported_as_unavailable(
    proxied_database: Database[Any], database: Database[Any], proxy: Proxy
) -> None:
    store = store_of(proxied_database)
    put_booking(store)
    proxy.freeze("down")
    writers = [eventlet.spawn(outcome, put_booking, store) for _ in range(WRITERS)]
    assert {type(each.wait()) for each in writers} == {DatabaseUnavailable}
    proxy.restore()
    assert database["bookings"].count_documents({}) >= 1
