from __future__ import annotations

import time
from collections.abc import Iterator

import eventlet
import pytest
from kombu import Connection

from clinic.errors import BrokerUnavailable
from clinic.messaging import topology
from clinic.messaging.amqp_message import AmqpMessage
from clinic.messaging.publisher import Publisher
from tests.amqp import body_of, depth, take
from tests.conftest import eventually
from tests.proxy import Proxy

QUEUE = topology.BOOKING_REQUESTS.name


@pytest.fixture
def publisher(broker_link: Proxy) -> Iterator[Publisher]:
    uri = f"amqp://guest:guest@127.0.0.1:{broker_link.port}/"
    publisher = Publisher(uri, topology.declare, timeout_seconds=2)
    yield publisher
    publisher.close()


def test_a_batch_is_queued_when_publish_returns(publisher: Publisher, amqp_uri: str) -> None:
    publisher.publish([AmqpMessage("", QUEUE, b"%d" % number) for number in range(100)])
    assert depth(amqp_uri, QUEUE) == 100


def test_a_message_is_persistent_json(publisher: Publisher, amqp_uri: str) -> None:
    publisher.publish([AmqpMessage("", QUEUE, b'{"a":1}', {"x-attempt": 2})])
    message = take(amqp_uri, QUEUE)
    assert message is not None
    assert body_of(message) == {"a": 1}
    assert message.headers["x-attempt"] == 2
    assert message.properties["delivery_mode"] == 2
    assert (message.content_type, message.content_encoding) == ("application/json", "utf-8")


def test_publish_returns_unroutable_messages(publisher: Publisher, amqp_uri: str) -> None:
    lost = AmqpMessage("", "no-such-queue", b"{}")
    good = [AmqpMessage("", QUEUE, b"1"), AmqpMessage("", QUEUE, b"2")]
    assert publisher.publish([good[0], lost, good[1]]) == [lost]
    assert depth(amqp_uri, QUEUE) == 2


def test_publishing_one_unroutable_message_raises(publisher: Publisher) -> None:
    with pytest.raises(BrokerUnavailable):
        publisher.publish_one(AmqpMessage("", "no-such-queue", b"{}"))


def test_publish_returns_messages_nacked_by_a_full_queue(
    publisher: Publisher, amqp_uri: str
) -> None:
    publisher.keep_alive()
    with Connection(amqp_uri) as connection:
        arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
        connection.default_channel.queue_declare("full", exclusive=True, arguments=arguments)
        messages = [AmqpMessage("", each, b"{}") for each in ("full", QUEUE) for _ in range(20)]
        returned = publisher.publish(messages)
        arrived = connection.default_channel.queue_declare("full", passive=True).message_count
    assert {message.routing_key for message in returned} == {"full"}
    assert len(returned) + arrived == 20
    assert depth(amqp_uri, QUEUE) == 20
    assert publisher.is_connected


def test_a_deleted_queue_is_declared_again(publisher: Publisher, amqp_uri: str) -> None:
    publisher.publish([AmqpMessage("", QUEUE, b"{}")])
    with Connection(amqp_uri) as connection:
        connection.default_channel.queue_delete(QUEUE)
    publisher.publish([AmqpMessage("", QUEUE, b"{}")])
    assert depth(amqp_uri, QUEUE) == 1


def test_a_connection_lost_unnoticed_is_replaced(
    publisher: Publisher, broker_link: Proxy, amqp_uri: str
) -> None:
    publisher.publish([AmqpMessage("", QUEUE, b"1")])
    broker_link.cut()
    publisher.publish([AmqpMessage("", QUEUE, b"2")])
    assert depth(amqp_uri, QUEUE) == 2


def test_an_unavailable_broker_raises_and_publishing_recovers(
    publisher: Publisher, broker_link: Proxy, amqp_uri: str
) -> None:
    broker_link.refuse()
    with pytest.raises(BrokerUnavailable):
        publisher.publish([AmqpMessage("", QUEUE, b"{}")])
    broker_link.restore()
    publisher.publish([AmqpMessage("", QUEUE, b"{}")])
    assert depth(amqp_uri, QUEUE) == 1


def test_a_frozen_broker_does_not_hang_the_publisher(
    publisher: Publisher, broker_link: Proxy
) -> None:
    publisher.publish([AmqpMessage("", QUEUE, b"{}")])
    broker_link.freeze()
    before = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        publisher.publish([AmqpMessage("", QUEUE, b"{}")])
    # Two bounded attempts; without the bound it would hang until the test times out.
    assert time.monotonic() - before < 30
    broker_link.restore()


def test_a_broker_frozen_during_connect_does_not_hang_the_publisher(
    publisher: Publisher, broker_link: Proxy
) -> None:
    broker_link.freeze_at(b"booking_service.events")
    before = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        publisher.publish([AmqpMessage("", QUEUE, b"{}")])
    assert time.monotonic() - before < 30
    broker_link.restore()


def test_calls_waiting_behind_a_failed_publish_fail_with_it(
    publisher: Publisher, broker_link: Proxy
) -> None:
    publisher.keep_alive()
    broker_link.freeze()
    before = time.monotonic()

    def publish() -> str:
        with pytest.raises(BrokerUnavailable) as failure:
            publisher.publish([AmqpMessage("", QUEUE, b"{}")])
        return str(failure.value)

    calls = [eventlet.spawn(publish) for _ in range(20)]
    reasons = [waiter.wait() for waiter in calls]
    assert sum("failed while this call was waiting" in reason for reason in reasons) == 19
    # In sequence, the timeouts of all twenty calls would add up.
    assert time.monotonic() - before < 30
    broker_link.restore()


def test_keep_alive_detects_a_lost_broker(publisher: Publisher, broker_link: Proxy) -> None:
    publisher.keep_alive()
    assert publisher.is_connected
    broker_link.refuse()

    def has_noticed() -> bool:
        try:
            publisher.keep_alive()
        except BrokerUnavailable:
            return not publisher.is_connected
        return False

    eventually(has_noticed)
