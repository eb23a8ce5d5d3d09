"""No message ends a process or goes round for ever, whatever its properties, headers and body."""

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
    """A message of ours about a booking that there is not."""
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
def them(amqp_uri: str) -> Iterator[Attacker]:
    with attacker(amqp_uri) as them:
        yield them


def all_live(services: Any) -> bool:
    return not any(container._died.ready() for container in services.containers)


def answer(config: dict[str, Any]) -> Any:
    with ServiceRpcProxy("booking_service", config, timeout=30) as proxy:
        return proxy.list_bookings()


def send(them: Attacker, hostile: list[Hostile], queue: bytes, body: bytes, **good: bytes) -> int:
    """Publish all of them; return how many the broker has taken."""
    return sum(
        them.publish(
            each.of(GOOD | good), body if each.body is None else each.body, queue, exchange=b""
        )
        for each in hostile
    )


@pytest.mark.parametrize("work", WORK_QUEUES, ids=lambda work: work.name)
def test_no_message_in_a_work_queue_ends_its_service(
    services: Any, them: Attacker, config: dict[str, Any], amqp_uri: str, work: WorkQueue
) -> None:
    taken = send(them, messages(), work.name.encode(), body_for(work))
    assert taken > 250
    eventually(lambda: depth(amqp_uri, work.name) == 0, 120)
    assert all_live(services)
    assert answer(config) == []
    with DeadLetterQueues.opened(settings({"AMQP_URI": amqp_uri})) as letters:
        causes = {letter.error_code for letter in letters.fetch_all()}
    assert {"poison_message", "rejected"} <= causes
    assert_broker_dead_letters(them, amqp_uri, work)


def assert_broker_dead_letters(them: Attacker, amqp_uri: str, work: WorkQueue) -> None:
    """RabbitMQ's worker that moves rejected and expired messages may be ended by their headers."""
    rejected = Hostile("compressed", {"headers": header(b"compression", b"S", text(b"gzip"))})
    for queue in (work.name, work.retry_name(1)):
        assert them.publish(rejected.of(GOOD), b"sent last", queue.encode())

    def arrived() -> int:
        with DeadLetterQueues.opened(settings({"AMQP_URI": amqp_uri})) as letters:
            return sum(letter.excerpt == "sent last" for letter in letters.fetch_all())

    eventually(lambda: arrived() == 2)


RPC_QUEUES = {
    "rpc-booking_service": b"booking_service.list_free_slots",
    "rpc-notification_admin": b"notification_admin.list_notifications",
}


class Replies:
    """A queue on which an attacker waits for what the services answer."""

    def __init__(self, connection: Connection) -> None:
        self._channel = connection.default_channel
        self.queue: str = self._channel.queue_declare(exclusive=True).queue
        self._channel.queue_bind(self.queue, "nameko-rpc", self.queue)

    def received(self) -> dict[str, dict[str, Any]]:
        """What has come since the last call, by correlation id."""
        replies = {}
        while (message := self._channel.basic_get(self.queue, no_ack=True)) is not None:
            replies[message.properties.get("correlation_id", "")] = json.loads(message.body)
        return replies


@pytest.fixture
def replies(services: Any, amqp_uri: str) -> Iterator[Replies]:
    with Connection(amqp_uri) as connection:
        yield Replies(connection)


@pytest.mark.parametrize("queue", RPC_QUEUES)
def test_no_rpc_request_ends_its_service(
    services: Any,
    replies: Replies,
    them: Attacker,
    config: dict[str, Any],
    amqp_uri: str,
    queue: str,
) -> None:
    hostile = [*messages(), *odd_methods()]
    taken = {
        str(number): each
        for number, each in enumerate(hostile)
        if ask(them, each, RPC_QUEUES[queue], reply_to=replies.queue, correlation_id=str(number))
    }
    assert len(taken) > 250
    eventually(lambda: depth(amqp_uri, queue) == 0, 120)
    assert answer(config) == []
    assert all_live(services)
    told: dict[str, Any] = {}
    expected = {number for number, each in taken.items() if is_answerable(each)}
    eventually(lambda: told.update(replies.received()) or told.keys() >= expected)
    assert all(reply["error"] for reply in told.values())


def ask(them: Attacker, hostile: Hostile, method: bytes, **good: str) -> bool:
    properties = hostile.of(GOOD | {name: value.encode() for name, value in good.items()})
    body = REQUEST if hostile.body is None else hostile.body
    return them.publish(properties, body, hostile.routing_key or method, exchange=b"nameko-rpc")


def is_answerable(hostile: Hostile) -> bool:
    """Whether it says where the answer goes, in properties that are text."""
    changed = {*hostile.properties, *hostile.without}
    is_text = all(
        isinstance(value, int) or name == "headers" or value != b"\xff\xfe"
        for name, value in hostile.properties.items()
    )
    return is_text and changed.isdisjoint({"reply_to", "correlation_id"})


def odd_methods() -> Iterator[Hostile]:
    for name in (b"", b"\xff\xfe", b"\xed\xa0\x80", b"__init__", b"_seats", b"name", b"x" * 200):
        for service in (b"booking_service.", b"notification_admin."):
            yield Hostile(f"{service + name!r}", routing_key=service + name)


def test_a_request_that_was_delivered_before_is_refused(
    config: dict[str, Any], runner_factory: Any, amqp_uri: str
) -> None:
    """What ended its process must not end the next one, and so on."""
    with Connection(amqp_uri) as connection, ServiceRpcProxy("booking_service", config) as proxy:
        channel = connection.default_channel
        Queue("rpc-booking_service", RPC_EXCHANGE, "booking_service.*")(channel).declare()
        asked = proxy.list_free_slots.call_async("2026-12-01")
        eventually(lambda: channel.basic_get("rpc-booking_service"))
        connection.collect()  # as a process does that is killed
        runner = runner_factory(config, BookingService)
        runner.start()
        with pytest.raises(RemoteError, match="ServiceUnavailable"):
            asked.result()
        assert proxy.list_free_slots("2020-12-01") == []
        runner.stop()
    assert depth(amqp_uri, "rpc-booking_service") == 0


# --- replies


Reply = Callable[[Message], None]


@pytest.fixture
def answer_with(amqp_uri: str) -> Iterator[Callable[[Reply], None]]:
    """Stand in for the booking service, and answer each request in a way of one's own."""
    threads = []

    def run(reply: Reply) -> None:
        with Connection(amqp_uri) as connection:
            queue = Queue("rpc-booking_service", RPC_EXCHANGE, "booking_service.*")
            consumer = Consumer(connection, [queue], on_message=reply, no_ack=True)
            with consumer:
                while True:
                    connection.drain_events()

    def answer_with(reply: Reply) -> None:
        threads.append(eventlet.spawn(run, reply))
        eventually(lambda: consumers(amqp_uri, "rpc-booking_service"))

    yield answer_with
    for thread in threads:
        thread.kill()


@pytest.fixture
def pool(amqp_uri: str) -> Iterator[RpcPool]:
    pool = RpcPool(amqp_uri)
    yield pool
    pool.close()


def test_what_strangers_send_to_a_reply_queue_is_ignored(
    answer_with: Callable[[Reply], None], pool: RpcPool, them: Attacker
) -> None:
    def reply(request: Message) -> None:
        key = request.properties["reply_to"].encode()
        for each in messages():
            them.publish(each.of(GOOD), each.body or b"{}", key, exchange=b"nameko-rpc")
        good = GOOD | {"correlation_id": request.properties["correlation_id"].encode()}
        them.publish(good, b'{"result": "mine", "error": null}', key, exchange=b"nameko-rpc")

    answer_with(reply)
    assert pool.call("list_bookings", until=time.monotonic() + 60) == "mine"


BAD_REPLIES = [
    *(b"", b"{", b"[]", b"null", b'"text"', b"{}", b'{"result": 1}', b"\xff", b"[" * 10_000),
    *(b'{"result": 1, "error": 1}', b'{"result": 1, "error": "x"}', b'{"result": 1, "error": [1]}'),
    *(b'{"result": 1, "error": {"exc_path": []}}', b'{"result": 1, "error": {"exc_path": "x"}}'),
    b'{"result": 1, "error": {"exc_path": "clinic.errors.BookingNotFound", "exc_args": 1}}',
    b"x" * 2_000_000,
]


@pytest.mark.parametrize("body", BAD_REPLIES, ids=lambda body: repr(body[:60]))
def test_a_reply_that_is_none_means_that_the_service_is_unavailable(
    answer_with: Callable[[Reply], None], pool: RpcPool, them: Attacker, body: bytes
) -> None:
    def reply(request: Message) -> None:
        good = GOOD | {"correlation_id": request.properties["correlation_id"].encode()}
        key = request.properties["reply_to"].encode()
        them.publish(good, body, key, exchange=b"nameko-rpc")

    answer_with(reply)
    with pytest.raises(ServiceUnavailable, match="an unreadable reply"):
        pool.call("list_bookings", until=time.monotonic() + 30)


# --- dead letters


def test_dead_letters_of_every_kind_can_be_looked_at_and_replayed(
    them: Attacker, amqp_uri: str
) -> None:
    taken = send(them, messages(), BOOKING_REQUESTS.dead_letter.encode(), b"{}")
    with DeadLetterQueues.opened(settings({"AMQP_URI": amqp_uri})) as letters:
        found = letters.fetch_all()
        assert len(found) == taken
        for letter in found:
            told = [*letter.to_dict().values(), letter.excerpt, letter.headers_text]
            assert all(isinstance(each, str) and each.isprintable() for each in told)
        whole = [letter for letter in found if letter.can_be_replayed]
        for letter in whole:
            letters.replay(letter)
        for letter in found:
            if letter not in whole:
                letters.drop(letter)
    assert taken - 5 < len(whole) < taken
    assert depth(amqp_uri, BOOKING_REQUESTS.name) == len(whole)
    assert depth(amqp_uri, BOOKING_REQUESTS.dead_letter) == 0


# --- logs


def test_what_a_hostile_request_holds_is_in_no_log_line(
    services: Any, replies: Replies, them: Attacker, caplog: pytest.LogCaptureFixture
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
        assert ask(them, hostile, b"booking_service.list_free_slots", **reply_to)
        eventually(lambda: replies.received().get("1"))
        lines = [record for record in caplog.records if "RPC request" in record.getMessage()]
        assert len(lines) == 1
        assert "example" not in caplog.text
