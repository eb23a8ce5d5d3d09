"""Inserts that share an operation: with a collection in memory, then with the real one."""

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
from runner.mongodb import MongoServer
from tests.bookings import put_booking, requested
from tests.proxy import Proxy, proxied

NAME = "Ana Zzyzx"
#: More than one group, as many as the gateway serves at once.
CROWD = 128


class Memory:
    """A collection that knows which documents came together, and refuses some of them."""

    def __init__(self) -> None:
        self.groups: list[list[Any]] = []
        self.faults: dict[Any, dict[str, Any]] = {}
        self.failure: Exception | None = None
        self.concern_errors: list[dict[str, Any]] = []

    def insert_many(self, documents: Sequence[Any], ordered: bool) -> None:
        assert not ordered
        ids = [each["_id"] for each in documents]
        self.groups.append(ids)
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
def memory() -> Memory:
    return Memory()


@pytest.fixture
def inserts(memory: Memory) -> BatchInserter:
    return BatchInserter(memory)  # type: ignore[arg-type]


def outcome(insert: Callable[..., None], *arguments: Any) -> Any:
    """The error of an insert, or None."""
    try:
        insert(*arguments)
    except Exception as error:
        return error
    return None


def outcomes(inserts: BatchInserter, ids: Sequence[Any]) -> list[Any]:
    """What the writers of these get, who come while a first one is being written."""
    first = eventlet.spawn(outcome, inserts.insert, {"_id": "first"})
    eventlet.sleep(0)
    writers = [eventlet.spawn(outcome, inserts.insert, {"_id": each}) for each in ids]
    with eventlet.Timeout(10):
        first.wait()
        return [each.wait() for each in writers]


def test_each_writer_learns_of_its_own_document(inserts: BatchInserter, memory: Memory) -> None:
    memory.faults = {3: fault(3), 5: fault(5, code=121)}
    found = outcomes(inserts, range(7))
    assert isinstance(found[3], DuplicateKeyError)
    assert found[3].details["keyPattern"] == {"_id": 1}
    assert type(found[5]) is WriteError
    assert found[5].code == 121
    assert [each for each in found if each is None] == [None] * 5


def test_an_error_holds_no_personal_data(inserts: BatchInserter, memory: Memory) -> None:
    memory.faults = {1: fault(1, code=121)}
    error = outcome(inserts.insert, {"_id": 1})
    assert NAME not in repr(error) + str(error) + repr(error.details)


def test_what_can_not_be_encoded_fails_nobody_else(inserts: BatchInserter, memory: Memory) -> None:
    one, wrong, two = outcomes(inserts, [1, object(), 2])
    assert wrong is not None
    assert (one, two) == (None, None)
    assert memory.groups == [["first"], [1, 2]]


def test_a_driver_that_fails_tells_all_that_the_database_is_away(
    inserts: BatchInserter, memory: Memory
) -> None:
    memory.failure = AutoReconnect("x")
    assert {type(each) for each in outcomes(inserts, range(3))} == {DatabaseUnavailable}
    assert isinstance(outcome(inserts.insert, {"_id": 1}), DatabaseUnavailable)


def test_what_is_not_durable_yet_counts_as_stored_for_nobody(
    inserts: BatchInserter, memory: Memory
) -> None:
    memory.concern_errors = [{"code": 64, "errmsg": "waiting for replication timed out"}]
    memory.faults = {1: fault(1)}
    assert isinstance(outcome(inserts.insert, {"_id": 1}), DatabaseUnavailable)


# --- with the database


@pytest.fixture
def proxy(mongo_server: MongoServer) -> Iterator[Proxy]:
    with proxied(mongo_server.port) as proxy:
        yield proxy


@pytest.fixture
def distant(proxy: Proxy, mongodb_uri: str) -> Iterator[Database[Any]]:
    """The database, by way of the proxy."""
    port = mongodb_uri.split(":")[2].split("/")[0]
    with MongoClient[Any](durable_uri(mongodb_uri.replace(port, str(proxy.port)))) as client:
        yield client.get_default_database()


def store_of(database: Database[Any]) -> BookingRepository:
    return BookingRepository(database, Outbox(database))


def test_of_many_at_once_each_is_stored_and_a_key_makes_one_booking(
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
    told = {booking.id for (booking, _), error in zip(made, outcomes, strict=True) if not error}
    assert {each["_id"] for each in database["bookings"].find({}, {"_id": True})} == told
    assert len({store.find_by_key(access)[0].id for _, access in made[:100]}) == 50


def test_the_same_booking_twice_in_a_group_is_stored_once(database: Database[Any]) -> None:
    store = store_of(database)
    booking, access = requested(), create_credentials()[1]
    inserts = [eventlet.spawn(outcome, store.insert, booking, access) for _ in range(20)]
    assert {each.wait() for each in inserts} == {None}
    assert database["bookings"].count_documents({}) == 1


def test_a_crowd_shares_few_operations(database: Database[Any]) -> None:
    store = store_of(database)
    put_booking(store)
    groups: list[int] = []
    insert_many = store._new_bookings._inserts._collection.insert_many

    class Counting:
        def insert_many(self, documents: Any, ordered: bool) -> None:
            groups.append(len(documents))
            insert_many(documents, ordered=ordered)

    store._new_bookings._inserts._collection = Counting()  # type: ignore[assignment]
    crowd = [eventlet.spawn(put_booking, store) for _ in range(CROWD)]
    for each in crowd:
        each.wait()
    assert sum(groups) == CROWD
    assert len(groups) <= 10


@pytest.mark.parametrize("fault", [Proxy.freeze, Proxy.refuse, Proxy.reset])
def test_a_crowd_is_answered_when_the_database_fails(
    distant: Database[Any], proxy: Proxy, fault: Callable[[Proxy], None]
) -> None:
    store = store_of(distant)
    put_booking(store)
    crowd = [eventlet.spawn(outcome, put_booking, store) for _ in range(CROWD)]
    eventlet.sleep(0)  # the first group is on its way
    fault(proxy)
    began = time.monotonic()
    outcomes = {type(each.wait()) for each in crowd}
    # One operation's timeout; the line does not wait once for each group.
    assert time.monotonic() - began < 10
    assert outcomes <= {DatabaseUnavailable, type(None)}
    proxy.restore()
    put_booking(store)


def test_a_group_whose_answer_is_lost_may_be_stored_and_is_not_promised(
    distant: Database[Any], database: Database[Any], proxy: Proxy
) -> None:
    store = store_of(distant)
    put_booking(store)
    proxy.freeze("down")
    crowd = [eventlet.spawn(outcome, put_booking, store) for _ in range(CROWD)]
    assert {type(each.wait()) for each in crowd} == {DatabaseUnavailable}
    proxy.restore()
    assert database["bookings"].count_documents({}) >= 1
