"""No message crashes a process or is retried forever, whatever its properties and body."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import eventlet
import pytest
from kombu import Connection, Consumer, Exchange, Queue
from kombu.message import Message
from nameko.exceptions import RemoteError
from nameko.standalone.rpc import ServiceRpcProxy

from booking_service.service import BookingService, BookingWorker
from clinic.config import settings
from clinic.dead_letters.dead_letter_queues import DeadLetterQueues
from clinic.errors import ServiceUnavailable
from clinic.messaging.topology import BOOKING_REQUESTS, WORK_QUEUES, WorkQueue
from clinic.rpc.rpc_client import RpcPool
from notification_service.service import (
    NotificationAdminService,
    NotificationService,
    WebhookService,
)
from tests.amqp import consumers, depth
from tests.conftest import eventually
from tests.hostile import Attacker, Hostile, attacker, header, messages, text

GOOD = {"content_type": b"application/json", "content_encoding": b"utf-8", "headers": b""}
RPC_EXCHANGE = Exchange("nameko-rpc", "topic", durable=True)
REQUEST = b'{"args":[],"kwargs":{}}'


def body_for(work: WorkQueue) -> bytes:
    """A well-formed message about a booking that does not exist."""
    id_ = str(uuid.uuid4())
    body: dict[str, Any] = {"bookingId": id_, "date": "2026-12-01T10:00:00Z", "version": 2}
    if work is not BOOKING_REQUESTS:
        body |= {"eventId": f"{id_}:2", "status": "confirmed", "previousStatus": "pending"}
        body |= {"reason": None, "occurredAt": "2026-11-01T10:00:00Z"}
    return json.dumps(body).encode()


@pytest.fixture
def services(config: dict[str, Any], runner_factory: Any) -> Iterator[Any]:
    config["WEBHOOK"] = {"url": "http://127.0.0.1:1/", "secret": "0123456789abcdef"}
    classes = (
        BookingService,
        BookingWorker,
        NotificationService,
        WebhookService,
        NotificationAdminService,
    )
    runner = runner_factory(config, *classes)
    runner.start()
    yield runner
    runner.stop()


@pytest.fixture
def hostile_client(amqp_uri: str) -> Iterator[Attacker]:
    with attacker(amqp_uri) as hostile_client:
        yield hostile_client


def all_running(services: Any) -> bool:
    return not any(container._died.ready() for container in services.containers)


def list_bookings(config: dict[str, Any]) -> Any:
    with ServiceRpcProxy("booking_service", config, timeout=30) as proxy:
        return proxy.list_bookings()


def send(
    hostile_client: Attacker, hostile: list[Hostile], queue: bytes, body: bytes, **good: bytes
) -> int:
    """Publish all of them and return how many the broker has accepted."""
    return sum(
        hostile_client.publish(
            each.of(GOOD | good), body if each.body is None else each.body, queue, exchange=b""
        )
        for each in hostile
    )


@pytest.mark.parametrize("work", WORK_QUEUES, ids=lambda work: work.name)
def test_no_message_in_a_work_queue_crashes_its_service(
    services: Any, hostile_client: Attacker, config: dict[str, Any], amqp_uri: str, work: WorkQueue
) -> None:
    accepted = send(hostile_client, messages(), work.name.encode(), body_for(work))
    assert accepted > 250
    eventually(lambda: depth(amqp_uri, work.name) == 0, 120)
    assert all_running(services)
    assert list_bookings(config) == []
    with DeadLetterQueues.opened(settings({"AMQP_URI": amqp_uri})) as dead_letters:
        error_codes = {dead_letter.error_code for dead_letter in dead_letters.fetch_all()}
    assert {"poison_message", "rejected"} <= error_codes
    assert_broker_dead_letters(hostile_client, amqp_uri, work)


def assert_broker_dead_letters(hostile_client: Attacker, amqp_uri: str, work: WorkQueue) -> None:
    """Check RabbitMQ's own dead-lettering, whose process hostile headers may have crashed."""
    rejected = Hostile("compressed", {"headers": header(b"compression", b"S", text(b"gzip"))})
    for queue in (work.name, work.retry_name(1)):
        assert hostile_client.publish(rejected.of(GOOD), b"sent last", queue.encode())

    def arrived() -> int:
        with DeadLetterQueues.opened(settings({"AMQP_URI": amqp_uri})) as dead_letters:
            return sum(
                dead_letter.excerpt == "sent last" for dead_letter in dead_letters.fetch_all()
            )

    eventually(lambda: arrived() == 2)


RPC_QUEUES = {
    "rpc-booking_service": b"booking_service.list_free_slots",
    "rpc-notification_admin": b"notification_admin.list_notifications",
}


class Replies:
    """A queue on which an attacker receives the replies of the services."""

    def __init__(self, connection: Connection) -> None:
        self._channel = connection.default_channel
        self.queue: str = self._channel.queue_declare(exclusive=True).queue
        self._channel.queue_bind(self.queue, "nameko-rpc", self.queue)

    def received(self) -> dict[str, dict[str, Any]]:
        """The replies received since the last call, by correlation id."""
        replies = {}
        while (message := self._channel.basic_get(self.queue, no_ack=True)) is not None:
            replies[message.properties.get("correlation_id", "")] = json.loads(message.body)
        return replies


@pytest.fixture
def replies(services: Any, amqp_uri: str) -> Iterator[Replies]:
    with Connection(amqp_uri) as connection:
        yield Replies(connection)


@pytest.mark.parametrize("queue", RPC_QUEUES)
def test_no_rpc_request_crashes_its_service(
    services: Any,
    replies: Replies,
    hostile_client: Attacker,
    config: dict[str, Any],
    amqp_uri: str,
    queue: str,
) -> None:
    hostile = [*messages(), *invalid_methods()]
    accepted = {
        str(number): each
        for number, each in enumerate(hostile)
        if send_request(
            hostile_client,
            each,
            RPC_QUEUES[queue],
            reply_to=replies.queue,
            correlation_id=str(number),
        )
    }
    assert len(accepted) > 250
    eventually(lambda: depth(amqp_uri, queue) == 0, 120)
    assert list_bookings(config) == []
    assert all_running(services)
    received: dict[str, Any] = {}
    expected = {number for number, each in accepted.items() if is_answerable(each)}
    eventually(lambda: received.update(replies.received()) or received.keys() >= expected)
    assert all(reply["error"] for reply in received.values())


def send_request(hostile_client: Attacker, hostile: Hostile, method: bytes, **good: str) -> bool:
    properties = hostile.of(GOOD | {name: value.encode() for name, value in good.items()})
    body = REQUEST if hostile.body is None else hostile.body
    return hostile_client.publish(
        properties, body, hostile.routing_key or method, exchange=b"nameko-rpc"
    )


def is_answerable(hostile: Hostile) -> bool:
    """Whether its reply properties are present and its properties are valid text."""
    changed = {*hostile.properties, *hostile.without}
    is_text = all(
        isinstance(value, int) or name == "headers" or value != b"\xff\xfe"
        for name, value in hostile.properties.items()
    )
    return is_text and changed.isdisjoint({"reply_to", "correlation_id"})


def invalid_methods() -> Iterator[Hostile]:
    for name in (b"", b"\xff\xfe", b"\xed\xa0\x80", b"__init__", b"_seats", b"name", b"x" * 200):
        for service in (b"booking_service.", b"notification_admin."):
            yield Hostile(f"{service + name!r}", routing_key=service + name)


def test_a_redelivered_rpc_request_is_rejected(
    config: dict[str, Any], runner_factory: Any, amqp_uri: str
) -> None:
    """A request that crashed one process must not crash the next."""
    with Connection(amqp_uri) as connection, ServiceRpcProxy("booking_service", config) as proxy:
        channel = connection.default_channel
        Queue("rpc-booking_service", RPC_EXCHANGE, "booking_service.*")(channel).declare()
        call = proxy.list_free_slots.call_async("2026-12-01")
        eventually(lambda: channel.basic_get("rpc-booking_service"))
        connection.collect()  # like a process that is killed
        runner = runner_factory(config, BookingService)
        runner.start()
        with pytest.raises(RemoteError, match="ServiceUnavailable"):
            call.result()
        assert proxy.list_free_slots("2020-12-01") == []
        runner.stop()
    assert depth(amqp_uri, "rpc-booking_service") == 0


# --- replies


Reply = Callable[[Message], None]


@pytest.fixture
def reply_with(amqp_uri: str) -> Iterator[Callable[[Reply], None]]:
    """Stands in for the booking service and replies as the test specifies."""
    threads = []

    def run(reply: Reply) -> None:
        with Connection(amqp_uri) as connection:
            queue = Queue("rpc-booking_service", RPC_EXCHANGE, "booking_service.*")
            consumer = Consumer(connection, [queue], on_message=reply, no_ack=True)
            with consumer:
                while True:
                    connection.drain_events()

    def reply_with(reply: Reply) -> None:
        threads.append(eventlet.spawn(run, reply))
        eventually(lambda: consumers(amqp_uri, "rpc-booking_service"))

    yield reply_with
    for thread in threads:
        thread.kill()


@pytest.fixture
def pool(amqp_uri: str) -> Iterator[RpcPool]:
    pool = RpcPool(amqp_uri)
    yield pool
    pool.close()


def test_foreign_messages_in_a_reply_queue_are_ignored(
    reply_with: Callable[[Reply], None], pool: RpcPool, hostile_client: Attacker
) -> None:
    def reply(request: Message) -> None:
        key = request.properties["reply_to"].encode()
        for each in messages():
            hostile_client.publish(each.of(GOOD), each.body or b"{}", key, exchange=b"nameko-rpc")
        good = GOOD | {"correlation_id": request.properties["correlation_id"].encode()}
        hostile_client.publish(
            good, b'{"result": "mine", "error": null}', key, exchange=b"nameko-rpc"
        )

    reply_with(reply)
    assert pool.call("list_bookings", until=time.monotonic() + 60) == "mine"


BAD_REPLIES = [
    *(b"", b"{", b"[]", b"null", b'"text"', b"{}", b'{"result": 1}', b"\xff", b"[" * 10_000),
    *(b'{"result": 1, "error": 1}', b'{"result": 1, "error": "x"}', b'{"result": 1, "error": [1]}'),
    *(b'{"result": 1, "error": {"exc_path": []}}', b'{"result": 1, "error": {"exc_path": "x"}}'),
    b'{"result": 1, "error": {"exc_path": "clinic.errors.BookingNotFound", "exc_args": 1}}',
    b"x" * 2_000_000,
]


@pytest.mark.parametrize("body", BAD_REPLIES, ids=lambda body: repr(body[:60]))
def test_a_malformed_rpc_reply_raises_service_unavailable(
    reply_with: Callable[[Reply], None], pool: RpcPool, hostile_client: Attacker, body: bytes
) -> None:
    def reply(request: Message) -> None:
        good = GOOD | {"correlation_id": request.properties["correlation_id"].encode()}
        key = request.properties["reply_to"].encode()
        hostile_client.publish(good, body, key, exchange=b"nameko-rpc")

    reply_with(reply)
    with pytest.raises(ServiceUnavailable, match="an unreadable reply"):
        pool.call("list_bookings", until=time.monotonic() + 30)


# --- dead letters


def test_dead_letters_of_every_kind_can_be_read_and_replayed(
    hostile_client: Attacker, amqp_uri: str
) -> None:
    accepted = send(hostile_client, messages(), BOOKING_REQUESTS.dead_letter.encode(), b"{}")
    with DeadLetterQueues.opened(settings({"AMQP_URI": amqp_uri})) as dead_letters:
        found = dead_letters.fetch_all()
        assert len(found) == accepted
        for dead_letter in found:
            shown = [*dead_letter.to_dict().values(), dead_letter.excerpt, dead_letter.headers_text]
            assert all(isinstance(each, str) and each.isprintable() for each in shown)
        replayable = [dead_letter for dead_letter in found if dead_letter.can_be_replayed]
        for dead_letter in replayable:
            dead_letters.replay(dead_letter)
        for dead_letter in found:
            if dead_letter not in replayable:
                dead_letters.drop(dead_letter)
    assert accepted - 5 < len(replayable) < accepted
    assert depth(amqp_uri, BOOKING_REQUESTS.name) == len(replayable)
    assert depth(amqp_uri, BOOKING_REQUESTS.dead_letter) == 0


# --- logs


def test_the_content_of_a_hostile_request_is_not_logged(
    services: Any, replies: Replies, hostile_client: Attacker, caplog: pytest.LogCaptureFixture
) -> None:
    secret = b"Ana <ana@example.com>"
    reply_to = {"reply_to": replies.queue, "correlation_id": "1"}
    for hostile in (
        Hostile("body", body=b'{"args":["' + secret + b'"]}'),
        Hostile("argument", body=b'{"args":[],"kwargs":{"' + secret + b'":1}}'),
        Hostile("type", {"content_type": secret}),
        Hostile("header", {"headers": header(secret, b"S", text(secret))}),
        Hostile("method", routing_key=b"booking_service." + secret.replace(b".", b"_")),
    ):
        caplog.clear()
        assert send_request(hostile_client, hostile, b"booking_service.list_free_slots", **reply_to)
        eventually(lambda: replies.received().get("1"))
        lines = [record for record in caplog.records if "RPC request" in record.getMessage()]
        assert len(lines) == 1
        assert "example" not in caplog.text
