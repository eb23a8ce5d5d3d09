from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import eventlet
import pytest
from kombu import Connection
from pymongo import MongoClient
from pymongo.database import Database

from clinic import booking as steps
from clinic import topology
from clinic.booking import Booking
from clinic.clock import now
from clinic.database import durable_uri
from clinic.outbox import Outbox
from clinic.publisher import Publisher
from clinic.relay import Relay
from clinic.store import BookingStore
from runner.rabbitmq import RabbitNode
from tests.amqp import body_of, depth, subscriber, take
from tests.bookings import put_booking
from tests.conftest import eventually
from tests.operations import Operations
from tests.proxy import Proxy, proxied

QUEUE = topology.BOOKING_REQUESTS.name


class Process:
    """A store and its relay, as a process of the house has them."""

    def __init__(
        self,
        database: Database[Any],
        amqp_uri: str,
        grace_seconds: float = 60,
        resend_seconds: float = 600,
    ) -> None:
        outbox = Outbox(database["bookings"], grace_seconds, resend_seconds)
        publisher = Publisher(amqp_uri, topology.declare, timeout_seconds=2)
        self.relay = Relay(outbox, publisher, sweep_seconds=0.1)
        self.store = BookingStore(database, outbox, self.relay.offer)

    def book(self) -> Booking:
        return put_booking(self.store)


@pytest.fixture
def proxy(rabbit_node: RabbitNode, amqp_uri: str) -> Iterator[Proxy]:
    with proxied(rabbit_node.port) as proxy:
        yield proxy


def through(proxy: Proxy) -> str:
    return f"amqp://guest:guest@127.0.0.1:{proxy.port}/"


def backlog(database: Database[Any]) -> int:
    """Count what is not sent yet; a request that was sent is put off for 600 s."""
    return Outbox(database["bookings"], grace_seconds=60).backlog()


def test_an_offered_entry_is_published_and_removed(database: Database[Any], amqp_uri: str) -> None:
    process = Process(database, amqp_uri)
    process.relay.start()
    booking = process.book()
    message = eventually(lambda: take(amqp_uri, QUEUE))
    assert body_of(message)["bookingId"] == booking.id
    eventually(lambda: backlog(database) == 0)
    process.relay.stop()
    assert depth(amqp_uri, QUEUE) == 0


def test_an_entry_whose_writer_died_is_found_by_a_sweep_of_another(
    database: Database[Any], amqp_uri: str
) -> None:
    dead = Process(database, amqp_uri, grace_seconds=0)
    booking = dead.book()
    assert depth(amqp_uri, QUEUE) == 0
    living = Process(database, amqp_uri)
    living.relay.start()
    message = eventually(lambda: take(amqp_uri, QUEUE))
    assert body_of(message)["bookingId"] == booking.id
    eventually(lambda: backlog(database) == 0)
    living.relay.stop()


def test_a_sweep_leaves_a_young_entry_to_its_writer(database: Database[Any], amqp_uri: str) -> None:
    Process(database, amqp_uri, grace_seconds=60).book()
    outbox = Outbox(database["bookings"], 60)
    assert outbox.claim_overdue(100) == []


def test_a_claimed_entry_is_out_of_sight_for_the_next_sweep(
    database: Database[Any], amqp_uri: str
) -> None:
    booking = Process(database, amqp_uri, grace_seconds=0).book()
    outbox = Outbox(database["bookings"], 60)
    assert [entry.booking_id for entry in outbox.claim_overdue(100)] == [booking.id]
    assert outbox.claim_overdue(100) == []


def test_a_request_that_the_broker_lost_is_sent_again(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri, resend_seconds=2)
    process.relay.start()
    booking = process.book()
    for _ in range(2):
        message = eventually(lambda: take(amqp_uri, QUEUE))
        assert body_of(message)["bookingId"] == booking.id
    process.store.apply(steps.reject(booking, reason="past", at=now(), by="test"))
    eventually(lambda: backlog(database) == 0)
    process.relay.stop()
    assert Outbox(database["bookings"]).claim_overdue(100) == []


def test_a_booking_that_waits_for_a_person_is_not_asked_for_again(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri, grace_seconds=0)
    booking = process.book()
    process.store.mark_attention(booking.id, "check_unavailable")
    assert Outbox(database["bookings"]).claim_overdue(100) == []


def test_settling_one_entry_keeps_the_later_one(database: Database[Any], amqp_uri: str) -> None:
    process = Process(database, amqp_uri, grace_seconds=0)
    booking = process.book()
    outbox = Outbox(database["bookings"], 0)
    (requested,) = outbox.claim_overdue(100)
    process.store.apply(steps.reject(booking, reason="past", at=now(), by="test"))
    outbox.settle_sent([requested])
    assert [entry.event_id for entry in outbox.claim_overdue(100)] == [f"{booking.id}:2"]


def test_writing_goes_on_while_the_broker_is_away_and_all_arrives_later(
    database: Database[Any], proxy: Proxy, amqp_uri: str
) -> None:
    proxy.refuse()
    process = Process(database, through(proxy), grace_seconds=0)
    process.relay.start()
    for _ in range(250):
        process.book()
    assert backlog(database) == 250
    assert not process.relay.is_broker_up
    proxy.restore()
    eventually(lambda: backlog(database) == 0)
    assert process.relay.is_broker_up
    process.relay.stop()
    assert depth(amqp_uri, QUEUE) >= 250


def test_a_frozen_broker_loses_nothing(
    database: Database[Any], proxy: Proxy, amqp_uri: str
) -> None:
    process = Process(database, through(proxy), grace_seconds=0)
    process.relay.start()
    process.book()
    eventually(lambda: backlog(database) == 0)
    proxy.freeze()
    process.book()
    eventually(lambda: not process.relay.is_broker_up)
    proxy.restore()
    eventually(lambda: backlog(database) == 0)
    process.relay.stop()
    assert depth(amqp_uri, QUEUE) >= 2


def test_stopping_sends_what_was_offered(database: Database[Any], amqp_uri: str) -> None:
    process = Process(database, amqp_uri)
    process.relay.start()
    for _ in range(120):
        process.book()
    process.relay.stop()
    assert depth(amqp_uri, QUEUE) == 120
    assert backlog(database) == 0


def test_much_that_was_sent_is_settled_in_small_updates(
    database: Database[Any], mongodb_uri: str, amqp_uri: str
) -> None:
    process = Process(database, amqp_uri, grace_seconds=0)
    for _ in range(60):
        decided = process.book()
        process.store.apply(steps.reject(decided, reason="past", at=now(), by="test"))
        process.book()
    overdue = Outbox(database["bookings"], 0).claim_overdue(200)
    assert len(overdue) == 120
    updates = Operations("update")
    with MongoClient[Any](durable_uri(mongodb_uri), event_listeners=[updates]) as client:
        outbox = Outbox(client.get_default_database()["bookings"])
        outbox.settle_sent(overdue)
        outbox.settle_sent([])
    assert updates.names == ["update"] * 4  # 50 and 10 requests, 50 and 10 events
    assert backlog(database) == 0


def test_the_relay_learns_of_the_broker_before_anything_is_offered(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri)
    process.relay.start()
    eventually(lambda: process.relay.is_broker_up)
    process.relay.stop()


def test_several_sweeps_send_each_entry_once(database: Database[Any], amqp_uri: str) -> None:
    dead = Process(database, amqp_uri, grace_seconds=0)
    for _ in range(250):
        dead.book()
    processes = [Process(database, amqp_uri, grace_seconds=30) for _ in range(3)]
    for process in processes:
        process.relay.start()
    eventually(lambda: backlog(database) == 0)
    for process in processes:
        process.relay.stop()
    assert depth(amqp_uri, QUEUE) == 250


def test_a_claim_puts_an_entry_off_longer_each_time(database: Database[Any], amqp_uri: str) -> None:
    booking = Process(database, amqp_uri, grace_seconds=0).book()
    outbox = Outbox(database["bookings"], grace_seconds=8, resend_seconds=30)
    pauses = []
    for _ in range(4):
        database["bookings"].update_one({}, {"$set": {"outbox.0.dueAt": now()}})
        before = now()
        assert [entry.booking_id for entry in outbox.claim_overdue(1)] == [booking.id]
        (entry,) = database["bookings"].find_one({})["outbox"]
        pauses.append(round((entry["dueAt"] - before).total_seconds()))
    # Doubling, but never longer than a request is left alone for.
    assert pauses == [8, 16, 30, 30]


def test_one_subscriber_that_refuses_does_not_flood_the_others(
    database: Database[Any], amqp_uri: str
) -> None:
    process = Process(database, amqp_uri, grace_seconds=2)
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
        # The refused ones are claimed after 2, 4 and 8 s more: at most three rounds in this time.
        eventlet.sleep(10)
        copies = Counter(body_of(message)["eventId"] for message in received())
    process.relay.stop()
    assert len(copies) == 6
    assert max(copies.values()) <= 4


def test_an_outage_is_said_once_and_so_is_its_end(
    database: Database[Any], proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.refuse()
    process = Process(database, through(proxy))
    with caplog.at_level(logging.INFO, "clinic.relay"):
        process.relay.start()
        eventually(lambda: "can't reach" in caplog.text)
        # Some rounds more, each of which fails.
        eventlet.sleep(3)
        proxy.restore()
        eventually(lambda: "reaches its peers again" in caplog.text)
    process.relay.stop()
    assert caplog.text.count("can't reach") == 1
