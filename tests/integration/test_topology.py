from __future__ import annotations

from typing import Any

import pytest
from amqp.exceptions import NotFound
from kombu import Connection
from nameko.events import EventDispatcher
from nameko.standalone.events import get_event_exchange
from nameko.testing.services import dummy, entrypoint_hook

from clinic.contracts.messages import BookingStateChanged
from clinic.domain.booking import Status
from clinic.domain.clock import now
from clinic.messaging import topology
from clinic.messaging.publisher import Publisher
from clinic.outbox.outbox import OutboxMessage
from tests.amqp import depth, put, subscriber
from tests.conftest import eventually

WEBHOOK = "notification_service.webhook"
DOCUMENTED_QUEUES = [
    "booking_requests",
    "booking_retry",
    "booking_retry.20s",
    "booking_dead_letter",
    "notification_service.email",
    "notification_service.email.retry",
    "notification_service.email.retry.20s",
    "notification_service.email.dead_letter",
    "notification_service.webhook",
    "notification_service.webhook.retry",
    "notification_service.webhook.dead_letter",
]


@pytest.fixture
def declared(amqp_uri: str) -> str:
    with Connection(amqp_uri) as connection:
        topology.declare(connection.default_channel, [10, 20])
    return amqp_uri


def event() -> BookingStateChanged:
    return BookingStateChanged(
        booking_id="5b0e6f0e-6f4f-4f0b-9c0e-0d0f6a1f7a10",
        version=2,
        status=Status.CONFIRMED,
        previous_status=Status.PENDING,
        reason=None,
        date=now(),
        occurred_at=now(),
    )


@pytest.mark.parametrize("name", DOCUMENTED_QUEUES)
def test_the_documented_queues_exist(declared: str, name: str) -> None:
    with Connection(declared) as connection:
        assert connection.default_channel.queue_declare(name, passive=True).queue == name


def test_declaring_is_idempotent(declared: str) -> None:
    with Connection(declared) as connection:
        topology.declare(connection.default_channel, [10, 20, 40])


def test_other_delays_use_their_own_retry_queues(declared: str) -> None:
    with Connection(declared) as connection:
        topology.declare(connection.default_channel, [1, 2])
        assert connection.default_channel.queue_declare("booking_retry.1s", passive=True)


def test_every_queue_is_a_durable_quorum_queue_that_rejects_when_full() -> None:
    for work in topology.WORK_QUEUES:
        for queue in work.queues([20]):
            assert queue.durable
            assert queue.queue_arguments["x-queue-type"] == "quorum"
            assert queue.queue_arguments["x-overflow"] == "reject-publish"


def test_a_retry_queue_has_one_delay_and_leads_back() -> None:
    tiers = {queue.name: queue for queue in topology.BOOKING_REQUESTS.queues([20])}
    for name, milliseconds in (("booking_retry", 10_000), ("booking_retry.20s", 20_000)):
        arguments = tiers[name].queue_arguments
        assert arguments["x-message-ttl"] == milliseconds
        assert arguments["x-dead-letter-routing-key"] == "booking_requests"


def test_dead_letters_never_expire() -> None:
    for work in topology.WORK_QUEUES:
        dead_letter = work.queues([])[0]
        assert dead_letter.name == work.dead_letter
        assert "x-message-ttl" not in dead_letter.queue_arguments


def test_a_message_in_a_retry_queue_returns_to_its_work_queue(amqp_uri: str) -> None:
    with Connection(amqp_uri) as connection:
        topology.declare(connection.default_channel, [1])
    put(amqp_uri, "booking_retry.1s", b"{}")
    eventually(lambda: depth(amqp_uri, "booking_requests") == 1)


def test_the_event_exchange_is_the_one_nameko_declares() -> None:
    ours, theirs = topology.EVENTS, get_event_exchange("booking_service", {})
    for attribute in ("name", "type", "durable", "auto_delete", "arguments"):
        assert bool(getattr(ours, attribute)) == bool(getattr(theirs, attribute))
    assert (ours.name, ours.type) == (theirs.name, theirs.type)


def test_an_event_reaches_the_fanout_and_the_email_queue(declared: str) -> None:
    publisher = Publisher(declared, topology.declare)
    with subscriber(declared, "booking_notifications") as received:
        publisher.publish([OutboxMessage.of_change(event()).to_message()])
        assert len(eventually(received)) == 1
    publisher.close()
    assert depth(declared, "notification_service.email") == 1


def test_the_webhook_queue_gets_events_only_while_enabled(declared: str) -> None:
    publisher = Publisher(declared, topology.declare)
    publisher.publish([OutboxMessage.of_change(event()).to_message()])
    assert depth(declared, WEBHOOK) == 0
    with Connection(declared) as connection:
        topology.declare(connection.default_channel, [], [1])
    publisher.publish([OutboxMessage.of_change(event()).to_message()])
    assert depth(declared, WEBHOOK) == 1
    with Connection(declared) as connection:
        topology.unbind_webhook(connection.default_channel)
    publisher.publish([OutboxMessage.of_change(event()).to_message()])
    publisher.close()
    assert depth(declared, WEBHOOK) == 1
    assert depth(declared, "notification_service.email") == 3


def test_unbinding_the_webhook_is_idempotent(declared: str) -> None:
    with Connection(declared) as connection:
        for _ in range(2):
            topology.unbind_webhook(connection.default_channel)


def test_declaring_without_webhook_delays_keeps_the_binding(declared: str) -> None:
    with Connection(declared) as connection:
        topology.declare(connection.default_channel, [], [1])
        topology.declare(connection.default_channel, [])
    publisher = Publisher(declared, topology.declare)
    publisher.publish([OutboxMessage.of_change(event()).to_message()])
    publisher.close()
    assert depth(declared, WEBHOOK) == 1


def test_the_webhook_has_its_own_retry_delays(declared: str) -> None:
    with Connection(declared) as connection:
        topology.declare(connection.default_channel, [10], [3])
        assert connection.default_channel.queue_declare(f"{WEBHOOK}.retry.3s", passive=True)
        with pytest.raises(NotFound):
            connection.default_channel.queue_declare("booking_retry.3s", passive=True)


class Dispatcher:
    """A `booking_service` that dispatches its events with nameko."""

    name = "booking_service"

    dispatch = EventDispatcher()

    @dummy
    def announce(self) -> None:
        self.dispatch("booking_state_changed", event().to_body())


def test_our_event_equals_the_message_dispatched_by_nameko(
    declared: str, config: dict[str, Any], container_factory: Any
) -> None:
    container = container_factory(Dispatcher, config)
    container.start()
    publisher = Publisher(declared, topology.declare)
    with subscriber(declared, "booking_service.events", "booking_state_changed") as received:
        with entrypoint_hook(container, "announce") as announce:
            announce()
        (theirs,) = eventually(received)
        publisher.publish([OutboxMessage.of_change(event()).to_message()])
        (ours,) = eventually(received)
    publisher.close()
    container.stop()
    assert _properties(ours) == _properties(theirs)
    assert ours.delivery_info["exchange"] == theirs.delivery_info["exchange"]
    assert ours.delivery_info["routing_key"] == theirs.delivery_info["routing_key"]
    assert set(ours.headers) == set(theirs.headers)


def _properties(message: Any) -> dict[str, Any]:
    return {
        name: value for name, value in message.properties.items() if name != "application_headers"
    }


def test_the_fanout_is_bound_after_all_its_queues(
    amqp_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues = [topology.EMAIL.name, WEBHOOK]
    with Connection(amqp_uri, transport_options={"confirm_publish": True}) as connection:
        channel = connection.default_channel
        for queue in queues:
            channel.queue_delete(queue)
        channel.exchange_unbind(
            topology.NOTIFICATIONS.name, topology.EVENTS.name, topology.STATE_CHANGED
        )
        bind = channel.exchange_bind

        def bind_and_publish(*args: Any, **kwargs: Any) -> None:
            bind(*args, **kwargs)
            message = channel.prepare_message(b"{}")
            channel.basic_publish(message, topology.EVENTS.name, topology.STATE_CHANGED)

        monkeypatch.setattr(channel, "exchange_bind", bind_and_publish)
        topology.declare(channel, webhook_delays_seconds=())
        eventually(lambda: [depth(amqp_uri, queue) for queue in queues] == [1, 1], 10)
