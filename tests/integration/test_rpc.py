"""The gateway's pool of RPC connections, with a real broker that fails in every way."""

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
    """Answers in place of the booking service, under its name."""

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
    def tell_request(self) -> str:
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
    """Answers as the booking service does, and so loses its replies like that."""

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


def links(broker_link: Proxy) -> int:
    return len(broker_link._links)


def refused(pool: RpcPool, method: str = "echo", **arguments: Any) -> float:
    """Expect no answer; the seconds that it took to say so."""
    before = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        pool.call(method, until=deadline(), **(arguments or {"value": 1}))
    return time.monotonic() - before


def test_a_method_answers_what_it_returns(service: Any, pool: RpcPool) -> None:
    value = {"name": "Ñandú", "list": [1, None, {"deep": True}]}
    assert call(pool, "echo", value=value) == value


def test_no_connection_is_made_before_one_is_needed(
    service: Any, pool: RpcPool, broker_link: Proxy
) -> None:
    assert links(broker_link) == 0
    call(pool, "echo", value=1)
    assert links(broker_link) == 1


def test_a_connection_serves_one_call_after_the_other(
    service: Any, pool: RpcPool, broker_link: Proxy
) -> None:
    for number in range(20):
        assert call(pool, "echo", value=number) == number
    assert links(broker_link) == 1


def test_a_pool_that_is_closed_leaves_no_queue(
    service: Any, pool: RpcPool, broker_link: Proxy, amqp_uri: str
) -> None:
    call(pool, "echo", value=1)
    to_the_pool = AmqpMessage("nameko-rpc", pool._idle[0]._key, b"{}")
    publisher = Publisher(amqp_uri, topology.declare)
    assert publisher.publish([to_the_pool]) == []
    pool.close()
    eventually(lambda: publisher.publish([to_the_pool]))  # there is no route any more
    publisher.close()
    assert links(broker_link) == 0


def test_each_of_many_callers_gets_its_own_answer(service: Any, pool: RpcPool) -> None:
    threads = [eventlet.spawn(call, pool, "echo", value=number) for number in range(12)]
    assert [thread.wait() for thread in threads] == list(range(12))


def test_the_request_id_travels_along(service: Any, pool: RpcPool) -> None:
    token = request_id.set("a-request")
    try:
        assert call(pool, "tell_request") == "a-request"
    finally:
        request_id.reset(token)


def test_our_errors_arrive_as_they_were_raised(service: Any, pool: RpcPool) -> None:
    with pytest.raises(BookingNotFound, match=r"^no booking 7$"):
        call(pool, "fail", kind="ours")


def test_a_service_that_lacks_its_database_is_unavailable(service: Any, pool: RpcPool) -> None:
    with pytest.raises(ServiceUnavailable, match="database_unavailable"):
        call(pool, "fail", kind="later")


@pytest.mark.parametrize("method", ["fail", "no_such_method"])
def test_of_a_foreign_error_only_its_name_is_told(service: Any, pool: RpcPool, method: str) -> None:
    with pytest.raises(RuntimeError) as caught:
        call(pool, method, kind="foreign")
    assert "in the booking service" in str(caught.value)
    assert "Ana" not in str(caught.value)


def test_a_service_that_never_was_is_away_at_once(pool: RpcPool) -> None:
    assert refused(pool) < 2.5


class Desk:
    """Another service, with a method of the same name."""

    name = NOTIFICATION_ADMIN

    @rpc
    def echo(self, value: Any) -> str:
        return f"the desk heard {value}"

    @rpc
    def fail(self) -> None:
        raise DatabaseUnavailable("AutoReconnect")


def test_a_pool_calls_the_service_that_it_is_for(
    service: Any, config: dict[str, Any], container_factory: Any, amqp_uri: str
) -> None:
    pools = [RpcPool(amqp_uri), RpcPool(amqp_uri, NOTIFICATION_ADMIN)]
    desk = container_factory(Desk, config)
    desk.start()
    assert [call(pool, "echo", value=1) for pool in pools] == [1, "the desk heard 1"]
    desk.stop()
    for pool in pools:
        pool.close()


def test_what_is_wrong_with_a_service_is_told_by_its_name(
    service: Any, pool: RpcPool, config: dict[str, Any], container_factory: Any, amqp_uri: str
) -> None:
    desk, at_desk = container_factory(Desk, config), RpcPool(amqp_uri, NOTIFICATION_ADMIN)
    desk.start()
    with pytest.raises(ServiceUnavailable, match="the notification admin has raised database_"):
        call(at_desk, "fail")
    with pytest.raises(RuntimeError, match="in the notification admin"):
        call(at_desk, "no_such_method")
    for each in (desk, service):
        each.stop()
    with pytest.raises(ServiceUnavailable, match="no notification admin is running"):
        call(at_desk, "echo", value=1)
    with pytest.raises(ServiceUnavailable, match="no booking service is running"):
        call(pool, "echo", value=1)
    at_desk.close()


def test_a_service_that_has_stopped_is_away_at_once_and_finds_no_request(
    service: Any, pool: RpcPool, amqp_uri: str
) -> None:
    call(pool, "echo", value="before")
    service.stop()
    assert refused(pool) < 2.5
    assert depth(amqp_uri, QUEUE) == 0
    assert StandIn.handled == ["before"]


def test_a_broker_that_is_away_is_told_at_once(pool: RpcPool, broker_link: Proxy) -> None:
    broker_link.refuse()
    assert refused(pool) < 2.5
    broker_link.restore()


def test_a_slow_answer_is_not_waited_for_and_disturbs_no_later_call(
    service: Any, pool: RpcPool
) -> None:
    with pytest.raises(ServiceUnavailable):
        pool.call("wait", until=time.monotonic() + 1, seconds=2)
    assert call(pool, "echo", value="next") == "next"
    assert StandIn.handled == [2, "next"]  # nothing was sent a second time


@pytest.mark.parametrize("is_open", [True, False])
def test_a_frozen_broker_is_not_waited_for(
    service: Any, pool: RpcPool, broker_link: Proxy, is_open: bool
) -> None:
    if is_open:
        call(pool, "echo", value=1)
    broker_link.freeze()
    assert refused(pool) < 10
    broker_link.restore()
    assert call(pool, "echo", value=2) == 2


def test_a_broker_that_freezes_with_the_request_is_not_waited_for(
    service: Any, pool: RpcPool, broker_link: Proxy
) -> None:
    call(pool, "echo", value=1)
    broker_link.freeze_at(b"booking_service.echo")
    assert refused(pool) < 10
    broker_link.restore()
    assert call(pool, "echo", value=2) == 2


@pytest.mark.parametrize("break_it", [Proxy.cut, Proxy.reset])
def test_a_connection_that_died_unnoticed_is_replaced(
    service: Any, pool: RpcPool, broker_link: Proxy, break_it: Callable[[Proxy], None]
) -> None:
    call(pool, "echo", value=1)
    break_it(broker_link)
    eventually(lambda: links(broker_link) == 0)
    assert call(pool, "echo", value=2) == 2


def test_a_link_that_is_cut_in_the_middle_of_a_call_loses_its_answer_only(
    service: Any, pool: RpcPool, broker_link: Proxy
) -> None:
    waiting = eventlet.spawn(refused, pool, "wait", seconds=1)
    eventually(lambda: StandIn.handled == [1])
    broker_link.cut()
    waiting.wait()
    assert StandIn.handled == [1]
    assert call(pool, "echo", value=2) == 2


def test_a_request_whose_time_is_over_is_not_run_later(pool: RpcPool, amqp_uri: str) -> None:
    """A service that hangs with its hands full, and dies."""
    exchange = Exchange("nameko-rpc", "topic", durable=True)
    queue = Queue(QUEUE, exchange, "booking_service.*", durable=True)
    with Connection(amqp_uri) as connection:
        with Consumer(connection.channel(), [queue], prefetch_count=1, on_message=id):
            for value in (1, 2):
                with pytest.raises(ServiceUnavailable):
                    pool.call("echo", until=time.monotonic() + 1, value=value)
        connection.collect()
    eventually(lambda: depth(amqp_uri, QUEUE) == 0)


def test_a_crowd_does_not_hold_all_threads(
    service: Any, broker_link: Proxy, amqp_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinic.rpc.rpc_client.LIMIT", 2)
    pool = RpcPool(amqp_uri)
    busy = [eventlet.spawn(call, pool, "wait", seconds=3) for _ in range(2)]
    eventually(lambda: len(StandIn.handled) == 2)
    assert refused(pool) < 2.5
    assert [each.wait() for each in busy] == ["waited", "waited"]
    assert call(pool, "echo", value=1) == 1
    pool.close()


def test_the_next_node_of_a_list_is_asked_when_the_first_is_away(
    service: Any, amqp_uri: str
) -> None:
    pool = RpcPool(f"amqp://guest:guest@127.0.0.1:1/;{amqp_uri}")
    assert call(pool, "echo", value=1) == 1
    pool.close()


def test_a_reply_that_cannot_be_sent_ends_no_service(
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
    asked = eventlet.spawn(call, pool, "wait", seconds=2)
    eventlet.sleep(1)
    broker_link.refuse()
    eventually(lambda: "could not send an RPC reply" in caplog.text, 20)
    broker_link.restore()
    # The broker delivers the request once more, and what may have been done is not done again.
    with pytest.raises(ServiceUnavailable):
        asked.wait()
    assert call(pool, "wait", seconds=0) == "waited"
    pool.close()
    container.stop()
