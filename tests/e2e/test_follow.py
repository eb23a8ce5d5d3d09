"""Tracing a booking through all logs, absence of personal data, and the gateway's shutdown and
chunked request bodies."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import eventlet
import pytest
import requests
from amqp.exceptions import InternalError, NotFound
from kombu import Connection
from kombu.message import Message
from nameko.standalone.rpc import ServiceRpcProxy

from runner.backends.mongodb import MongoServer
from runner.backends.ports import free_port
from tests.amqp import consumers, depth, subscriber
from tests.conftest import eventually
from tests.e2e.stack import EXAMPLE, Stack
from tests.e2e.test_load import book_at_once
from tests.e2e.test_outages import Backend
from tests.mailbox import Mailbox
from tests.proxy import Proxy

MakeStack = Callable[..., Stack]

STAFF_KEY = "a-staff-key-of-the-tests"
NAME = "Canario Azul"
#: The mail server of the tests rejects recipients with this name.
REJECTED_ADDRESS, ACCEPTED_ADDRESS = "refused@jaula.example", "canario.azul@jaula.example"
SECRETS = ("Canario", "Azul", "canario", "jaula", "refused@")
DEAD_LETTERS = ("booking_dead_letter", "notification_service.email.dead_letter")


@pytest.fixture
def mongo(tmp_path: Path) -> Iterator[Backend]:
    backend = Backend(MongoServer(tmp_path / "own-mongodb"))
    backend.start()
    yield backend
    backend.stop()


def booked(stack: Stack, headers: dict[str, str] | None = None, **fields: Any) -> str:
    response = requests.post(
        f"{stack.url}/book", json=EXAMPLE | fields, headers=headers, timeout=30
    )
    assert response.status_code == 201, response.text
    booking_id: str = response.json()["booking"]["id"]
    return booking_id


def entries(logs: str) -> list[dict[str, Any]]:
    """The JSON log entries of our services by time; every line starting with "{" must be JSON."""
    found = [json.loads(line) for line in logs.splitlines() if line.startswith("{")]
    return sorted(found, key=lambda entry: str(entry["time"]))


def trace(stack: Stack, booking_id: str) -> list[tuple[str, str]]:
    """Message and request id of each log line about a booking, except for simulated e-mails."""
    grep = [line for line in stack.logs().splitlines() if booking_id in line]
    found = entries("\n".join(line for line in grep if "(simulated)" not in line))
    return [(entry["message"], entry.get("request_id", "")) for entry in found]


def is_notified(stack: Stack, booking_id: str) -> bool:
    return len(trace(stack, booking_id)) >= 3


def test_a_booking_can_be_traced_through_all_logs_by_its_id(
    make_stack: MakeStack, amqp_uri: str, mongodb_uri: str
) -> None:
    # With a slow check, no decision is logged before the acceptance.
    stack = make_stack(amqp_uri, mongodb_uri, LOG_FORMAT="json", AVAILABILITY_DELAY_SECONDS="0.5")
    stack.start_all()
    traced = booked(stack, {"X-Request-ID": "follow-me.1"})
    others = [booked(stack), booked(stack, {"X-Request-ID": "follow-me.2"})]
    for booking_id in (traced, *others):
        eventually(partial(is_notified, stack, booking_id))
    assert trace(stack, traced) == [
        ("booking accepted", "follow-me.1"),
        ("booking decided: rejected", "follow-me.1"),
        ("patient notified", "follow-me.1"),
    ]
    # A request without an id gets one, which is propagated as well.
    sentences, ids = zip(*trace(stack, others[0]), strict=True)
    assert sentences == ("booking accepted", "booking decided: rejected", "patient notified")
    assert len(set(ids)) == 1
    assert {request_id for _, request_id in trace(stack, others[1])} == {"follow-me.2"}


def test_a_retried_booking_keeps_its_request_id(
    make_stack: MakeStack, amqp_uri: str, mongodb_uri: str
) -> None:
    stack = make_stack(amqp_uri, mongodb_uri, LOG_FORMAT="json", AVAILABILITY_FAILURE_RATE="1")
    stack.start_all()
    booking_id = booked(stack, {"X-Request-ID": "follow-me.1"})
    eventually(lambda: depth(amqp_uri, DEAD_LETTERS[0]) == 1)
    eventually(lambda: len(trace(stack, booking_id)) == 2)
    assert trace(stack, booking_id) == [
        ("booking accepted", "follow-me.1"),
        ("booking needs attention", "follow-me.1"),
    ]
    expected = [
        entry
        for entry in entries(stack.logs("booking_service"))
        if entry["message"].startswith("(expected) error handling worker")
    ]
    assert [entry["request_id"] for entry in expected] == ["follow-me.1"] * 3
    assert "Traceback" not in stack.logs("booking_service")


def test_a_booking_created_over_rpc_is_traced_by_its_id(
    make_stack: MakeStack, amqp_uri: str, mongodb_uri: str, config: dict[str, Any]
) -> None:
    stack = make_stack(amqp_uri, mongodb_uri, LOG_FORMAT="json")
    stack.start_all()
    eventually(lambda: consumers(amqp_uri, "rpc-booking_service"))
    with ServiceRpcProxy("booking_service", config, timeout=30) as rpc:
        booking_id = rpc.create_booking(**EXAMPLE)["id"]
    eventually(lambda: "patient notified" in stack.logs("notification_service"))
    assert trace(stack, booking_id) == [
        ("booking accepted", ""),
        ("booking decided: rejected", ""),
        ("patient notified", ""),
    ]


# --- no personal data


class Monitors:
    """Starts the nameko services of a stack with health servers and reads all metrics."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._ports: dict[str, int] = {}

    def start(self, name: str, **environment: str) -> Any:
        port = self._ports[name] = free_port()
        running = self._stack.start(name, MONITOR_PORT=str(port), **environment)
        eventually(lambda: self._is_ready(port))
        return running

    def texts(self) -> list[str]:
        ports = [self._stack.port, *self._ports.values()]
        headers = {"Authorization": f"Bearer {STAFF_KEY}"}  # required by the gateway
        responses = [
            requests.get(f"http://127.0.0.1:{port}/metrics", headers=headers, timeout=10)
            for port in ports
        ]
        assert [response.status_code for response in responses] == [200] * len(ports)
        return [response.text for response in responses]

    def _is_ready(self, port: int) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=10).ok
        except requests.ConnectionError:
            return False


def peek(amqp_uri: str, queue: str) -> list[Message]:
    """Read all messages of a queue without removing them."""
    with Connection(amqp_uri) as connection:
        channel = connection.default_channel
        found = []
        with suppress(NotFound, InternalError):  # the queue does not exist yet
            while (message := channel.basic_get(queue)) is not None:
                found.append(channel.message_to_python(message))
        return found


def assert_is_anonymous(text: str) -> None:
    for secret in SECRETS:
        assert secret not in text


def assert_messages_are_anonymous(messages: list[Message]) -> None:
    for message in messages:
        assert_is_anonymous(f"{message.body!r} {message.headers} {message.properties}")


def test_logs_messages_and_metrics_contain_no_personal_data(
    make_stack: MakeStack, amqp_uri: str, mongo: Backend, mailbox: Mailbox
) -> None:
    stack = make_stack(
        amqp_uri,
        mongo.uri,
        LOG_FORMAT="json",
        STAFF_API_KEY=STAFF_KEY,
        SMTP_HOST="127.0.0.1",
        SMTP_PORT=str(mailbox.port),
    )
    stack.start("gateway")
    eventually(stack.is_ready)
    monitors = Monitors(stack)

    # The request stays in the queue.
    undecided = booked(stack, patientName=NAME, patientEmail=ACCEPTED_ADDRESS)
    waiting = eventually(lambda: peek(amqp_uri, "booking_requests"))
    assert_messages_are_anonymous(waiting)

    # Every check fails.
    broken = monitors.start("booking_service", AVAILABILITY_FAILURE_RATE="1")
    eventually(lambda: stack.get(undecided)["attention"])
    (dead_lettered,) = eventually(lambda: peek(amqp_uri, DEAD_LETTERS[0]))
    assert dead_lettered.headers["x-error-code"] == "check_unavailable"
    assert_messages_are_anonymous([dead_lettered])
    assert_is_anonymous("".join(monitors.texts()))
    broken.stop()

    # One e-mail is accepted and one rejected.
    monitors.start("booking_service")
    monitors.start("notification_service")
    with subscriber(amqp_uri, "booking_notifications") as received:
        booked(stack, patientName=NAME, patientEmail=ACCEPTED_ADDRESS)
        booked(stack, patientName=NAME, patientEmail=REJECTED_ADDRESS)
        (rejected,) = eventually(lambda: peek(amqp_uri, DEAD_LETTERS[1]))
        eventually(mailbox.emails)
        events = eventually(received)
    assert rejected.headers["x-error-code"] == "recipient_rejected"
    assert_messages_are_anonymous([rejected, *events])

    # The database is down for a moment, with some bookings in flight and others rejected.
    ids = book_at_once(stack, 20, patientName=NAME, patientEmail=ACCEPTED_ADDRESS)
    mongo.stop()
    response = stack.post(patientName=NAME, patientEmail=ACCEPTED_ADDRESS)
    assert response.status_code == 503
    assert_is_anonymous(response.text)
    assert_is_anonymous(stack.post(patientName=NAME, patientEmail="canario@@jaula").text)
    eventually(
        lambda: "DatabaseUnavailable" in stack.logs() or "database_unavailable" in stack.logs()
    )
    assert_is_anonymous("".join(monitors.texts()))
    mongo.start()
    for booking_id in ids:
        stack.decided(booking_id)
    eventually(lambda: len(mailbox.emails()) == 21)

    logs = stack.logs()
    assert len(entries(logs)) > 40
    assert_is_anonymous(logs)
    texts = monitors.texts()
    assert all("clinic_" in text for text in texts)
    assert_is_anonymous("".join(texts))
    for queue in DEAD_LETTERS:
        assert_messages_are_anonymous(peek(amqp_uri, queue))


def test_log_lines_of_our_services_are_json(
    make_stack: MakeStack, amqp_uri: str, mongodb_uri: str
) -> None:
    stack = make_stack(amqp_uri, mongodb_uri, LOG_FORMAT="json")
    stack.start_all()
    stack.decided(stack.book())
    eventually(lambda: "patient notified" in stack.logs("notification_service"))
    for name in ("gateway", "booking_service", "notification_service"):
        lines = stack.logs(name).splitlines()
        json_lines = [line for line in lines if line.startswith("{")]
        assert json_lines
        for entry in entries("\n".join(json_lines)):
            assert {"time", "level", "logger", "message"} <= set(entry)
        # Other lines would be written before the configuration of logging.
        assert [line for line in lines if not line.startswith("{")] == []


# --- shutdown of the gateway


def test_a_terminated_gateway_first_publishes_accepted_bookings(
    make_stack: MakeStack, amqp_uri: str, mongodb_uri: str, broker_link: Proxy
) -> None:
    uri = f"amqp://guest:guest@127.0.0.1:{broker_link.port}/"
    # No recovery scan would send them during this test.
    stack = make_stack(uri, mongodb_uri, OUTBOX_HEARTBEAT_TIMEOUT_SECONDS="600")
    gateway = stack.start("gateway")
    eventually(lambda: stack.is_ready() and broker(stack) == "up")
    # The frozen broker keeps the relay busy with the first message.
    broker_link.freeze()
    ids = book_at_once(stack, 30)
    assert depth(amqp_uri, "booking_requests") == 0
    os.kill(gateway.pid, signal.SIGTERM)
    eventlet.sleep(1)
    broker_link.restore()
    eventually(lambda: not gateway.is_alive())
    waiting = peek(amqp_uri, "booking_requests")
    assert sorted(json.loads(each.body)["bookingId"] for each in waiting) == sorted(ids)


def broker(stack: Stack) -> str:
    state: str = requests.get(f"{stack.url}/health/ready", timeout=10).json()["broker"]
    return state


def test_a_gateway_terminated_right_after_bookings_has_published_all(
    make_stack: MakeStack, amqp_uri: str, mongodb_uri: str
) -> None:
    stack = make_stack(amqp_uri, mongodb_uri, OUTBOX_HEARTBEAT_TIMEOUT_SECONDS="600")
    gateway = stack.start("gateway")
    eventually(stack.is_ready)
    book_at_once(stack, 30)
    assert gateway.stop() == 0
    assert depth(amqp_uri, "booking_requests") == 30


# --- bodies in chunks


@pytest.fixture
def gateway(make_stack: MakeStack, amqp_uri: str, mongodb_uri: str) -> Stack:
    stack = make_stack(amqp_uri, mongodb_uri)
    stack.start("gateway")
    eventually(stack.is_ready)
    return stack


def posted_in_chunks(stack: Stack, chunks: list[bytes]) -> tuple[int, str]:
    """Status and text of the response to a chunked request body of undeclared length."""
    head = (
        b"POST /book HTTP/1.1\r\nHost: clinic\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    pieces = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks]
    with socket.create_connection(("127.0.0.1", stack.port), timeout=30) as client:
        for piece in (head, *pieces, b"0\r\n\r\n"):
            client.sendall(piece)
        response = b""
        while data := client.recv(65536):
            response += data
    text = response.decode()
    return int(text.split(" ", 2)[1]), text


def test_a_small_chunked_body_is_accepted(gateway: Stack) -> None:
    body = json.dumps(EXAMPLE).encode()
    status, response = posted_in_chunks(gateway, [body[:10], body[10:11], body[11:]])
    assert status == 201
    assert '"status":"pending"' in response


def test_a_chunked_body_that_is_too_large_is_rejected(gateway: Stack) -> None:
    padding = b" " * 4096
    body = json.dumps(EXAMPLE).encode()
    status, response = posted_in_chunks(gateway, [body, *[padding] * 5])
    assert status == 413
    assert "application/problem+json" in response
    assert "x-content-type-options: nosniff" in response.lower()
    assert requests.get(f"{gateway.url}/bookings/", timeout=30).json() == []


def test_the_gateway_keeps_serving_after_a_body_that_was_too_large(gateway: Stack) -> None:
    body = b"x" * 100_000
    response = requests.post(
        f"{gateway.url}/book",
        data=body,
        headers={"Content-Type": "application/json", "X-Request-ID": "r-1"},
        timeout=30,
    )
    assert (response.status_code, response.headers["X-Request-ID"]) == (413, "r-1")
    assert gateway.post().status_code == 201
