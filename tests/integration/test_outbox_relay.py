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
from runner.backends.mongodb import MongoServer
from tests.amqp import body_of, depth, subscriber, take
from tests.bookings import put_booking, unsent
from tests.conftest import eventually
from tests.proxy import Proxy, proxied

QUEUE = topology.BOOKING_REQUESTS.name
NOWHERE = "amqp://guest:guest@127.0.0.1:1/"


class Process:
    """A repository and its relay, as in one process of the system."""

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


def expire_heartbeat(database: Database[Any], process: Process) -> None:
    """Let the heartbeat of the process time out."""
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


def test_a_stored_message_is_published_and_checkpointed(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri)
    process.relay.start()
    booking = process.book()
    message = eventually(lambda: take(amqp_uri, QUEUE))
    assert body_of(message)["bookingId"] == booking.id
    eventually(lambda: unsent(database) == [])
    process.relay.stop()
    assert depth(amqp_uri, QUEUE) == 0


def test_a_successor_sends_the_messages_of_a_dead_relay(
    database: Database[Any], amqp_uri: str
) -> None:
    dead = Process(database, amqp_uri)
    booking = dead.book()
    expire_heartbeat(database, dead)
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
    decided, sent, pending = dead.book(), dead.book(), dead.book()
    dead.store.outbox.pending.discard([1, 2])
    dead.store.outbox.save_checkpoint()
    dead.store.apply(steps.reject(decided, reason="past", at=now(), by="test"))
    expire_heartbeat(database, dead)
    with subscriber(amqp_uri, "booking_notifications") as received:
        successor = Process(database, amqp_uri, heartbeat_timeout_seconds=1)
        successor.relay.start()
        eventually(lambda: unsent(database) == [])
        successor.relay.stop()
        assert [body_of(message)["eventId"] for message in received()] == [f"{decided.id}:2"]
    assert ids_in_queue(amqp_uri) == {pending.id: 1}
    assert sent.id != pending.id


def test_a_live_relay_is_not_taken_over(database: Database[Any], amqp_uri: str) -> None:
    silent = Process(database, amqp_uri)
    silent.book()
    other = Process(database, amqp_uri)
    other.relay.start()
    eventually(lambda: other.relay.is_broker_up)
    eventlet.sleep(0.5)  # several recovery scans
    other.relay.stop()
    assert depth(amqp_uri, QUEUE) == 0


def test_a_relay_presumed_dead_registers_again(database: Database[Any], amqp_uri: str) -> None:
    process, successor = Process(database, amqp_uri), Process(database, amqp_uri)
    process.book()
    expire_heartbeat(database, process)
    relays, successor_id = successor.store.outbox.relays, successor.store.outbox.relay_id
    dead = relays.take_over(successor_id)
    assert dead is not None
    process.store.outbox.save_checkpoint()
    relays.prune(successor_id, [dead.relay_id])
    assert database["relays"].count_documents({"_id": dead.relay_id}) == 1


def test_a_crashed_successor_is_taken_over_in_turn(database: Database[Any], amqp_uri: str) -> None:
    dead, successor, last = (Process(database, amqp_uri) for _ in range(3))
    booking = dead.book()
    expire_heartbeat(database, dead)
    assert successor.store.outbox.relays.take_over(successor.store.outbox.relay_id) is not None
    assert last.store.outbox.relays.take_over(last.store.outbox.relay_id) is None
    expire_heartbeat(database, dead)
    last.relay.start()
    message = eventually(lambda: take(amqp_uri, QUEUE))
    assert body_of(message)["bookingId"] == booking.id
    last.relay.stop()


def test_only_one_of_two_concurrent_successors_takes_over(
    database: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Process(database, NOWHERE)
    dead.book()
    expire_heartbeat(database, dead)
    one, other = Outbox(database).relays, Outbox(database).relays
    find = database["relays"].find_one

    def find_late(query: Any) -> Any:
        found = find(query)
        assert one.take_over("one") is not None
        return found

    monkeypatch.setattr(other._relays, "find_one", find_late)
    assert other.take_over("other") is None


def test_a_takeover_is_renewed_until_everything_is_sent(database: Database[Any]) -> None:
    dead, successor = Process(database, NOWHERE), Outbox(database)
    for _ in range(2):
        dead.book()
    expire_heartbeat(database, dead)
    recovery = OrphanRecovery(successor, timeout_seconds=0)
    assert recovery.take_over()
    for number in (1, 2):
        expire_heartbeat(database, dead)
        recovery.maintain()
        # Still registered, and taken over.
        assert Outbox(database).relays.take_over("other") is None
        assert database["relays"].count_documents({"takenOverBy": successor.relay_id}) == 1
        successor.pending.discard([number])
    recovery.maintain()
    assert database["relays"].count_documents({"_id": dead.store.outbox.relay_id}) == 0


def test_a_late_write_of_a_dead_relay_is_found_by_the_second_scan(
    database: Database[Any],
) -> None:
    dead, successor = Process(database, NOWHERE), Outbox(database)
    early = dead.book()
    expire_heartbeat(database, dead)
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
    expire_heartbeat(database, dead)
    recovery = OrphanRecovery(successor, timeout_seconds=60)
    assert recovery.take_over()
    dead.book()
    successor.pending.discard([1])
    recovery.maintain()
    assert len(successor.pending) == 0
    assert database["relays"].count_documents({"takenOverBy": successor.relay_id}) == 1


def test_a_message_written_after_shutdown_is_taken_over(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri)
    process.relay.start()
    process.relay.stop()
    booking = process.book()
    expire_heartbeat(database, process)
    successor = Process(database, amqp_uri)
    successor.relay.start()
    message = eventually(lambda: take(amqp_uri, QUEUE))
    assert body_of(message)["bookingId"] == booking.id
    successor.relay.stop()


def test_the_recovery_scan_has_a_longer_timeout_than_a_request(
    mongo_server: MongoServer, mongodb_uri: str
) -> None:
    with proxied(mongo_server.port) as slow:
        uri = mongodb_uri.replace(f":{mongo_server.port}/", f":{slow.port}/")
        with MongoClient[Any](durable_uri(uri)) as client:
            database = client.get_default_database()
            writer = Process(database, NOWHERE)
            booking = writer.book()
            make_overdue(database)
            slow.latency_seconds = 1.5  # both ways: longer than the operation timeout
            with pytest.raises(DatabaseUnavailable):
                writer.store.get(booking.id)
            overdue = Outbox(database).claim_overdue(100)
            assert [entry.booking_id for entry in overdue] == [booking.id]


def test_several_successors_send_each_message_once(database: Database[Any], amqp_uri: str) -> None:
    dead = Process(database, amqp_uri)
    for _ in range(250):
        dead.book()
    expire_heartbeat(database, dead)
    successors = [Process(database, amqp_uri, heartbeat_timeout_seconds=1) for _ in range(3)]
    for successor in successors:
        successor.relay.start()
    eventually(lambda: unsent(database) == [])
    for successor in successors:
        successor.relay.stop()
    assert depth(amqp_uri, QUEUE) == 250


def test_a_relay_stopping_with_nothing_pending_deregisters(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri)
    process.relay.start()
    for _ in range(120):
        process.book()
    process.relay.stop()
    assert depth(amqp_uri, QUEUE) == 120
    assert database["relays"].count_documents({}) == 0


def test_a_relay_stopping_without_a_broker_is_taken_over_at_once(
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


def test_a_request_lost_by_the_broker_is_republished(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri, republish_seconds=2)
    process.relay.start()
    booking = process.book()
    for is_duplicate in (False, True):
        message = eventually(lambda: take(amqp_uri, QUEUE))
        assert body_of(message)["bookingId"] == booking.id
        assert ("x-possible-duplicate" in message.headers) == is_duplicate
    process.store.apply(steps.reject(booking, reason="past", at=now(), by="test"))
    process.relay.stop()
    make_overdue(database)
    assert Outbox(database).claim_overdue(100) == []


def test_requests_are_not_republished_while_the_queue_is_long(
    database: Database[Any], amqp_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinic.outbox.relay.MAX_QUEUE_DEPTH", 1)
    process = Process(database, amqp_uri, republish_seconds=1)
    process.relay.start()
    booking = process.book()
    eventually(lambda: depth(amqp_uri, QUEUE) == 1)
    eventlet.sleep(2)
    assert ids_in_queue(amqp_uri) == {booking.id: 1}
    eventually(lambda: depth(amqp_uri, QUEUE) == 1)  # out of the queue, so it may be lost
    process.relay.stop()


def test_a_claimed_request_is_hidden_from_the_next_recovery_scan(
    database: Database[Any], amqp_uri: str
) -> None:
    booking = Process(database, amqp_uri).book()
    outbox = Outbox(database)
    assert outbox.claim_overdue(100) == []
    make_overdue(database)
    assert [entry.booking_id for entry in outbox.claim_overdue(100)] == [booking.id]
    assert outbox.claim_overdue(100) == []


def test_a_booking_flagged_for_review_is_not_republished(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri)
    booking = process.book()
    process.store.flag_for_review(booking.id, "check_unavailable")
    make_overdue(database)
    assert Outbox(database).claim_overdue(100) == []


def test_a_write_in_doubt_is_sent_if_it_was_stored(database: Database[Any], amqp_uri: str) -> None:
    process = Process(database, amqp_uri, heartbeat_timeout_seconds=0.2)
    insert = process.store._new_bookings._inserts.insert
    process.store._new_bookings._inserts.insert = _response_lost(insert)  # type: ignore[method-assign]
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


def test_a_write_in_doubt_stored_after_the_first_lookup_is_sent(
    database: Database[Any],
) -> None:
    process = Process(database, NOWHERE, heartbeat_timeout_seconds=0)
    late: list[Any] = []
    insert = process.store._new_bookings._inserts.insert

    def defer(document: Any) -> None:
        late.append(document)
        raise DatabaseUnavailable("no answer")

    process.store._new_bookings._inserts.insert = defer  # type: ignore[method-assign]
    with pytest.raises(DatabaseUnavailable):
        process.book()
    outbox = process.store.outbox
    outbox.resolve_in_doubt()
    insert(late[0])
    outbox.resolve_in_doubt()
    sent = outbox.pending.take(10, 0)
    assert [entry.booking_id for entry in sent.values()] == [late[0]["_id"]]


def _response_lost(insert: Callable[[Any], None]) -> Callable[[Any], None]:
    def insert_and_fail(document: Any) -> None:
        insert(document)
        raise DatabaseUnavailable("no answer")

    return insert_and_fail


def _never_arrived(_document: Any) -> None:
    raise DatabaseUnavailable("no answer")


def test_writes_during_a_broker_outage_are_published_later(
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


def test_a_frozen_broker_loses_no_messages(
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


def test_a_relay_sends_heartbeats_during_a_broker_outage(
    database: Database[Any], broker_link: Proxy
) -> None:
    broker_link.refuse()
    process = Process(database, through(broker_link), heartbeat_timeout_seconds=2)
    process.relay.start()
    process.book()
    eventlet.sleep(4)
    assert Outbox(database, heartbeat_timeout_seconds=2).relays.take_over("other") is None
    process.relay.stop()


def test_the_relay_connects_before_anything_is_written(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri)
    process.relay.start()
    eventually(lambda: process.relay.is_broker_up)
    process.relay.stop()


def test_one_rejecting_subscriber_does_not_flood_the_others(
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
        # Nacked messages are retried after 2, 4 and 8 s: at most three times in this period.
        eventlet.sleep(10)
        copies = Counter(body_of(message)["eventId"] for message in received())
    process.relay.stop()
    assert len(copies) == 6
    assert max(copies.values()) <= 4


def test_an_outage_and_its_end_are_logged_once(
    database: Database[Any], broker_link: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    broker_link.refuse()
    process = Process(database, through(broker_link))
    with caplog.at_level(logging.INFO, "clinic.concurrency.periodic_task"):
        process.relay.start()
        eventually(lambda: "outbox relay: " in caplog.text)
        # A few more failing runs.
        eventlet.sleep(3)
        broker_link.restore()
        eventually(lambda: "outbox relay: available again" in caplog.text)
    process.relay.stop()
    levels = [record.levelname for record in caplog.records if "outbox relay" in record.message]
    assert levels == ["WARNING", "INFO"]
