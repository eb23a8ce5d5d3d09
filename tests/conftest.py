"""Fixtures for all tests: a RabbitMQ and a MongoDB-protocol server, private to the run."""

# The services run under eventlet, so their tests do too; pymongo must be imported afterwards.
import eventlet

eventlet.monkey_patch()

import os  # noqa: E402
import re  # noqa: E402
import time  # noqa: E402
import uuid  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402
from kombu import Connection  # noqa: E402
from pymongo import MongoClient  # noqa: E402
from pymongo.database import Database  # noqa: E402

from clinic.config import load  # noqa: E402
from clinic.messaging import topology  # noqa: E402
from clinic.mongo.client import durable_uri  # noqa: E402
from runner.backends.mongodb import MongoServer  # noqa: E402
from runner.backends.rabbitmq import RabbitNode  # noqa: E402
from runner.processes.managed_process import start  # noqa: E402
from tests.proxy import Proxy, proxied  # noqa: E402

#: How long anything may take on a shared machine before a test gives up on it.
PATIENCE_SECONDS = 60

#: Every delay that a test makes messages wait.
RETRY_SECONDS = (1, 2, 4, 10, 20)

# What a shared machine is slow at is no fault of the code.
settings.register_profile(
    "shared", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared")

CONFIG = Path(__file__).parent.parent / "config.yaml"

# What somebody has set for a run of their own must not change what is tested.
for _variable in ["CLINIC_CONFIG", *re.findall(r"\$\{(\w+)", CONFIG.read_text())]:
    os.environ.pop(_variable, None)

#: Tests and load come from one address, and ask for more than any patient does. Tests of a limit
#: set it for themselves.
UNLIMITED = {
    "RATE_LIMIT": "off",
    "FAILED_ATTEMPTS_LIMIT": "off",
    "MAX_OPEN_BOOKINGS": "off",
    "MAX_EMAILS_PER_ADDRESS": "off",
}
os.environ.update(UNLIMITED)


def eventually(condition: Callable[[], Any], timeout_seconds: float = PATIENCE_SECONDS) -> Any:
    """Poll until `condition` returns something true, and return that."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def rabbit_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    yield from running(RabbitNode(tmp_path_factory.mktemp("rabbitmq")))


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    yield from running(MongoServer(tmp_path_factory.mktemp("mongodb")))


@pytest.fixture
def amqp_uri(rabbit_node: RabbitNode) -> Iterator[str]:
    """A broker whose queues are empty.

    They are emptied and not deleted: RabbitMQ 3.10 fails in time when quorum queues of one name
    come and go by the hundred.
    """
    empty_queues(rabbit_node.uri)
    yield rabbit_node.uri
    empty_queues(rabbit_node.uri)


def empty_queues(uri: str) -> None:
    with Connection(uri) as connection:
        channel = connection.default_channel
        topology.declare(channel, RETRY_SECONDS, RETRY_SECONDS)
        topology.unbind_webhook(channel)
        for work in topology.WORK_QUEUES:
            for queue in work.queues(RETRY_SECONDS):
                channel.queue_purge(queue.name)
        for service in (topology.BOOKING_SERVICE, topology.NOTIFICATION_ADMIN, topology.CATALOGUE):
            channel.queue_delete(f"rpc-{service}")


@pytest.fixture
def broker_link(rabbit_node: RabbitNode, amqp_uri: str) -> Iterator[Proxy]:
    """The way to the broker, which a test may break."""
    with proxied(rabbit_node.port) as proxy:
        yield proxy


@pytest.fixture
def mongodb_uri(mongo_server: MongoServer) -> Iterator[str]:
    """An empty database of its own."""
    name = f"test_{uuid.uuid4().hex}"
    uri = mongo_server.uri.replace("/clinic", f"/{name}")
    yield uri
    with MongoClient(uri) as client:
        client.drop_database(name)


@pytest.fixture
def database(mongodb_uri: str) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient(durable_uri(mongodb_uri)) as client:
        yield client.get_default_database()


@pytest.fixture
def config(amqp_uri: str, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """`config.yaml` for the private servers: no simulated delay, short waits."""
    variables = {
        "AMQP_URI": amqp_uri,
        "MONGODB_URI": mongodb_uri,
        "AVAILABILITY_DELAY_SECONDS": "0",
        "BOOKING_RETRY_TTL_SECONDS": "1",
        "EMAIL_RETRY_TTL_SECONDS": "1",
        "WEBHOOK_RETRY_TTL_SECONDS": "1",
        "WEBHOOK_MAX_ATTEMPTS": "3",
        "OUTBOX_RECOVERY_INTERVAL_SECONDS": "0.2",
        "BOOKING_MAX_WORKERS": "20",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load(str(CONFIG))


def running(backend: Any) -> Iterator[Any]:
    processes = [
        start(server, backend.directory / f"{server.name}.log") for server in backend.servers
    ]
    try:
        eventually(backend.is_ready)
        yield backend
    finally:
        for process in reversed(processes):
            process.stop()
