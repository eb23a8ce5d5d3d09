"""No message ends a process or goes round for ever, whatever its properties, headers and body."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Connection
from nameko.standalone.rpc import ServiceRpcProxy

from booking_service.service import BookingService, BookingWorker
from clinic.dead_letters import DeadLetters
from clinic.topology import BOOKING_REQUESTS, WORK_QUEUES, WorkQueue
from notification_service.service import NotificationDesk, NotificationService, WebhookService
from tests.amqp import depth
from tests.conftest import eventually
from tests.hostile import Attacker, Hostile, attacker, messages

GOOD = {"content_type": b"application/json", "content_encoding": b"utf-8", "headers": b""}
REQUEST = b'{"args":[],"kwargs":{}}'
RPC = {b"rpc-booking_service": b"booking_service.list_bookings"} | {
    b"rpc-notification_desk": b"notification_desk.list_notifications"
}


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
    classes = (BookingService, BookingWorker, NotificationService, WebhookService, NotificationDesk)
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
    with DeadLetters.opened(amqp_uri) as letters:
        causes = {letter.cause for letter in letters.waiting()}
    assert {"poison_message", "rejected"} <= causes


RPC_QUEUES = {
    "rpc-booking_service": b"booking_service.list_free_slots",
    "rpc-notification_desk": b"notification_desk.list_notifications",
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
        for service in (b"booking_service.", b"notification_desk."):
            yield Hostile(f"{service + name!r}", routing_key=service + name)
