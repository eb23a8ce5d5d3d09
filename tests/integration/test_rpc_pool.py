"""The RPC connection pool of the gateway, with failures of a real broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import eventlet
import pytest
from kombu import Connection, Consumer, Exchange, Queue
from nameko.rpc import rpc

from clinic.errors import BookingNotFound, DatabaseUnavailable, ServiceUnavailable
from clinic.messaging import topology
from clinic.messaging.amqp_message import AmqpMessage
from clinic.messaging.publisher import Publisher
from clinic.messaging.topology import NOTIFICATION_ADMIN
from clinic.nameko_extensions import rpc_entrypoint
from clinic.nameko_extensions.dependency_providers import RequestId
from clinic.observability.logs import request_id
from clinic.rpc.rpc_client import RpcPool, deadline
from tests.amqp import depth
from tests.conftest import eventually
from tests.proxy import Proxy

QUEUE = "rpc-booking_service"


class StandIn:
    """Stand-in for the booking service, with its name."""

    name = "booking_service"
    request_id = RequestId()
    handled: list[Any]

    @rpc
    def echo(self, value: Any) -> Any:
        self.handled.append(value)
        return value

    @rpc
    def wait(self, seconds: float) -> str:
        self.handled.append(seconds)
        eventlet.sleep(seconds)
        return "waited"

    @rpc
    def return_request_id(self) -> str:
        return request_id.get()

    @rpc
    def fail(self, kind: str) -> None:
        errors = {
            "ours": BookingNotFound("no booking 7"),
            "later": DatabaseUnavailable("AutoReconnect"),
            "foreign": ValueError("Ana <ana@example.com>"),
        }
        raise errors[kind]


class Draining:
    """Stand-in with the entrypoint of the booking service, which drains and may lose replies."""

    name = "booking_service"

    @rpc_entrypoint.rpc
    def wait(self, seconds: float) -> str:
        eventlet.sleep(seconds)
        return "waited"


@pytest.fixture
def service(config: dict[str, Any], container_factory: Any) -> Iterator[Any]:
    StandIn.handled = []
    container = container_factory(StandIn, config)
    container.start()
    yield container
    container.stop()


@pytest.fixture
def pool(broker_link: Proxy, amqp_uri: str) -> Iterator[RpcPool]:
    pool = RpcPool(f"amqp://guest:guest@127.0.0.1:{broker_link.port}/")
    yield pool
    pool.close()


def call(pool: RpcPool, method: str, **arguments: Any) -> Any:
    return pool.call(method, until=time.monotonic() + 30, **arguments)


def open_connections(broker_link: Proxy) -> int:
    return len(broker_link._links)


def seconds_until_unavailable(pool: RpcPool, method: str = "echo", **arguments: Any) -> float:
    """Expect `ServiceUnavailable` and return after how many seconds it was raised."""
    before = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        pool.call(method, until=deadline(), **(arguments or {"value": 1}))
    return time.monotonic() - before


def test_a_call_returns_the_result_of_the_method(service: Any, pool: RpcPool) -> None:
    value = {"name": "Ñandú", "list": [1, None, {"deep": True}]}
    assert call(pool, "echo", value=value) == value


def test_connections_are_opened_on_demand(service: Any, pool: RpcPool, broker_link: Proxy) -> None:
    assert open_connections(broker_link) == 0
    call(pool, "echo", value=1)
    assert open_connections(broker_link) == 1


def test_a_connection_is_reused_by_later_calls(
    service: Any, pool: RpcPool, broker_link: Proxy
) -> None:
    for number in range(20):
        assert call(pool, "echo", value=number) == number
    assert open_connections(broker_link) == 1


def test_a_closed_pool_leaves_no_queue(
    service: Any, pool: RpcPool, broker_link: Proxy, amqp_uri: str
) -> None:
    call(pool, "echo", value=1)
    to_the_pool = AmqpMessage("nameko-rpc", pool._idle[0]._key, b"{}")
    publisher = Publisher(amqp_uri, topology.declare)
    assert publisher.publish([to_the_pool]) == []
    pool.close()
    eventually(lambda: publisher.publish([to_the_pool]))  # no longer routable
    publisher.close()
    assert open_connections(broker_link) == 0


def test_concurrent_callers_get_their_own_replies(service: Any, pool: RpcPool) -> None:
    threads = [eventlet.spawn(call, pool, "echo", value=number) for number in range(12)]
    assert [thread.wait() for thread in threads] == list(range(12))


def test_the_request_id_is_propagated(service: Any, pool: RpcPool) -> None:
    token = request_id.set("a-request")
    try:
        assert call(pool, "return_request_id") == "a-request"
    finally:
        request_id.reset(token)


def test_domain_errors_are_raised_unchanged(service: Any, pool: RpcPool) -> None:
    with pytest.raises(BookingNotFound, match=r"^no booking 7$"):
        call(pool, "fail", kind="ours")


def test_a_service_without_its_database_is_unavailable(service: Any, pool: RpcPool) -> None:
    with pytest.raises(ServiceUnavailable, match="database_unavailable"):
        call(pool, "fail", kind="later")


@pytest.mark.parametrize("method", ["fail", "no_such_method"])
def test_an_unexpected_error_reveals_only_its_name(
    service: Any, pool: RpcPool, method: str
) -> None:
    with pytest.raises(RuntimeError) as caught:
        call(pool, method, kind="foreign")
    assert "in the booking service" in str(caught.value)
    assert "Ana" not in str(caught.value)


def test_a_service_that_never_started_is_unavailable_at_once(pool: RpcPool) -> None:
    assert seconds_until_unavailable(pool) < 2.5


class AdminStandIn:
    """Another service with a method of the same name."""

    name = NOTIFICATION_ADMIN

    @rpc
    def echo(self, value: Any) -> str:
        return f"the admin heard {value}"

    @rpc
    def fail(self) -> None:
        raise DatabaseUnavailable("AutoReconnect")


def test_a_pool_calls_its_own_service(
    service: Any, config: dict[str, Any], container_factory: Any, amqp_uri: str
) -> None:
    pools = [RpcPool(amqp_uri), RpcPool(amqp_uri, NOTIFICATION_ADMIN)]
    admin = container_factory(AdminStandIn, config)
    admin.start()
    assert [call(pool, "echo", value=1) for pool in pools] == [1, "the admin heard 1"]
    admin.stop()
    for pool in pools:
        pool.close()


def test_errors_name_the_failing_service(
    service: Any, pool: RpcPool, config: dict[str, Any], container_factory: Any, amqp_uri: str
) -> None:
    admin, admin_pool = (
        container_factory(AdminStandIn, config),
        RpcPool(amqp_uri, NOTIFICATION_ADMIN),
    )
    admin.start()
    with pytest.raises(ServiceUnavailable, match="the notification admin has raised database_"):
        call(admin_pool, "fail")
    with pytest.raises(RuntimeError, match="in the notification admin"):
        call(admin_pool, "no_such_method")
    for each in (admin, service):
        each.stop()
    with pytest.raises(ServiceUnavailable, match="no notification admin is running"):
        call(admin_pool, "echo", value=1)
    with pytest.raises(ServiceUnavailable, match="no booking service is running"):
        call(pool, "echo", value=1)
    admin_pool.close()


def test_a_stopped_service_is_unavailable_at_once_and_gets_no_request(
    service: Any, pool: RpcPool, amqp_uri: str
) -> None:
    call(pool, "echo", value="before")
    service.stop()
    assert seconds_until_unavailable(pool) < 2.5
    assert depth(amqp_uri, QUEUE) == 0
    assert StandIn.handled == ["before"]


def test_an_unavailable_broker_is_reported_at_once(pool: RpcPool, broker_link: Proxy) -> None:
    broker_link.refuse()
    assert seconds_until_unavailable(pool) < 2.5
    broker_link.restore()


def test_a_late_reply_does_not_disturb_the_next_call(service: Any, pool: RpcPool) -> None:
    with pytest.raises(ServiceUnavailable):
        pool.call("wait", until=time.monotonic() + 1, seconds=2)
    assert call(pool, "echo", value="next") == "next"
    assert StandIn.handled == [2, "next"]  # nothing was sent twice


@pytest.mark.parametrize("is_open", [True, False])
def test_a_call_to_a_frozen_broker_times_out(
    service: Any, pool: RpcPool, broker_link: Proxy, is_open: bool
) -> None:
    if is_open:
        call(pool, "echo", value=1)
    broker_link.freeze()
    assert seconds_until_unavailable(pool) < 10
    broker_link.restore()
    assert call(pool, "echo", value=2) == 2


def test_a_broker_freezing_during_the_request_times_out(
    service: Any, pool: RpcPool, broker_link: Proxy
) -> None:
    call(pool, "echo", value=1)
    broker_link.freeze_at(b"booking_service.echo")
    assert seconds_until_unavailable(pool) < 10
    broker_link.restore()
    assert call(pool, "echo", value=2) == 2


@pytest.mark.parametrize("break_it", [Proxy.cut, Proxy.reset])
def test_a_connection_lost_unnoticed_is_replaced(
    service: Any, pool: RpcPool, broker_link: Proxy, break_it: Callable[[Proxy], None]
) -> None:
    call(pool, "echo", value=1)
    break_it(broker_link)
    eventually(lambda: open_connections(broker_link) == 0)
    assert call(pool, "echo", value=2) == 2


def test_a_connection_cut_during_a_call_loses_only_its_reply(
    service: Any, pool: RpcPool, broker_link: Proxy
) -> None:
    waiting = eventlet.spawn(seconds_until_unavailable, pool, "wait", seconds=1)
    eventually(lambda: StandIn.handled == [1])
    broker_link.cut()
    waiting.wait()
    assert StandIn.handled == [1]
    assert call(pool, "echo", value=2) == 2


def test_an_expired_request_is_not_run_later(pool: RpcPool, amqp_uri: str) -> None:
    """With a service that hangs with a full prefetch, and crashes."""
    exchange = Exchange("nameko-rpc", "topic", durable=True)
    queue = Queue(QUEUE, exchange, "booking_service.*", durable=True)
    with Connection(amqp_uri) as connection:
        with Consumer(connection.channel(), [queue], prefetch_count=1, on_message=id):
            for value in (1, 2):
                with pytest.raises(ServiceUnavailable):
                    pool.call("echo", until=time.monotonic() + 1, value=value)
        connection.collect()
    eventually(lambda: depth(amqp_uri, QUEUE) == 0)


def test_calls_beyond_the_pool_limit_fail_fast(
    service: Any, broker_link: Proxy, amqp_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinic.rpc.rpc_client.LIMIT", 2)
    pool = RpcPool(amqp_uri)
    busy = [eventlet.spawn(call, pool, "wait", seconds=3) for _ in range(2)]
    eventually(lambda: len(StandIn.handled) == 2)
    assert seconds_until_unavailable(pool) < 2.5
    assert [each.wait() for each in busy] == ["waited", "waited"]
    assert call(pool, "echo", value=1) == 1
    pool.close()


def test_the_next_node_is_used_when_the_first_is_unavailable(service: Any, amqp_uri: str) -> None:
    pool = RpcPool(f"amqp://guest:guest@127.0.0.1:1/;{amqp_uri}")
    assert call(pool, "echo", value=1) == 1
    pool.close()


def test_an_unsendable_reply_does_not_stop_the_service(
    config: dict[str, Any],
    container_factory: Any,
    broker_link: Proxy,
    amqp_uri: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    link = f"amqp://guest:guest@127.0.0.1:{broker_link.port}/"
    container = container_factory(Draining, config | {"AMQP_URI": link})
    container.start()
    pool = RpcPool(amqp_uri)
    pending = eventlet.spawn(call, pool, "wait", seconds=2)
    eventlet.sleep(1)
    broker_link.refuse()
    eventually(lambda: "could not send an RPC reply" in caplog.text, 20)
    broker_link.restore()
    # The broker redelivers the request, but a request that may have run is not run again.
    with pytest.raises(ServiceUnavailable):
        pending.wait()
    assert call(pool, "wait", seconds=0) == "waited"
    pool.close()
    container.stop()
