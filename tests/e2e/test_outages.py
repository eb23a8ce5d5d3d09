"""Crashes, hangs and outages of services, broker and database lose nothing."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import eventlet
import pytest
import requests
from kombu import Connection
from pymongo import MongoClient
from pymongo.database import Database

from clinic.bookings.repository import BookingRepository
from clinic.domain import booking as steps
from clinic.domain.clock import now
from clinic.outbox.outbox import Outbox
from runner.backends.mongodb import MongoServer
from runner.backends.rabbitmq import RabbitNode
from runner.processes.managed_process import ManagedProcess, start
from tests.amqp import consumers, depth
from tests.bookings import all_in_hand, put_booking
from tests.conftest import PATIENCE_SECONDS, eventually
from tests.e2e.stack import EXAMPLE, Stack
from tests.e2e.test_load import book_at_once
from tests.mailbox import Mailbox
from tests.proxy import proxied

pytestmark = pytest.mark.timeout(400)

DeliveryRecords = Callable[[], dict[str, str]]
MakeStack = Callable[..., Stack]


class Backend:
    """A separate broker or database that the test can stop and start."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._running: list[ManagedProcess] = []
        self.uri: str = backend.uri

    def start(self) -> None:
        for server in self._backend.servers:
            log = self._backend.directory / f"{server.name}.log"
            self._running.append(start(server, log))
        eventually(self._backend.is_ready)

    def stop(self) -> None:
        while self._running:
            self._running.pop().stop()

    def kill(self) -> None:
        while self._running:
            self._running.pop().kill()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Backend]:
    backend = Backend(RabbitNode(tmp_path / "own-rabbitmq"))
    yield backend
    backend.stop()


@pytest.fixture
def mongo(tmp_path: Path) -> Iterator[Backend]:
    backend = Backend(MongoServer(tmp_path / "own-mongodb"))
    yield backend
    backend.stop()


def assert_all_decided_and_notified(stack: Stack, ids: list[str], records: DeliveryRecords) -> None:
    versions = [stack.decided(booking_id)["version"] for booking_id in ids]
    assert versions == [2] * len(ids)
    expected = {f"{booking_id}:2:email": "sent" for booking_id in ids}
    # A notification of a killed notifier is sent after its lease expires.
    eventually(lambda: records() == expected, 2 * PATIENCE_SECONDS)


def test_bookings_made_during_a_broker_outage_are_decided_afterwards(
    make_stack: MakeStack, mongodb_uri: str, broker: Backend, delivery_records: DeliveryRecords
) -> None:
    stack = make_stack(broker.uri, mongodb_uri)
    broker.start()
    stack.start_all()
    before = stack.book()
    stack.decided(before)
    broker.kill()
    during = [stack.book() for _ in range(10)]
    health = requests.get(f"{stack.url}/health/ready", timeout=10)
    eventually(
        lambda: requests.get(f"{stack.url}/health/ready", timeout=10).json()["broker"] == "down"
    )
    assert health.status_code == 200
    assert stack.get(during[0])["status"] == "pending"
    broker.start()
    assert_all_decided_and_notified(stack, [before, *during], delivery_records)


def test_services_started_before_their_broker_wait_for_it(
    make_stack: MakeStack, mongodb_uri: str, broker: Backend, delivery_records: DeliveryRecords
) -> None:
    stack = make_stack(broker.uri, mongodb_uri)
    stack.start_all()
    booking_id = stack.book()
    broker.start()
    assert_all_decided_and_notified(stack, [booking_id], delivery_records)


def test_services_started_before_their_database_wait_for_it(
    make_stack: MakeStack, amqp_uri: str, mongo: Backend
) -> None:
    stack = make_stack(amqp_uri, mongo.uri)
    services = [stack.start(name) for name in ("booking_service", "notification_service")]
    stack.start("gateway")
    eventually(lambda: _status(stack, "/health/live") == 200)
    assert _status(stack, "/health/ready") == 503
    assert stack.post().status_code == 503
    mongo.start()
    # The gateway retries its database a second after a failure.
    booking_id = eventually(lambda: (found := stack.post()).ok and found.json()["booking"]["id"])
    stack.decided(booking_id)
    assert all(service.is_alive() for service in services)


def _status(stack: Stack, path: str) -> int:
    try:
        return requests.get(f"{stack.url}{path}", timeout=10).status_code
    except requests.ConnectionError:
        return 0


def test_a_database_outage_dead_letters_nothing(
    make_stack: MakeStack, amqp_uri: str, mongo: Backend
) -> None:
    # The checks end while the database is down, and requests are retried every second.
    stack = make_stack(amqp_uri, mongo.uri, AVAILABILITY_DELAY_SECONDS="3")
    mongo.start()
    stack.start_all()
    ids = book_at_once(stack, 20)
    eventually(lambda: depth(amqp_uri, "booking_requests") == 0)
    mongo.stop()
    rejected = stack.post()
    assert (rejected.status_code, rejected.headers["Retry-After"]) == (503, "5")
    # More retries than max_attempts.
    eventually(lambda: stack.logs("booking_service").count("(expected) error handling") > 80)
    mongo.start()
    for booking_id in ids:
        assert stack.decided(booking_id)["status"] == "rejected"
    assert depth(amqp_uri, "booking_dead_letter") == 0


def test_a_booking_is_decided_if_its_gateway_crashed_before_publishing(
    make_stack: MakeStack, amqp_uri: str, mongodb_uri: str, delivery_records: DeliveryRecords
) -> None:
    stack = make_stack(amqp_uri, mongodb_uri)
    # Nothing listens on the discard port: the gateway stores the booking but can't publish it.
    gateway = stack.start("gateway", AMQP_URI="amqp://guest:guest@127.0.0.1:9/")
    eventually(stack.is_ready)
    booking_id = stack.book()
    gateway.kill()
    stack.start_all()
    assert_all_decided_and_notified(stack, [booking_id], delivery_records)


def test_a_request_purged_from_its_queue_is_still_decided(
    make_stack: MakeStack, amqp_uri: str, mongodb_uri: str, delivery_records: DeliveryRecords
) -> None:
    stack = make_stack(amqp_uri, mongodb_uri, OUTBOX_REPUBLISH_SECONDS="2")
    stack.start("gateway")
    eventually(stack.is_ready)
    ids = [stack.book() for _ in range(5)]
    eventually(lambda: depth(amqp_uri, "booking_requests") == 5)
    with Connection(amqp_uri) as connection:
        connection.default_channel.queue_purge("booking_requests")
    stack.start_all()
    assert_all_decided_and_notified(stack, ids, delivery_records)


def test_events_purged_from_their_queue_are_still_notified_once(
    make_stack: MakeStack,
    amqp_uri: str,
    mongodb_uri: str,
    delivery_records: DeliveryRecords,
    mailbox: Mailbox,
) -> None:
    stack = make_stack(
        amqp_uri,
        mongodb_uri,
        OUTBOX_REPUBLISH_SECONDS="2",
        SMTP_HOST="127.0.0.1",
        SMTP_PORT=str(mailbox.port),
    )
    for name in ("gateway", "booking_service"):
        stack.start(name)
    eventually(stack.is_ready)
    ids = [stack.book() for _ in range(5)]
    eventually(lambda: depth(amqp_uri, "notification_service.email") == 5)
    with Connection(amqp_uri) as connection:
        assert connection.default_channel.queue_purge("notification_service.email") == 5
    for _ in range(2):
        stack.start("notification_service")
    assert_all_decided_and_notified(stack, ids, delivery_records)
    message_ids = Counter(email["Message-ID"] for email in mailbox.emails())
    assert message_ids == {f"<{booking_id}.2@clinica.example>": 1 for booking_id in ids}
    assert "lost events republished" in stack.logs("notification_service")


def test_a_decision_is_notified_if_its_worker_crashed_before_publishing(
    make_stack: MakeStack, amqp_uri: str, mongodb_uri: str, delivery_records: DeliveryRecords
) -> None:
    with MongoClient(f"{mongodb_uri}?tz_aware=true") as client:
        database: Database[dict[str, Any]] = client.get_default_database()
        booking_id = _decide_and_die(BookingRepository(database, Outbox(database)))
    stack = make_stack(amqp_uri, mongodb_uri)
    stack.start_all()
    eventually(lambda: delivery_records() == {f"{booking_id}:2:email": "sent"})


def _decide_and_die(store: BookingRepository) -> str:
    """Store a decision as a worker that is killed before publishing its event."""
    booking = put_booking(store)
    store.apply(steps.reject(booking, reason="closed", at=now(), by="test"))
    return booking.id


def test_killed_processes_lose_nothing_and_record_possible_duplicates(
    make_stack: MakeStack,
    amqp_uri: str,
    mongodb_uri: str,
    database: Database[Any],
    mailbox: Mailbox,
) -> None:
    stack = make_stack(
        amqp_uri,
        mongodb_uri,
        AVAILABILITY_DELAY_SECONDS="0-10",
        SMTP_HOST="127.0.0.1",
        SMTP_PORT=str(mailbox.port),
    )
    stack.start("gateway")
    eventually(stack.is_ready)
    ids: list[str] = []
    for _ in range(3):
        victims = [stack.start(name) for name in ("booking_service", "notification_service")]
        for queue in ("booking_requests", "notification_service.email"):
            eventually(lambda queue=queue: consumers(amqp_uri, queue))
        ids += book_at_once(stack, 20)
        emails_sent = len(mailbox.emails())
        # They are killed when some patients are notified and some bookings are still pending.
        eventually(lambda before=emails_sent: len(mailbox.emails()) > before)
        assert any(stack.get(booking_id)["status"] == "pending" for booking_id in ids)
        for victim in victims:
            victim.kill()
    stack.start_all()
    for booking_id in ids:
        assert stack.decided(booking_id)["version"] == 2
    # An e-mail in flight in a killed notifier is sent after its lease expires.
    eventually(lambda: len(mailbox.emails()) >= len(ids), 300)
    sent_records = {"state": "sent"}
    eventually(lambda: database["notifications"].count_documents(sent_records) == len(ids), 300)
    message_ids = Counter(email["Message-ID"] for email in mailbox.emails())
    # A crash between sending and recording causes a duplicate.
    possible_duplicates = {
        f"{row['bookingId']}.2": row.get("ambiguous", 0) for row in _rows(database)
    }
    assert set(message_ids) == {f"<{booking_id}.2@clinica.example>" for booking_id in ids}
    for booking_id in ids:
        sent = message_ids[f"<{booking_id}.2@clinica.example>"]
        assert sent <= 1 + possible_duplicates[f"{booking_id}.2"]


def _rows(database: Database[Any]) -> list[dict[str, Any]]:
    return list(database["notifications"].find())


@pytest.mark.parametrize("fault", ["cut", "freeze", "refuse"])
def test_sigterm_stops_a_service_whose_broker_fails(
    make_stack: MakeStack,
    amqp_uri: str,
    rabbit_node: RabbitNode,
    mongodb_uri: str,
    database: Database[Any],
    fault: str,
) -> None:
    with proxied(rabbit_node.port) as proxy:
        uri = f"amqp://guest:guest@127.0.0.1:{proxy.port}/"
        stack = make_stack(uri, mongodb_uri, AVAILABILITY_DELAY_SECONDS="2")
        gateway, worker = stack.start("gateway"), stack.start("booking_service")
        eventually(stack.is_ready)
        eventually(lambda: consumers(amqp_uri, "booking_requests"))
        book_at_once(stack, 5)
        eventually(lambda: all_in_hand(database, amqp_uri))
        getattr(proxy, fault)()
        stopped = [eventlet.spawn(service.stop, 60) for service in (worker, gateway)]
        assert [each.wait() for each in stopped] == [0, 0]


def test_sigterm_finishes_checks_in_flight_and_repeats_none(
    make_stack: MakeStack, amqp_uri: str, mongodb_uri: str, database: Database[Any]
) -> None:
    stack = make_stack(amqp_uri, mongodb_uri, AVAILABILITY_DELAY_SECONDS="4")
    stack.start("gateway")
    worker = stack.start("booking_service")
    eventually(stack.is_ready)
    eventually(lambda: "starting services" in stack.logs("booking_service"))
    ids = book_at_once(stack, 20)
    eventually(lambda: all_in_hand(database, amqp_uri))
    assert stack.get(ids[0])["status"] == "pending"
    assert worker.stop() == 0
    assert [stack.get(booking_id)["status"] for booking_id in ids] == ["rejected"] * 20
    # Nothing was requeued, so the next worker has nothing to repeat.
    assert depth(amqp_uri, "booking_requests") == 0
    assert stack.logs("booking_service").count("booking decided") == 20


def test_sigterm_stops_a_service_waiting_for_its_broker(
    make_stack: MakeStack, mongodb_uri: str
) -> None:
    stack = make_stack("amqp://guest:guest@127.0.0.1:9/", mongodb_uri)
    worker = stack.start("booking_service")
    eventually(lambda: "Error connecting to broker" in stack.logs("booking_service"))
    assert worker.stop(deadline_seconds=30) == 0


def test_a_check_that_always_fails_flags_the_booking_for_review(
    make_stack: MakeStack, amqp_uri: str, mongodb_uri: str
) -> None:
    stack = make_stack(amqp_uri, mongodb_uri, AVAILABILITY_FAILURE_RATE="1")
    stack.start_all()
    booking_id = stack.book()
    booking = eventually(lambda: (read := stack.get(booking_id))["attention"] and read)
    assert (booking["status"], booking["attention"]["code"]) == ("pending", "check_unavailable")
    eventually(lambda: depth(amqp_uri, "booking_dead_letter") == 1)


def test_a_second_sigterm_is_harmless(
    make_stack: MakeStack, amqp_uri: str, mongodb_uri: str, database: Database[Any]
) -> None:
    stack = make_stack(amqp_uri, mongodb_uri, AVAILABILITY_DELAY_SECONDS="3")
    stack.start("gateway")
    worker = stack.start("booking_service")
    eventually(stack.is_ready)
    eventually(lambda: "starting services" in stack.logs("booking_service"))
    booking_id = stack.book(**EXAMPLE)
    eventually(lambda: all_in_hand(database, amqp_uri))
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.stop() == 0
    assert stack.get(booking_id)["status"] == "rejected"
