from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import eventlet
import pytest
from eventlet.event import Event
from kombu import Connection
from nameko.standalone.rpc import ServiceRpcProxy

from clinic.contracts.messages import BookingRequested
from clinic.domain.retry_policy import ATTEMPT_HEADER
from clinic.errors import DatabaseUnavailable, PoisonMessage
from clinic.messaging import topology
from clinic.messaging.topology import BOOKING_REQUESTS
from clinic.nameko_extensions import consumer_watchdog
from clinic.nameko_extensions.dependency_providers import ContextFlag
from clinic.nameko_extensions.retrying_consumer import consume_with_retry
from clinic.nameko_extensions.rpc_entrypoint import rpc
from runner.backends.rabbitmq import RabbitNode
from tests.amqp import body_of, depth, put, take
from tests.conftest import eventually
from tests.proxy import proxied

BODY = {"bookingId": str(uuid.uuid4()), "date": "2026-12-01T10:00:00Z", "version": 1}
SECRET = "ana@example.com"


class Worker:
    """Runs whatever the test assigns to `handle` and records what it received."""

    name = "booking_worker"

    is_repeated: bool = ContextFlag("is_repeated")

    handle: Callable[[BookingRequested], None]
    repeated: list[bool]
    seen: list[tuple[float, BookingRequested]]
    dead_lettered: list[tuple[BookingRequested, str]]

    @consume_with_retry(
        BOOKING_REQUESTS,
        decode=BookingRequested.from_body,
        policy=lambda settings: settings.booking_retry,
        on_dead_letter="give_up",
    )
    def handle_booking_requested(self, request: BookingRequested) -> None:
        self.seen.append((time.monotonic(), request))
        self.repeated.append(self.is_repeated)
        type(self).handle(request)

    def give_up(self, request: BookingRequested, code: str) -> None:
        self.dead_lettered.append((request, code))


@pytest.fixture
def worker(container_factory: Any, config: dict[str, Any]) -> Iterator[type[Worker]]:
    Worker.seen, Worker.repeated, Worker.dead_lettered = [], [], []
    Worker.handle = staticmethod(lambda request: None)
    container = container_factory(Worker, config)
    container.start()
    yield Worker
    container.stop()


def send(uri: str, body: Any = None, **properties: Any) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body or BODY).encode()
    put(uri, BOOKING_REQUESTS.name, data, **{"content_type": "application/json"} | properties)


def is_final(uri: str) -> bool:
    return all(depth(uri, each) == 0 for each in (BOOKING_REQUESTS.name, "booking_retry.1s"))


def raising(error: Exception) -> Any:
    def handle(request: BookingRequested) -> None:
        raise error

    return staticmethod(handle)


@pytest.mark.parametrize(
    "header", ["x-attempt", "x-replay-count", "x-possible-duplicate", "x-other"]
)
def test_a_worker_sees_whether_a_message_may_be_a_duplicate(
    worker: type[Worker], amqp_uri: str, header: str
) -> None:
    send(amqp_uri, headers={header: 2})
    eventually(lambda: worker.repeated == [header != "x-other"])


def test_acking_finished_messages_does_not_ack_those_in_flight(
    container_factory: Any, config: dict[str, Any], amqp_uri: str
) -> None:
    Worker.seen, Worker.repeated, Worker.dead_lettered = [], [], []
    done: list[BookingRequested] = []

    def handle(request: BookingRequested) -> None:
        if request.version in (3, 17):
            Event().wait()
        done.append(request)

    Worker.handle = staticmethod(handle)
    container = container_factory(Worker, config)
    for version in range(1, 31):
        send(amqp_uri, BODY | {"version": version})
    container.start()
    eventually(lambda: len(done) == 28)
    container.kill()
    eventually(lambda: depth(amqp_uri, BOOKING_REQUESTS.name) == 2)
    left = [body_of(take(amqp_uri, BOOKING_REQUESTS.name))["version"] for _ in range(2)]
    assert sorted(left) == [3, 17]


def test_a_message_is_handled_once_and_acked(worker: type[Worker], amqp_uri: str) -> None:
    send(amqp_uri)
    eventually(lambda: worker.seen)
    assert worker.seen[0][1] == BookingRequested.from_body(BODY)
    eventually(lambda: is_final(amqp_uri))
    assert len(worker.seen) == 1


def test_a_failing_message_is_tried_three_times_with_doubling_delays(
    worker: type[Worker], amqp_uri: str
) -> None:
    worker.handle = raising(ValueError(SECRET))
    send(amqp_uri)
    message = eventually(lambda: take(amqp_uri, BOOKING_REQUESTS.dead_letter))
    times = [at for at, _ in worker.seen]
    assert len(times) == 3
    # A delay may be longer on a busy machine, but never shorter.
    assert times[1] - times[0] >= 1
    assert times[2] - times[1] >= 2
    assert body_of(message) == BODY


def test_a_dead_letter_carries_its_error_code_and_no_exception_text(
    worker: type[Worker], amqp_uri: str
) -> None:
    worker.handle = raising(ValueError(SECRET))
    send(amqp_uri, headers={ATTEMPT_HEADER: 3})
    message = eventually(lambda: take(amqp_uri, BOOKING_REQUESTS.dead_letter))
    assert message.headers["x-error-code"] == "ValueError"
    assert message.headers["x-original-queue"] == "booking_requests"
    assert message.headers[ATTEMPT_HEADER] == 3
    assert SECRET not in str(message.headers)


def test_the_service_is_notified_of_a_dead_lettered_message(
    worker: type[Worker], amqp_uri: str
) -> None:
    worker.handle = raising(ValueError())
    send(amqp_uri, headers={ATTEMPT_HEADER: 3})
    eventually(lambda: worker.dead_lettered == [(BookingRequested.from_body(BODY), "ValueError")])


def test_a_message_is_dead_lettered_before_its_service_is_notified(
    worker: type[Worker], amqp_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_lettered = []

    def check_queue(*_args: Any) -> None:
        dead_lettered.append(take(amqp_uri, BOOKING_REQUESTS.dead_letter) is not None)

    monkeypatch.setattr(Worker, "give_up", check_queue)
    worker.handle = raising(ValueError())
    send(amqp_uri, headers={ATTEMPT_HEADER: 3})
    assert eventually(lambda: dead_lettered) == [True]


def test_a_message_that_succeeds_on_retry_is_not_dead_lettered(
    worker: type[Worker], amqp_uri: str
) -> None:
    def handle(request: BookingRequested) -> None:
        if len(worker.seen) < 2:
            raise ValueError

    worker.handle = staticmethod(handle)
    send(amqp_uri)
    eventually(lambda: len(worker.seen) == 2)
    eventually(lambda: is_final(amqp_uri))
    assert depth(amqp_uri, BOOKING_REQUESTS.dead_letter) == 0


def test_infrastructure_faults_do_not_count_as_attempts(
    worker: type[Worker], amqp_uri: str
) -> None:
    def handle(request: BookingRequested) -> None:
        if len(worker.seen) < 5:
            raise DatabaseUnavailable("away")

    worker.handle = staticmethod(handle)
    send(amqp_uri)
    eventually(lambda: len(worker.seen) == 5)
    eventually(lambda: is_final(amqp_uri))
    assert depth(amqp_uri, BOOKING_REQUESTS.dead_letter) == 0


def test_a_poison_error_dead_letters_the_message_at_once(
    worker: type[Worker], amqp_uri: str
) -> None:
    worker.handle = raising(PoisonMessage("it can't be"))
    send(amqp_uri)
    message = eventually(lambda: take(amqp_uri, BOOKING_REQUESTS.dead_letter))
    assert (len(worker.seen), message.headers["x-error-message"]) == (1, "it can't be")


@pytest.mark.parametrize(
    ("body", "properties"),
    [
        pytest.param(b"{not json", {}, id="not JSON"),
        pytest.param(b"\xff\xfe", {}, id="not UTF-8"),
        pytest.param(b"[]", {}, id="not an object"),
        pytest.param(b"{}", {}, id="no fields"),
        pytest.param(b'{"bookingId":1,"date":2,"version":"x"}', {}, id="wrong types"),
        pytest.param(b"[" * 10_000, {}, id="deep"),
        pytest.param(b'"' + b"x" * 20_000 + b'"', {}, id="oversized"),
        pytest.param(
            b"cos\nsystem\n", {"content_type": "application/x-python-serialize"}, id="pickle"
        ),
        pytest.param(b"caf\xe9", {"content_encoding": "latin-1"}, id="another encoding"),
        pytest.param(json.dumps(BODY).encode(), {"headers": {ATTEMPT_HEADER: "x"}}, id="header"),
        pytest.param(b"", {}, id="empty"),
    ],
)
def test_an_undecodable_message_is_dead_lettered_at_once_with_its_bytes(
    worker: type[Worker], amqp_uri: str, body: bytes, properties: dict[str, Any]
) -> None:
    send(amqp_uri, body, **properties)
    message = eventually(lambda: take(amqp_uri, BOOKING_REQUESTS.dead_letter))
    raw = message.body.encode("latin-1") if isinstance(message.body, str) else bytes(message.body)
    assert (raw, message.headers["x-error-code"]) == (body, "poison_message")
    assert worker.seen == []


def test_a_body_falsely_marked_as_compressed_is_dead_lettered(
    worker: type[Worker], amqp_uri: str
) -> None:
    send(amqp_uri, b"not zlib", headers={"compression": "application/x-gzip"})
    eventually(lambda: depth(amqp_uri, BOOKING_REQUESTS.dead_letter) == 1)
    send(amqp_uri)
    eventually(lambda: len(worker.seen) == 1)


def test_poison_messages_do_not_block_good_ones(worker: type[Worker], amqp_uri: str) -> None:
    for _ in range(5):
        send(amqp_uri, b"poison")
        send(amqp_uri)
    eventually(lambda: len(worker.seen) == 5)
    eventually(lambda: depth(amqp_uri, BOOKING_REQUESTS.dead_letter) == 5)


def test_a_queue_that_is_deleted_and_redeclared_is_consumed_again(
    worker: type[Worker], amqp_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_watchdog, "RENEW_SECONDS", 3.0)
    send(amqp_uri)
    eventually(lambda: len(worker.seen) == 1)
    with Connection(amqp_uri) as connection:
        # The consumer is not notified, and the message counts as delivered to it.
        connection.default_channel.queue_delete(BOOKING_REQUESTS.name)
        topology.declare(connection.default_channel)
    send(amqp_uri)
    # A consumer started before the patch checks after ten seconds, unless it is notified.
    send_more = [send(amqp_uri) for _ in range(150)]
    eventually(lambda: len(worker.seen) >= 2 + len(send_more))


def test_stopping_finishes_and_acks_messages_in_flight(
    container_factory: Any, config: dict[str, Any], amqp_uri: str
) -> None:
    Worker.seen, Worker.repeated, Worker.dead_lettered = [], [], []
    finished: list[BookingRequested] = []
    resume = Event()

    def handle(request: BookingRequested) -> None:
        resume.wait()
        # Longer than the second a consumer takes to notice that it has been cancelled.
        eventlet.sleep(2)
        finished.append(request)

    Worker.handle = staticmethod(handle)
    container = container_factory(Worker, config)
    container.start()
    for _ in range(5):
        send(amqp_uri)
    eventually(lambda: len(Worker.seen) == 5)
    stopping = eventlet.spawn(container.stop)
    resume.send()
    stopping.wait()
    assert len(finished) == 5
    assert depth(amqp_uri, BOOKING_REQUESTS.name) == 0


def test_a_lost_connection_redelivers_unacked_messages(
    container_factory: Any, config: dict[str, Any], rabbit_node: RabbitNode, amqp_uri: str
) -> None:
    Worker.seen, Worker.repeated, Worker.dead_lettered = [], [], []
    Worker.handle = staticmethod(lambda request: eventlet.sleep(2))
    with proxied(rabbit_node.port) as proxy:
        config["AMQP_URI"] = f"amqp://guest:guest@127.0.0.1:{proxy.port}/"
        container = container_factory(Worker, config)
        container.start()
        send(amqp_uri)
        eventually(lambda: Worker.seen)
        proxy.cut()
        eventually(lambda: Worker.repeated == [False, True])
        eventually(lambda: depth(amqp_uri, BOOKING_REQUESTS.name) == 0)
        # The consumer still works: it handles the next message.
        send(amqp_uri)
        eventually(lambda: len(Worker.seen) == 3)
        eventlet.sleep(2)
        container.stop()


class RpcService:
    name = "booking_service"

    started: Event

    @rpc
    def slow(self) -> str:
        self.started.send()
        eventlet.sleep(2)
        return "done"

    @rpc
    def quick(self) -> str:
        return "done"


def test_stopping_finishes_and_acks_an_rpc_call(
    container_factory: Any, config: dict[str, Any], amqp_uri: str
) -> None:
    RpcService.started = Event()
    container = container_factory(RpcService, config)
    container.start()
    with ServiceRpcProxy("booking_service", config) as proxy:
        call = proxy.slow.call_async()
        RpcService.started.wait()
        container.stop()
        assert call.result() == "done"
    assert depth(amqp_uri, "rpc-booking_service") == 0


def test_an_rpc_request_without_a_reply_queue_is_dropped(
    container_factory: Any, config: dict[str, Any], amqp_uri: str
) -> None:
    container = container_factory(RpcService, config)
    container.start()
    with Connection(amqp_uri, transport_options={"confirm_publish": True}) as connection:
        channel = connection.default_channel
        message = channel.prepare_message(
            b'{"args":[],"kwargs":{}}', content_type="application/json"
        )
        channel.basic_publish(message, "nameko-rpc", "booking_service.quick")
    with ServiceRpcProxy("booking_service", config) as proxy:
        assert proxy.quick() == "done"
    container.stop()
    assert depth(amqp_uri, "rpc-booking_service") == 0
