from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import eventlet
import pytest
from kombu import Connection
from pymongo import MongoClient
from pymongo.database import Database

from clinic.bookings.repository import BookingRepository
from clinic.domain import booking as steps
from clinic.domain.booking import Booking
from clinic.domain.clock import now
from clinic.errors import DatabaseUnavailable
from clinic.messaging import topology
from clinic.messaging.publisher import Publisher
from clinic.mongo.client import durable_uri
from clinic.outbox.orphan_recovery import OrphanRecovery
from clinic.outbox.outbox import Outbox
from clinic.outbox.relay import Relay
from runner.mongodb import MongoServer
from tests.amqp import body_of, depth, subscriber, take
from tests.bookings import put_booking, unsent
from tests.conftest import eventually
from tests.proxy import Proxy, proxied

QUEUE = topology.BOOKING_REQUESTS.name
NOWHERE = "amqp://guest:guest@127.0.0.1:1/"


class Process:
    """A store and its relay, as a process of the house has them."""

    def __init__(
        self,
        database: Database[Any],
        amqp_uri: str,
        heartbeat_timeout_seconds: float = 60,
        republish_seconds: float = 600,
    ) -> None:
        outbox = Outbox(database, heartbeat_timeout_seconds, republish_seconds)
        publisher = Publisher(amqp_uri, topology.declare, timeout_seconds=2)
        self.relay = Relay(outbox, publisher, 0.1, heartbeat_timeout_seconds)
        self.store = BookingRepository(database, outbox)

    def book(self) -> Booking:
        return put_booking(self.store)


def through(broker_link: Proxy) -> str:
    return f"amqp://guest:guest@127.0.0.1:{broker_link.port}/"


def silence(database: Database[Any], process: Process) -> None:
    """Let it be long ago that the process was heard of."""
    long_ago = now() - timedelta(hours=1)
    query = {"_id": process.store.outbox.relay_id}
    assert (
        database["relays"].update_one(query, {"$set": {"lastHeartbeatAt": long_ago}}).matched_count
    )


def make_overdue(database: Database[Any]) -> None:
    long_ago = now() - timedelta(hours=1)
    database["bookings"].update_many(
        {}, {"$set": {"createdAt": long_ago, "lastRequestedAt": long_ago}}
    )


def ids_in_queue(amqp_uri: str) -> Counter[str]:
    found: Counter[str] = Counter()
    while message := take(amqp_uri, QUEUE):
        found[body_of(message)["bookingId"]] += 1
    return found


def test_what_is_written_is_published_and_noted(database: Database[Any], amqp_uri: str) -> None:
    process = Process(database, amqp_uri)
    process.relay.start()
    booking = process.book()
    message = eventually(lambda: take(amqp_uri, QUEUE))
    assert body_of(message)["bookingId"] == booking.id
    eventually(lambda: unsent(database) == [])
    process.relay.stop()
    assert depth(amqp_uri, QUEUE) == 0


def test_a_successor_sends_what_a_dead_writer_left(database: Database[Any], amqp_uri: str) -> None:
    dead = Process(database, amqp_uri)
    booking = dead.book()
    silence(database, dead)
    successor = Process(database, amqp_uri, heartbeat_timeout_seconds=1)
    successor.relay.start()
    message = eventually(lambda: take(amqp_uri, QUEUE))
    assert body_of(message)["bookingId"] == booking.id
    eventually(lambda: database["relays"].count_documents({"_id": dead.store.outbox.relay_id}) == 0)
    successor.relay.stop()
    assert depth(amqp_uri, QUEUE) == 0


def test_a_successor_sends_only_what_is_above_the_checkpoint(
    database: Database[Any], amqp_uri: str
) -> None:
    dead = Process(database, amqp_uri)
    decided, sent, left = dead.book(), dead.book(), dead.book()
    dead.store.outbox.pending.discard([1, 2])
    dead.store.outbox.save_checkpoint()
    dead.store.apply(steps.reject(decided, reason="past", at=now(), by="test"))
    silence(database, dead)
    with subscriber(amqp_uri, "booking_notifications") as received:
        successor = Process(database, amqp_uri, heartbeat_timeout_seconds=1)
        successor.relay.start()
        eventually(lambda: unsent(database) == [])
        successor.relay.stop()
        assert [body_of(message)["eventId"] for message in received()] == [f"{decided.id}:2"]
    assert ids_in_queue(amqp_uri) == {left.id: 1}
    assert sent.id != left.id


def test_nobody_inherits_from_the_living(database: Database[Any], amqp_uri: str) -> None:
    silent = Process(database, amqp_uri)
    silent.book()
    other = Process(database, amqp_uri)
    other.relay.start()
    eventually(lambda: other.relay.is_broker_up)
    eventlet.sleep(0.5)  # some sweeps
    other.relay.stop()
    assert depth(amqp_uri, QUEUE) == 0


def test_a_relay_that_lives_after_all_takes_its_place_again(
    database: Database[Any], amqp_uri: str
) -> None:
    process, successor = Process(database, amqp_uri), Process(database, amqp_uri)
    process.book()
    silence(database, process)
    relays, successor_id = successor.store.outbox.relays, successor.store.outbox.relay_id
    dead = relays.take_over(successor_id)
    assert dead is not None
    process.store.outbox.save_checkpoint()
    relays.prune(successor_id, [dead.relay_id])
    assert database["relays"].count_documents({"_id": dead.relay_id}) == 1


def test_a_successor_that_dies_is_taken_over_in_turn(
    database: Database[Any], amqp_uri: str
) -> None:
    dead, successor, last = (Process(database, amqp_uri) for _ in range(3))
    booking = dead.book()
    silence(database, dead)
    assert successor.store.outbox.relays.take_over(successor.store.outbox.relay_id) is not None
    assert last.store.outbox.relays.take_over(last.store.outbox.relay_id) is None
    silence(database, dead)
    last.relay.start()
    message = eventually(lambda: take(amqp_uri, QUEUE))
    assert body_of(message)["bookingId"] == booking.id
    last.relay.stop()


def test_of_two_successors_at_once_one_takes_over(
    database: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Process(database, NOWHERE)
    dead.book()
    silence(database, dead)
    one, other = Outbox(database).relays, Outbox(database).relays
    find = database["relays"].find_one

    def find_late(query: Any) -> Any:
        found = find(query)
        assert one.take_over("one") is not None
        return found

    monkeypatch.setattr(other._relays, "find_one", find_late)
    assert other.take_over("other") is None


def test_a_takeover_is_renewed_until_all_is_sent(database: Database[Any]) -> None:
    dead, successor = Process(database, NOWHERE), Outbox(database)
    for _ in range(2):
        dead.book()
    silence(database, dead)
    recovery = OrphanRecovery(successor, timeout_seconds=0)
    assert recovery.take_over()
    for number in (1, 2):
        silence(database, dead)
        recovery.maintain()
        # Still there, and spoken for.
        assert Outbox(database).relays.take_over("other") is None
        assert database["relays"].count_documents({"takenOverBy": successor.relay_id}) == 1
        successor.pending.discard([number])
    recovery.maintain()
    assert database["relays"].count_documents({"_id": dead.store.outbox.relay_id}) == 0


def test_a_write_that_outlives_its_writer_is_found_by_the_second_look(
    database: Database[Any],
) -> None:
    dead, successor = Process(database, NOWHERE), Outbox(database)
    early = dead.book()
    silence(database, dead)
    recovery = OrphanRecovery(successor, timeout_seconds=0)
    assert recovery.take_over()
    late = dead.book()
    recovery.maintain()
    assert [each.booking_id for each in successor.pending.take(10, 0).values()] == [
        early.id,
        late.id,
    ]
    successor.pending.discard([1])
    recovery.maintain()
    assert database["relays"].count_documents({"takenOverBy": successor.relay_id}) == 1
    successor.pending.discard([2])
    recovery.maintain()
    assert database["relays"].count_documents({"takenOverBy": successor.relay_id}) == 0


def test_a_successor_waits_between_its_two_scans(database: Database[Any]) -> None:
    dead, successor = Process(database, NOWHERE), Outbox(database)
    dead.book()
    silence(database, dead)
    recovery = OrphanRecovery(successor, timeout_seconds=60)
    assert recovery.take_over()
    dead.book()
    successor.pending.discard([1])
    recovery.maintain()
    assert len(successor.pending) == 0
    assert database["relays"].count_documents({"takenOverBy": successor.relay_id}) == 1


def test_what_is_written_after_leaving_is_inherited_too(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri)
    process.relay.start()
    process.relay.stop()
    booking = process.book()
    silence(database, process)
    successor = Process(database, amqp_uri)
    successor.relay.start()
    message = eventually(lambda: take(amqp_uri, QUEUE))
    assert body_of(message)["bookingId"] == booking.id
    successor.relay.stop()


def test_a_search_for_what_is_left_outlasts_the_patience_of_a_request(
    mongo_server: MongoServer, mongodb_uri: str
) -> None:
    with proxied(mongo_server.port) as slow:
        uri = mongodb_uri.replace(f":{mongo_server.port}/", f":{slow.port}/")
        with MongoClient[Any](durable_uri(uri)) as client:
            database = client.get_default_database()
            writer = Process(database, NOWHERE)
            booking = writer.book()
            make_overdue(database)
            slow.latency_seconds = 1.5  # there and back: longer than any single answer may take
            with pytest.raises(DatabaseUnavailable):
                writer.store.get(booking.id)
            left = Outbox(database).claim_overdue(100)
            assert [entry.booking_id for entry in left] == [booking.id]


def test_several_successors_send_each_message_once(database: Database[Any], amqp_uri: str) -> None:
    dead = Process(database, amqp_uri)
    for _ in range(250):
        dead.book()
    silence(database, dead)
    successors = [Process(database, amqp_uri, heartbeat_timeout_seconds=1) for _ in range(3)]
    for successor in successors:
        successor.relay.start()
    eventually(lambda: unsent(database) == [])
    for successor in successors:
        successor.relay.stop()
    assert depth(amqp_uri, QUEUE) == 250


def test_who_leaves_with_nothing_to_send_leaves_no_trace(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri)
    process.relay.start()
    for _ in range(120):
        process.book()
    process.relay.stop()
    assert depth(amqp_uri, QUEUE) == 120
    assert database["relays"].count_documents({}) == 0


def test_who_leaves_while_the_broker_is_away_is_taken_over_at_once(
    database: Database[Any], broker_link: Proxy, amqp_uri: str
) -> None:
    broker_link.refuse()
    leaving = Process(database, through(broker_link))
    leaving.relay.start()
    booking = leaving.book()
    leaving.relay.stop()
    successor = Process(database, amqp_uri)
    successor.relay.start()
    message = eventually(lambda: take(amqp_uri, QUEUE))
    assert body_of(message)["bookingId"] == booking.id
    successor.relay.stop()


def test_a_request_that_the_broker_lost_is_sent_again(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri, republish_seconds=2)
    process.relay.start()
    booking = process.book()
    for is_repeated in (False, True):
        message = eventually(lambda: take(amqp_uri, QUEUE))
        assert body_of(message)["bookingId"] == booking.id
        assert ("x-possible-duplicate" in message.headers) == is_repeated
    process.store.apply(steps.reject(booking, reason="past", at=now(), by="test"))
    process.relay.stop()
    make_overdue(database)
    assert Outbox(database).claim_overdue(100) == []


def test_nothing_is_asked_for_again_while_much_waits_in_the_queue(
    database: Database[Any], amqp_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinic.outbox.relay.MAX_QUEUE_DEPTH", 1)
    process = Process(database, amqp_uri, republish_seconds=1)
    process.relay.start()
    booking = process.book()
    eventually(lambda: depth(amqp_uri, QUEUE) == 1)
    eventlet.sleep(2)
    assert ids_in_queue(amqp_uri) == {booking.id: 1}
    eventually(lambda: depth(amqp_uri, QUEUE) == 1)  # now that it is gone, it may be lost
    process.relay.stop()


def test_a_claimed_request_is_out_of_sight_for_the_next_sweep(
    database: Database[Any], amqp_uri: str
) -> None:
    booking = Process(database, amqp_uri).book()
    outbox = Outbox(database)
    assert outbox.claim_overdue(100) == []
    make_overdue(database)
    assert [entry.booking_id for entry in outbox.claim_overdue(100)] == [booking.id]
    assert outbox.claim_overdue(100) == []


def test_a_booking_that_waits_for_a_person_is_not_asked_for_again(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri)
    booking = process.book()
    process.store.flag_for_review(booking.id, "check_unavailable")
    make_overdue(database)
    assert Outbox(database).claim_overdue(100) == []


def test_a_write_of_which_nobody_knows_is_sent_if_it_was_stored(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri, heartbeat_timeout_seconds=0.2)
    insert = process.store._new_bookings._inserts.insert
    process.store._new_bookings._inserts.insert = _answer_lost(insert)  # type: ignore[method-assign]
    with pytest.raises(DatabaseUnavailable):
        process.book()
    process.store._new_bookings._inserts.insert = _never_arrived  # type: ignore[method-assign]
    with pytest.raises(DatabaseUnavailable):
        process.book()
    (stored,) = database["bookings"].find()
    process.relay.start()
    message = eventually(lambda: take(amqp_uri, QUEUE))
    assert body_of(message)["bookingId"] == stored["_id"]
    eventually(lambda: len(process.store.outbox.pending) == 0)
    process.relay.stop()
    assert depth(amqp_uri, QUEUE) == 0


def test_a_write_that_lands_after_it_was_missed_is_sent_all_the_same(
    database: Database[Any],
) -> None:
    process = Process(database, NOWHERE, heartbeat_timeout_seconds=0)
    late: list[Any] = []
    insert = process.store._new_bookings._inserts.insert

    def put_off(document: Any) -> None:
        late.append(document)
        raise DatabaseUnavailable("no answer")

    process.store._new_bookings._inserts.insert = put_off  # type: ignore[method-assign]
    with pytest.raises(DatabaseUnavailable):
        process.book()
    outbox = process.store.outbox
    outbox.resolve_in_doubt()
    insert(late[0])
    outbox.resolve_in_doubt()
    sent = outbox.pending.take(10, 0)
    assert [entry.booking_id for entry in sent.values()] == [late[0]["_id"]]


def _answer_lost(insert: Callable[[Any], None]) -> Callable[[Any], None]:
    def insert_and_fail(document: Any) -> None:
        insert(document)
        raise DatabaseUnavailable("no answer")

    return insert_and_fail


def _never_arrived(_document: Any) -> None:
    raise DatabaseUnavailable("no answer")


def test_writing_goes_on_while_the_broker_is_away_and_all_arrives_later(
    database: Database[Any], broker_link: Proxy, amqp_uri: str
) -> None:
    broker_link.refuse()
    process = Process(database, through(broker_link))
    process.relay.start()
    for _ in range(250):
        process.book()
    assert len(unsent(database)) == 250
    assert not process.relay.is_broker_up
    broker_link.restore()
    eventually(lambda: unsent(database) == [])
    assert process.relay.is_broker_up
    process.relay.stop()
    assert depth(amqp_uri, QUEUE) >= 250


def test_a_frozen_broker_loses_nothing(
    database: Database[Any], broker_link: Proxy, amqp_uri: str
) -> None:
    process = Process(database, through(broker_link))
    process.relay.start()
    process.book()
    eventually(lambda: unsent(database) == [])
    broker_link.freeze()
    process.book()
    eventually(lambda: not process.relay.is_broker_up)
    broker_link.restore()
    eventually(lambda: unsent(database) == [])
    process.relay.stop()
    assert depth(amqp_uri, QUEUE) >= 2


def test_a_relay_is_alive_while_the_broker_is_away(
    database: Database[Any], broker_link: Proxy
) -> None:
    broker_link.refuse()
    process = Process(database, through(broker_link), heartbeat_timeout_seconds=2)
    process.relay.start()
    process.book()
    eventlet.sleep(4)
    assert Outbox(database, heartbeat_timeout_seconds=2).relays.take_over("other") is None
    process.relay.stop()


def test_the_relay_learns_of_the_broker_before_anything_is_written(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri)
    process.relay.start()
    eventually(lambda: process.relay.is_broker_up)
    process.relay.stop()


def test_one_subscriber_that_refuses_does_not_flood_the_others(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri, heartbeat_timeout_seconds=2)
    process.relay.start()
    eventually(lambda: process.relay.is_broker_up)
    with (
        Connection(amqp_uri) as connection,
        subscriber(amqp_uri, "booking_notifications") as received,
    ):
        channel = connection.default_channel
        full = {"x-max-length": 1, "x-overflow": "reject-publish"}
        channel.queue_declare("full", exclusive=True, arguments=full)
        channel.queue_bind("full", "booking_notifications")
        for _ in range(6):
            booking = process.book()
            process.store.apply(steps.reject(booking, reason="past", at=now(), by="test"))
        eventually(lambda: channel.queue_declare("full", passive=True).message_count == 1)
        # The refused ones are offered after 2, 4 and 8 s more: at most three rounds in this time.
        eventlet.sleep(10)
        copies = Counter(body_of(message)["eventId"] for message in received())
    process.relay.stop()
    assert len(copies) == 6
    assert max(copies.values()) <= 4


def test_an_outage_is_said_once_and_so_is_its_end(
    database: Database[Any], broker_link: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    broker_link.refuse()
    process = Process(database, through(broker_link))
    with caplog.at_level(logging.INFO, "clinic.concurrency.periodic_task"):
        process.relay.start()
        eventually(lambda: "outbox relay: " in caplog.text)
        # Some rounds more, each of which fails.
        eventlet.sleep(3)
        broker_link.restore()
        eventually(lambda: "outbox relay: available again" in caplog.text)
    process.relay.stop()
    told = [record.levelname for record in caplog.records if "outbox relay" in record.message]
    assert told == ["WARNING", "INFO"]
