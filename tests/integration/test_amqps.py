"""With amqps:// every kind of client verifies the identity of the broker."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eventlet.green import socket
from kombu import Connection
from nameko.standalone.rpc import ClusterRpcProxy

from clinic.config import settings
from clinic.dead_letters.dead_letter_queues import DeadLetterQueues
from clinic.messaging import topology
from clinic.messaging.amqp_message import AmqpMessage
from clinic.messaging.publisher import Publisher
from clinic.nameko_extensions import rpc_entrypoint
from clinic.rpc.rpc_client import RpcPool, deadline
from runner.backends import rabbitmq
from runner.backends.ports import free_port
from runner.backends.rabbitmq import RabbitNode
from runner.processes.managed_process import ManagedProcess, start
from runner.processes.server import Server
from tests.amqp import depth
from tests.conftest import eventually
from tests.proxy import proxied
from tests.tls import Certificates, certificates

ROOT = Path(__file__).parents[2]
QUEUE = topology.BOOKING_REQUESTS.name

# eventlet leaves a socket whose handshake has failed to the garbage collector, which closes it.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

StartTlsProxy = Callable[[str], int]


@pytest.fixture
def trusted_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    made = certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.trusted))
    return made


@pytest.fixture
def start_tls_proxy(
    tmp_path: Path, trusted_certificates: Certificates, rabbit_node: RabbitNode
) -> Iterator[StartTlsProxy]:
    """Starts a TLS proxy to the broker, with a certificate for that name; returns its port."""
    processes: list[ManagedProcess] = []

    def start_proxy(name: str) -> int:
        port = free_port()
        arguments = [
            str(port),
            str(rabbit_node.port),
            str(trusted_certificates.server(name)),
            str(received_log(tmp_path)),
        ]
        command = [sys.executable, "-m", "tests.tls_proxy", *arguments]
        processes.append(start(Server("tls", command, {}, ROOT), tmp_path / "tls.log"))
        eventually(lambda: is_open(port))
        return port

    yield start_proxy
    for process in processes:
        process.kill()


def received_log(directory: Path) -> Path:
    return directory / "received"


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return bool(probe.connect_ex(("127.0.0.1", port)) == 0)


def uri(port: int, host: str = "localhost") -> str:
    return f"amqps://guest:guest@{host}:{port}/"


def publish(amqp_uri: str) -> None:
    publisher = Publisher(amqp_uri, topology.declare)
    try:
        publisher.publish_one(AmqpMessage("", QUEUE, b"{}"))
    finally:
        publisher.close()


def call(amqp_uri: str) -> Any:
    pool = RpcPool(amqp_uri)
    try:
        return pool.call("list_bookings", until=deadline())
    finally:
        pool.close()


def read_dead_letters(amqp_uri: str) -> None:
    with DeadLetterQueues.opened(settings({"AMQP_URI": amqp_uri})) as dead_letters:
        list(dead_letters.fetch_all())


def call_with_nameko(amqp_uri: str) -> None:
    with ClusterRpcProxy({"AMQP_URI": amqp_uri}, timeout=1):
        pass


CLIENTS: dict[str, Callable[[str], Any]] = {
    "publisher": publish,
    "RPC of the gateway": call,
    "dead letters of staff and command line": read_dead_letters,
    "make run": lambda amqp_uri: rabbitmq.connect(amqp_uri, 5),
    "RPC of nameko": call_with_nameko,
}

each_client = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)


@each_client
@pytest.mark.parametrize("name", ["wrong.example", "127.0.0.1"])
def test_a_broker_with_another_name_receives_no_data(
    client: Callable[[str], Any], name: str, start_tls_proxy: StartTlsProxy, tmp_path: Path
) -> None:
    port = start_tls_proxy(name)
    with pytest.raises(Exception, match=r"(?i)certificate|from the broker"):
        client(uri(port))
    assert not received_log(tmp_path).exists()


@each_client
def test_a_broker_with_an_untrusted_certificate_receives_no_data(
    client: Callable[[str], Any],
    start_tls_proxy: StartTlsProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = start_tls_proxy("localhost")
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Exception, match=r"(?i)certificate|from the broker"):
        client(uri(port))
    assert not received_log(tmp_path).exists()


@pytest.mark.parametrize(
    "client", [publish, read_dead_letters, CLIENTS["make run"], call_with_nameko]
)
def test_a_broker_with_a_valid_certificate_is_accepted(
    client: Callable[[str], Any], start_tls_proxy: StartTlsProxy, tmp_path: Path, amqp_uri: str
) -> None:
    port = start_tls_proxy("localhost")
    for _ in range(2):  # state left by the first connection must not affect the second
        client(uri(port))
    assert received_log(tmp_path).read_bytes().startswith(b"AMQP\x00\x00\x09\x01")


def test_reconnecting_over_tls_verifies_the_name_each_time(
    start_tls_proxy: StartTlsProxy, amqp_uri: str
) -> None:
    connection = Connection(uri(start_tls_proxy("localhost")))
    for _ in range(3):
        connection.ensure_connection(max_retries=1)
        connection.collect()


@pytest.mark.parametrize("order", [1, -1])
def test_each_node_of_a_cluster_is_verified_by_its_own_name(
    order: int, start_tls_proxy: StartTlsProxy, amqp_uri: str, tmp_path: Path
) -> None:
    by_name, by_address = start_tls_proxy("localhost"), start_tls_proxy("127.0.0.1")
    nodes = [uri(by_name), uri(by_address, "127.0.0.1")][::order]
    connection = Connection(";".join(nodes))
    for _ in range(4):
        connection.ensure_connection(max_retries=0)
        connection.collect()
        connection.maybe_switch_next()


def test_a_node_with_a_wrong_name_is_skipped(start_tls_proxy: StartTlsProxy, amqp_uri: str) -> None:
    nodes = [uri(start_tls_proxy("wrong.example")), uri(start_tls_proxy("localhost"))]
    publish(";".join(nodes))
    assert depth(amqp_uri, QUEUE) == 1


def test_a_cluster_uri_may_mix_amqp_and_amqps(
    start_tls_proxy: StartTlsProxy, amqp_uri: str
) -> None:
    connection = Connection(f"{amqp_uri};{uri(start_tls_proxy('localhost'))}")
    for _ in range(4):
        connection.ensure_connection(max_retries=0)
        connection.collect()
        connection.maybe_switch_next()


class Echo:
    name = "booking_service"

    @rpc_entrypoint.rpc
    def list_bookings(self) -> str:
        return "answered"


def test_a_service_consumes_and_replies_over_tls(
    start_tls_proxy: StartTlsProxy, config: dict[str, Any], container_factory: Any, tmp_path: Path
) -> None:
    config["AMQP_URI"] = uri(start_tls_proxy("localhost"))
    container_factory(Echo, config).start()
    assert call(config["AMQP_URI"]) == "answered"


def test_closing_a_connection_to_a_frozen_broker_does_not_block(
    start_tls_proxy: StartTlsProxy, amqp_uri: str
) -> None:
    """The TLS close handshake would otherwise wait for the peer."""
    with proxied(start_tls_proxy("localhost")) as proxy:
        publisher = Publisher(uri(proxy.port), topology.declare, timeout_seconds=5)
        publisher.keep_alive()
        proxy.freeze()
        started_at = time.monotonic()
        publisher.close()
        assert time.monotonic() - started_at < 3


@pytest.mark.parametrize("given", ["clínica:contraseñ4", "cl%C3%ADnica:contrase%C3%B14"])
def test_broker_credentials_may_contain_non_ascii_characters(
    given: str, rabbit_node: RabbitNode
) -> None:
    rabbit_node.ctl("add_user", "clínica", "contraseñ4")
    try:
        rabbit_node.ctl("set_permissions", "clínica", ".*", ".*", ".*")
        rabbitmq.connect(f"amqp://{given}@127.0.0.1:{rabbit_node.port}/", 5)
    finally:
        rabbit_node.ctl("delete_user", "clínica")
