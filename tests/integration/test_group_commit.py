"""Inserts that share an operation: with a collection made of memory, then with the real one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import eventlet
import pytest
from eventlet import patcher
from greenlet import GreenletExit
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import AutoReconnect, BulkWriteError, DuplicateKeyError, WriteError

from clinic import group_commit
from clinic.database import durable_uri
from clinic.errors import DatabaseUnavailable, IdempotencyKeyUsed
from clinic.group_commit import LIMIT, GroupCommit
from clinic.manage_token import issue
from clinic.outbox import Outbox
from clinic.store import BookingStore
from runner.mongodb import MongoServer
from tests.bookings import put_booking, requested
from tests.proxy import Proxy, proxied

NAME = "Ana Zzyzx"
#: More than one group, as many as the gateway has threads.
CROWD = 128


class Memory:
    """A collection that knows which documents came together, and can be held up."""

    def __init__(self) -> None:
        self.groups: list[list[Any]] = []
        self.faults: dict[Any, dict[str, Any]] = {}
        self.failure: BaseException | None = None
        self.concern_errors: list[dict[str, Any]] = []
        self.running = self.most_running = 0
        self.is_held = False
        self.sleep: Callable[[float], None] = eventlet.sleep

    def insert_many(self, documents: Sequence[Any], ordered: bool) -> None:
        assert not ordered
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        ids = [each["_id"] for each in documents]
        self.groups.append(ids)
        self.sleep(0.001)
        while self.is_held:
            self.sleep(0.001)
        self.running -= 1
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
def commit(memory: Memory) -> GroupCommit:
    return GroupCommit(memory)  # type: ignore[arg-type]


def outcome(insert: Callable[..., None], *arguments: Any) -> Any:
    """The error of an insert, or None."""
    try:
        insert(*arguments)
    except (Exception, GreenletExit) as error:
        return error
    return None


class Crowd:
    """Writers that came while the first one was writing, in this order."""

    def __init__(self, commit: GroupCommit, memory: Memory, ids: Sequence[Any]) -> None:
        self._memory = memory
        memory.is_held = True
        self.leader = eventlet.spawn(outcome, commit.insert, {"_id": "first"})
        eventlet.sleep(0)
        self.writers = [eventlet.spawn(outcome, commit.insert, {"_id": each}) for each in ids]
        eventlet.sleep(0.01)

    def outcomes(self) -> list[Any]:
        """Let the first one finish; what the writers got, the first one last."""
        self._memory.is_held = False
        with eventlet.Timeout(10):
            return [each.wait() for each in [*self.writers, self.leader]]


def test_a_lone_document_is_written_at_once(commit: GroupCommit, memory: Memory) -> None:
    for number in range(3):
        commit.insert({"_id": number})
    assert memory.groups == [[0], [1], [2]]


def test_who_comes_meanwhile_is_written_together(commit: GroupCommit, memory: Memory) -> None:
    crowd = Crowd(commit, memory, range(LIMIT))
    assert memory.groups == [["first"]]
    assert set(crowd.outcomes()) == {None}
    assert memory.groups == [["first"], list(range(LIMIT))]


def test_a_long_line_is_written_in_its_order_and_in_bounded_groups(
    commit: GroupCommit, memory: Memory
) -> None:
    crowd = Crowd(commit, memory, range(2 * LIMIT + 1))
    assert set(crowd.outcomes()) == {None}
    assert [len(group) for group in memory.groups] == [1, LIMIT, LIMIT, 1]
    assert [each for group in memory.groups[1:] for each in group] == list(range(2 * LIMIT + 1))


def test_nobody_leads_for_more_than_a_group(commit: GroupCommit, memory: Memory) -> None:
    def keep_writing() -> None:
        while len(memory.groups) < 20:
            commit.insert({"_id": "another"})

    others = [eventlet.spawn(keep_writing) for _ in range(2 * LIMIT)]
    eventlet.sleep(0)
    before = len(memory.groups)
    commit.insert({"_id": "mine"})
    # The one that runs, the two groups that were in line, and perhaps one more.
    assert len(memory.groups) - before <= 4
    for each in others:
        each.wait()


def test_threads_have_one_operation_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    threading, real_time = patcher.original("threading"), patcher.original("time")
    monkeypatch.setattr(group_commit, "threading", threading)
    memory = Memory()
    memory.sleep = real_time.sleep
    commit = GroupCommit(memory)  # type: ignore[arg-type]

    def write(writer: int) -> None:
        for number in range(20):
            commit.insert({"_id": f"{writer}.{number}"})

    threads = [threading.Thread(target=write, args=(each,), daemon=True) for each in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    written = Counter(each for group in memory.groups for each in group)
    assert set(written.values()) == {1}
    assert len(written) == 2000
    assert memory.most_running == 1
    assert len(memory.groups) < 1000


def test_each_writer_learns_of_its_own_document(commit: GroupCommit, memory: Memory) -> None:
    memory.faults = {3: fault(3), 5: fault(5, code=121)}
    crowd = Crowd(commit, memory, range(7))
    outcomes = crowd.outcomes()
    assert isinstance(outcomes[3], DuplicateKeyError)
    assert outcomes[3].details["keyPattern"] == {"_id": 1}
    assert type(outcomes[5]) is WriteError
    assert outcomes[5].code == 121
    assert [each for each in outcomes if each is None] == [None] * 6


def test_an_error_holds_no_personal_data(commit: GroupCommit, memory: Memory) -> None:
    memory.faults = {1: fault(1, code=121)}
    error = outcome(commit.insert, {"_id": 1})
    assert NAME not in repr(error) + str(error) + repr(error.details)


def test_what_can_not_be_encoded_fails_nobody_else(commit: GroupCommit, memory: Memory) -> None:
    crowd = Crowd(commit, memory, [1, object(), 2])
    one, wrong, two, first = crowd.outcomes()
    assert wrong is not None
    assert (one, two, first) == (None, None, None)
    assert memory.groups == [["first"], [1, 2]]


@pytest.mark.parametrize("failure", [AutoReconnect("x"), RuntimeError("x"), GreenletExit()])
def test_a_leader_that_fails_releases_all(
    commit: GroupCommit, memory: Memory, failure: BaseException
) -> None:
    crowd = Crowd(commit, memory, range(CROWD))
    memory.failure = failure
    *others, _ = crowd.outcomes()
    assert {type(each) for each in others} == {DatabaseUnavailable}
    # Nothing more was tried for those in line: they would have waited twice.
    assert memory.groups == [["first"]]
    memory.failure = None
    commit.insert({"_id": "later"})


def test_what_is_not_durable_yet_counts_as_stored_for_nobody(
    commit: GroupCommit, memory: Memory
) -> None:
    memory.concern_errors = [{"code": 64, "errmsg": "waiting for replication timed out"}]
    memory.faults = {1: fault(1)}
    assert isinstance(outcome(commit.insert, {"_id": 1}), DatabaseUnavailable)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_writer_that_is_killed_in_line_holds_up_nobody(
    commit: GroupCommit, memory: Memory, place: int
) -> None:
    crowd = Crowd(commit, memory, range(3))
    crowd.writers.pop(place).kill()
    assert crowd.outcomes() == [None, None, None]
    assert place not in memory.groups[1]


def test_a_writer_that_is_killed_in_its_turn_holds_up_nobody(
    commit: GroupCommit, memory: Memory
) -> None:
    crowd = Crowd(commit, memory, range(3))
    leader, kept = crowd.writers[0], crowd.writers[1:]
    hand_over = commit._hand_over

    def hand_over_to_the_dying() -> None:
        hand_over()
        if not leader.dead:
            leader.kill()

    commit._hand_over = hand_over_to_the_dying  # type: ignore[method-assign]
    crowd.writers = kept
    assert crowd.outcomes() == [None, None, None]
    assert memory.groups == [["first"], [1, 2]]


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


def store_of(database: Database[Any]) -> BookingStore:
    return BookingStore(database, Outbox(database))


def test_of_many_at_once_each_is_stored_and_a_key_makes_one_booking(
    database: Database[Any],
) -> None:
    store = store_of(database)
    keys = [f"key-{number % 50}" if number < 100 else None for number in range(200)]
    made = [(requested(), issue(key, b"body")[1]) for key in keys]
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
    booking, access = requested(), issue()[1]
    inserts = [eventlet.spawn(outcome, store.insert, booking, access) for _ in range(20)]
    assert {each.wait() for each in inserts} == {None}
    assert database["bookings"].count_documents({}) == 1


def test_a_crowd_shares_few_operations(database: Database[Any]) -> None:
    store = store_of(database)
    put_booking(store)
    groups: list[int] = []
    insert_many = store._inserts._collection.insert_many

    class Counting:
        def insert_many(self, documents: Any, ordered: bool) -> None:
            groups.append(len(documents))
            insert_many(documents, ordered=ordered)

    store._inserts._collection = Counting()  # type: ignore[assignment]
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
