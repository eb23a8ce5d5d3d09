"""A gateway that cannot publish rejects bookings above its limit and loses no accepted ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import eventlet
import pytest
import requests

from runner.backends.rabbitmq import RabbitNode
from tests.amqp import body_of, depth, take
from tests.conftest import eventually
from tests.e2e.stack import Stack
from tests.proxy import Proxy, proxied

LIMIT = 50


@pytest.fixture
def broker_link(rabbit_node: RabbitNode) -> Iterator[Proxy]:
    with proxied(rabbit_node.port) as proxy:
        yield proxy


@pytest.fixture
def stack(
    make_stack: Callable[..., Stack], amqp_uri: str, mongodb_uri: str, broker_link: Proxy
) -> Stack:
    """A gateway without services, connected to the broker through the proxy."""
    uri = amqp_uri.replace(amqp_uri.rpartition(":")[2].strip("/"), str(broker_link.port))
    stack = make_stack(uri, mongodb_uri, OUTBOX_MAX_PENDING=str(LIMIT))
    stack.start("gateway")
    eventually(stack.is_ready)
    eventually(partial(has_broker, stack, "up"))
    return stack


def has_broker(stack: Stack, state: str) -> bool:
    health = requests.get(f"{stack.url}/health/ready", timeout=10).json()
    return bool(health["broker"] == state)


def take_requests(amqp_uri: str, count: int) -> list[str]:
    """Wait for `count` requests, take them and return their booking ids."""
    eventually(lambda: depth(amqp_uri, "booking_requests") == count)
    messages = [take(amqp_uri, "booking_requests") for _ in range(count)]
    return [body_of(message)["bookingId"] for message in messages if message]


def test_bookings_above_the_outbox_limit_are_rejected_and_accepted_ones_arrive(
    stack: Stack, broker_link: Proxy, amqp_uri: str
) -> None:
    broker_link.refuse()
    responses = [stack.post() for _ in range(LIMIT + 10)]
    assert Counter(response.status_code for response in responses) == {201: LIMIT, 503: 10}
    for rejected in responses[LIMIT:]:
        assert rejected.json()["code"] == "backlog_full"
        assert rejected.headers["Retry-After"] == "5"
    accepted = sorted(response.json()["booking"]["id"] for response in responses[:LIMIT])
    listed = requests.get(f"{stack.url}/bookings/?limit=100", timeout=30).json()
    assert sorted(booking["id"] for booking in listed) == accepted

    broker_link.restore()
    assert sorted(take_requests(amqp_uri, LIMIT)) == accepted
    assert stack.post().status_code == 201


def test_concurrent_bookings_exceed_the_limit_only_by_those_in_flight(
    stack: Stack, broker_link: Proxy, amqp_uri: str
) -> None:
    broker_link.freeze()
    pool = eventlet.GreenPool(16)
    responses = list(pool.imap(lambda _: stack.post(), range(LIMIT + 50)))
    accepted = [
        response.json()["booking"]["id"] for response in responses if response.status_code == 201
    ]
    rejected = [response.json()["code"] for response in responses if response.status_code != 201]
    assert set(rejected) == {"backlog_full"}
    assert LIMIT <= len(accepted) < LIMIT + 16

    broker_link.restore()
    # Messages in flight on the frozen connection may arrive besides their republished copies.
    arrived = set()

    def has_all() -> bool:
        while message := take(amqp_uri, "booking_requests"):
            arrived.add(body_of(message)["bookingId"])
        return arrived == set(accepted)

    eventually(has_all)
