"""AMQP_URI lists several nodes of a cluster, some of which are unusable."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import eventlet
import pytest
from nameko.standalone.rpc import ServiceRpcProxy

from clinic import config as clinic_config
from clinic.contracts.messages import BookingRequested
from clinic.dead_letters.dead_letter_queues import DeadLetterQueues
from clinic.errors import BrokerUnavailable
from clinic.messaging import topology
from clinic.messaging.amqp_message import AmqpMessage
from clinic.messaging.publisher import Publisher
from clinic.nameko_extensions.queue_consumer import GracefulQueueConsumer
from clinic.nameko_extensions.retrying_consumer import consume_with_retry
from clinic.nameko_extensions.rpc_entrypoint import rpc
from runner.backends import rabbitmq
from runner.backends.ports import free_port
from runner.backends.rabbitmq import RabbitNode
from tests.amqp import depth, put
from tests.conftest import CONFIG, eventually
from tests.proxy import Proxy, proxied

QUEUE = topology.BOOKING_REQUESTS.name


def uri_of(port: int) -> str:
    return f"amqp://guest:guest@127.0.0.1:{port}/"


@pytest.fixture
def proxy(rabbit_node: RabbitNode) -> Iterator[Proxy]:
    with proxied(rabbit_node.port) as proxy:
        yield proxy


@pytest.fixture
def first_is_down(amqp_uri: str) -> str:
    return f"{uri_of(free_port())};{amqp_uri}"


@pytest.fixture
def through_proxy_first(proxy: Proxy, amqp_uri: str) -> str:
    return f"{uri_of(proxy.port)};{amqp_uri}"


@pytest.fixture
def publish() -> Iterator[Callable[[str], None]]:
    """Publishes one request; each broker list has a publisher of its own."""
    publishers: dict[str, Publisher] = {}

    def publish(uri: str) -> None:
        if uri not in publishers:
            publishers[uri] = Publisher(uri, topology.declare, timeout_seconds=2)
        publishers[uri].publish_one(AmqpMessage("", QUEUE, b"{}"))

    yield publish
    for publisher in publishers.values():
        publisher.close()


class Worker:
    name = "booking_worker"

    seen: list[str]
    seconds = 0.0

    @consume_with_retry(
        topology.BOOKING_REQUESTS,
        decode=BookingRequested.from_body,
        policy=lambda settings: settings.booking_retry,
        on_dead_letter="give_up",
    )
    def handle_booking_requested(self, request: BookingRequested) -> None:
        self.seen.append(request.booking_id)
        eventlet.sleep(self.seconds)

    def give_up(self, request: BookingRequested, code: str) -> None:
        raise AssertionError

    @classmethod
    def send(cls, uri: str) -> str:
        booking_id = str(uuid.uuid4())
        body = {"bookingId": booking_id, "date": "2026-12-01T10:00:00Z", "version": 1}
        put(uri, QUEUE, json.dumps(body).encode(), content_type="application/json")
        return booking_id


class RpcService:
    name = "booking_service"

    @rpc
    def answer(self) -> str:
        return "done"


@pytest.fixture
def start(container_factory: Any, config: dict[str, Any]) -> Iterator[Callable[..., None]]:
    """Starts a nameko service that connects to these brokers."""
    Worker.seen, Worker.seconds = [], 0.0
    containers = []

    def start(service: type, uri: str, **settings: Any) -> None:
        container = container_factory(service, config | {"AMQP_URI": uri} | settings)
        containers.append(container)
        container.start()

    yield start
    for container in containers:
        container.stop()


def test_a_publisher_skips_a_node_that_is_down(
    publish: Callable[[str], None], first_is_down: str, amqp_uri: str
) -> None:
    publish(first_is_down)
    assert depth(amqp_uri, QUEUE) == 1


def test_a_publisher_abandons_a_node_that_hangs_after_login(
    publish: Callable[[str], None], proxy: Proxy, through_proxy_first: str, amqp_uri: str
) -> None:
    proxy.freeze_at(QUEUE.encode())
    with pytest.raises(BrokerUnavailable):
        publish(through_proxy_first)
    publish(through_proxy_first)
    assert depth(amqp_uri, QUEUE) == 1


def test_a_publisher_fails_over_when_its_node_stops_responding(
    publish: Callable[[str], None], proxy: Proxy, through_proxy_first: str, amqp_uri: str
) -> None:
    publish(through_proxy_first)
    proxy.freeze()
    publish(through_proxy_first)
    assert depth(amqp_uri, QUEUE) == 2


def test_a_consumer_skips_a_node_that_is_down(
    start: Callable[..., None], first_is_down: str, amqp_uri: str
) -> None:
    start(Worker, first_is_down)
    booking_id = Worker.send(amqp_uri)
    eventually(lambda: Worker.seen == [booking_id])


def test_a_consumer_abandons_a_node_that_hangs_after_login(
    start: Callable[..., None], proxy: Proxy, through_proxy_first: str, amqp_uri: str
) -> None:
    proxy.freeze_at(QUEUE.encode())
    start(Worker, through_proxy_first)
    booking_id = Worker.send(amqp_uri)
    eventually(lambda: Worker.seen == [booking_id])


def test_a_consumer_fails_over_when_its_node_stops_responding(
    start: Callable[..., None], proxy: Proxy, through_proxy_first: str, amqp_uri: str
) -> None:
    start(Worker, through_proxy_first, HEARTBEAT=2)
    first = Worker.send(amqp_uri)
    eventually(lambda: Worker.seen == [first])
    eventually(lambda: depth(amqp_uri, QUEUE) == 0)
    proxy.freeze()
    second = Worker.send(amqp_uri)
    eventually(lambda: Worker.seen[-1] == second)


def test_a_steady_flow_of_slow_messages_does_not_starve_heartbeats(
    start: Callable[..., None], proxy: Proxy, amqp_uri: str
) -> None:
    """Without heartbeats the broker closes the connection and redelivers everything in flight."""
    Worker.seconds = 9
    start(Worker, uri_of(proxy.port), HEARTBEAT=2)
    sent = []
    before = time.monotonic()
    # Frequent enough to leave no idle second, and longer than the heartbeat timeout.
    while time.monotonic() - before < 7:
        sent.append(Worker.send(amqp_uri))
        eventlet.sleep(0.4)
    eventually(lambda: len(Worker.seen) >= len(sent))
    assert Worker.seen == sent


def test_service_heartbeats_detect_an_unresponsive_node_within_half_a_minute() -> None:
    assert clinic_config.load(str(CONFIG))["HEARTBEAT"] * 2 < 30


def test_rpc_works_when_the_first_node_is_down(
    start: Callable[..., None], first_is_down: str
) -> None:
    start(RpcService, first_is_down)
    with ServiceRpcProxy("booking_service", {"AMQP_URI": first_is_down}, timeout=30) as service:
        assert service.answer() == "done"


def test_dead_letters_are_readable_when_the_first_node_hangs(
    proxy: Proxy, through_proxy_first: str, amqp_uri: str
) -> None:
    put(amqp_uri, topology.BOOKING_REQUESTS.dead_letter, b"{}")
    proxy.freeze()
    uris = {"AMQP_URI": through_proxy_first, "MONGODB_CONNECTION_URL": "mongodb://unused"}
    with DeadLetterQueues.opened(clinic_config.settings(uris)) as dead_letters:
        assert len(dead_letters.fetch_all()) == 1


def test_make_run_accepts_a_cluster_uri_with_one_reachable_node(first_is_down: str) -> None:
    rabbitmq.connect(first_is_down, 5)


def test_no_password_of_a_cluster_uri_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    consumer = GracefulQueueConsumer()
    consumer.container = SimpleNamespace(
        config={"AMQP_URI": "amqp://u:secret1@a/;amqp://u:secret2@b/"}
    )
    with caplog.at_level(logging.DEBUG):
        consumer.on_connection_error(ConnectionRefusedError("refused"), 2)
    assert "refused" in caplog.text
    assert "secret" not in caplog.text
