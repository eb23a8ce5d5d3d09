"""The services on a broker with one user per service, as in docker-compose.yml."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import amqp
import pytest
import requests
from kombu import Connection
from kombu.transport.base import StdChannel

from clinic import config as clinic_config
from clinic.domain.clock import now, to_wire
from clinic.messaging import topology
from provisioning.broker import definitions
from provisioning.broker_users import BROKER_USERS
from runner.backends.rabbitmq import CONFIGURATION, RabbitNode
from runner.processes.services import ROOT
from tests.amqp import depth
from tests.conftest import eventually, running
from tests.e2e.stack import Stack

DECLARED = {
    "gateway": "none",
    "booking_service": topology.BOOKING_REQUESTS.name,
    "notification_service": f"{topology.EMAIL.name},{topology.WEBHOOK.name}",
}
PASSWORDS = {user: f"{user}-password" for user in BROKER_USERS}
STAFF = {"Authorization": "Bearer staff-key-of-16-characters"}
TOMORROW = (now() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
Operation = Callable[[StdChannel], Any]


class GuardedNode(RabbitNode):
    """A broker with the users, permissions and queues of a deployment."""

    credentials = "gateway:gateway-password"

    def _configuration(self) -> str:
        return f"{CONFIGURATION}load_definitions = {self.directory}/definitions.json\n"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedNode]:
    node = GuardedNode(tmp_path_factory.mktemp("guarded"))
    uris = {"AMQP_URI": node.uri, "MONGODB_CONNECTION_URL": "mongodb://unused/clinic"}
    described = definitions(clinic_config.settings(uris), PASSWORDS)
    (node.directory / "definitions.json").write_text(json.dumps(described))
    yield from running(node)


def uri_of(node: RabbitNode, user: str) -> str:
    return f"amqp://{user}:{PASSWORDS[user]}@{node.host}:{node.port}/"


@pytest.fixture
def stack(make_stack: Callable[..., Stack], node: GuardedNode, mongodb_uri: str) -> Stack:
    stack = make_stack(
        node.uri,
        mongodb_uri,
        STAFF_API_KEY=STAFF["Authorization"].split()[1],
        WEBHOOK_URL="http://127.0.0.1:1/",  # nothing listens there
        WEBHOOK_SECRET="secret-of-webhooks",
        WEBHOOK_RETRY_TTL_SECONDS="1",
    )
    for service in BROKER_USERS:
        stack.start(service, AMQP_URI=uri_of(node, service), DECLARED_QUEUES=DECLARED[service])
    eventually(stack.is_ready)
    eventually(lambda: free_slots(stack).ok)
    return stack


def free_slots(stack: Stack) -> requests.Response:
    day = TOMORROW.date().isoformat()
    return requests.get(f"{stack.url}/slots?date={day}", timeout=30)


def access_refusals(node: GuardedNode) -> list[str]:
    text = "".join(path.read_text() for path in (node.directory / "logs").glob("*.log"))
    return [line for line in text.splitlines() if "refused for user" in line]


def test_every_service_works_with_its_own_user(stack: Stack, node: GuardedNode) -> None:
    before = len(access_refusals(node))
    rejected, confirmed = stack.book(), stack.book(date=to_wire(TOMORROW))
    assert stack.decided(rejected)["status"] == "rejected"
    assert stack.decided(confirmed)["status"] == "confirmed"
    cancelled = requests.post(f"{stack.url}/booking/{confirmed}/cancel", headers=STAFF, timeout=30)
    assert cancelled.json()["status"] == "cancelled"
    for event in (f"{rejected}:2", f"{confirmed}:3"):
        eventually(lambda event=event: f"event_id={event}" in stack.logs("notification_service"))
    assert access_refusals(node)[before:] == []


def test_an_event_for_an_unavailable_endpoint_is_retried(stack: Stack, node: GuardedNode) -> None:
    stack.decided(stack.book())
    retry = topology.WEBHOOK.retry_name(1)
    eventually(lambda: depth(uri_of(node, "gateway"), retry) > 0)


def test_dead_letters_are_replayed_with_the_gateway_user(stack: Stack, node: GuardedNode) -> None:
    with Connection(uri_of(node, "gateway")) as connection:
        message = amqp.Message(b"not JSON", content_type="application/json")
        connection.default_channel.basic_publish(message, routing_key="booking_requests")
    dead = topology.BOOKING_REQUESTS.dead_letter
    eventually(lambda: depth(node.uri, dead) == 1)
    output = dead_letters(node, "replay", "--all")
    assert "Replayed: 1" in output
    eventually(lambda: depth(node.uri, dead) == 1)
    assert "1 dead letters" in dead_letters(node, "list")
    dead_letters(node, "drop", "--all", "--yes")
    assert depth(node.uri, dead) == 0


def dead_letters(node: GuardedNode, *arguments: str) -> str:
    variables = {"AMQP_URI": uri_of(node, "gateway"), "DECLARED_QUEUES": "none"}
    command = [sys.executable, "-m", "clinic", "dead-letters", *arguments]
    done = subprocess.run(
        command, env=os.environ | variables, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_deleted_queue_is_declared_by_its_owner(stack: Stack, node: GuardedNode) -> None:
    with Connection(uri_of(node, "booking_service")) as connection:
        for queue in topology.BOOKING_REQUESTS.queues([1, 2]):
            connection.default_channel.queue_delete(queue.name)
    assert stack.decided(stack.book())["status"] == "rejected"


def call(method: str) -> Operation:
    """An operation that sends an RPC request without waiting for the reply."""
    message = amqp.Message(b"{}", content_type="application/json", reply_to=str(uuid.uuid4()))

    def publish(channel: StdChannel) -> None:
        channel.confirm_select()
        channel.basic_publish_confirm(message, exchange="nameko-rpc", routing_key=method)

    return publish


def read(queue: str) -> Operation:
    return lambda channel: channel.basic_get(queue)


def delete(queue: str) -> Operation:
    return lambda channel: channel.queue_delete(queue)


def bind(routing_key: str) -> Operation:
    def listen(channel: StdChannel) -> None:
        queue = channel.queue_declare(exclusive=True).queue
        channel.queue_bind(queue, "nameko-rpc", routing_key)

    return listen


#: Operations that each service must not perform.
FORBIDDEN = [
    ("gateway", read("booking_requests")),
    ("gateway", read("notification_service.email")),
    ("gateway", read("rpc-booking_service")),
    ("gateway", delete("booking_requests")),
    ("gateway", delete("booking_dead_letter")),
    ("gateway", bind("booking_service.*")),
    ("gateway", call("catalogue.delete_site")),
    ("gateway", read("rpc-catalogue")),
    ("booking_service", read("notification_service.email")),
    ("booking_service", read("booking_dead_letter")),
    ("booking_service", delete("notification_service.webhook")),
    ("booking_service", call("booking_service.cancel_booking")),
    ("booking_service", call("notification_admin.resend")),
    ("notification_service", read("booking_requests")),
    ("notification_service", read("booking_retry")),
    ("notification_service", read("booking_dead_letter")),
    ("notification_service", read("rpc-booking_service")),
    ("notification_service", delete("booking_requests")),
    ("notification_service", call("booking_service.cancel_booking")),
    ("notification_service", call("booking_service.list_bookings")),
    ("notification_service", call("notification_admin.resend")),
    ("notification_service", call("catalogue.get_service")),
    ("notification_service", bind("booking_service.*")),
    ("notification_service", bind("#")),
]


@pytest.mark.parametrize(("user", "operation"), FORBIDDEN)
def test_a_service_cannot_access_resources_of_another(
    node: GuardedNode, user: str, operation: Operation
) -> None:
    with Connection(uri_of(node, user)) as connection, pytest.raises(amqp.exceptions.AccessRefused):
        operation(connection.default_channel)


def test_an_rpc_request_bypassing_the_exchange_runs_nothing(
    stack: Stack, node: GuardedNode
) -> None:
    """Publishing directly to the queue cannot select a method."""
    booking_id = stack.book(date=to_wire(TOMORROW))
    assert stack.decided(booking_id)["status"] == "confirmed"
    body = json.dumps({"args": [booking_id], "kwargs": {}})
    message = amqp.Message(body, content_type="application/json", reply_to=str(uuid.uuid4()))
    with Connection(uri_of(node, "notification_service")) as connection:
        connection.default_channel.basic_publish(message, routing_key="rpc-booking_service")
    eventually(lambda: depth(node.uri, "rpc-booking_service") == 0)
    assert free_slots(stack).ok
    assert stack.get(booking_id)["status"] == "confirmed"
