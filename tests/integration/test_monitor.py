"""The health server of a nameko service: readiness and metrics."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import eventlet
import psutil
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from pymongo.database import Database

from booking_service.service import BookingWorker
from clinic.bookings.repository import BookingRepository
from clinic.contracts import strict_json
from clinic.contracts.messages import BookingRequested, BookingStateChanged
from clinic.domain import booking as steps
from clinic.domain.booking import Booking
from clinic.domain.clock import now
from clinic.domain.retry_policy import ATTEMPT_HEADER
from clinic.nameko_extensions.health_server import HealthServer
from clinic.outbox.outbox import Outbox
from notification_service.service import NotificationService
from runner.backends.mongodb import MongoServer
from runner.backends.ports import free_port, is_taken
from runner.backends.rabbitmq import RabbitNode
from tests.amqp import put
from tests.bookings import put_booking
from tests.clinics import confirm_seat
from tests.conftest import eventually
from tests.mailbox import Mailbox
from tests.proxy import Proxy, proxied

SERVICES = [BookingWorker, NotificationService]
REQUESTS = "booking_requests"
EMAIL = "notification_service.email"
LONG_AGO = datetime.fromisoformat("2023-12-01T10:00:00Z")


class MonitoredService:
    """A running container, seen through its health server."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def status(self, path: str) -> int:
        try:
            return requests.get(f"{self.url}{path}", timeout=10).status_code
        except requests.ConnectionError:
            return 0

    def value(self, name: str, **labels: str) -> float:
        """A sample of /metrics, or 0 if it does not exist yet."""
        response = requests.get(f"{self.url}/metrics", timeout=10)
        assert response.status_code == 200
        for family in text_string_to_metric_families(response.text):
            for sample in family.samples:
                if (sample.name, sample.labels) == (name, labels):
                    return sample.value
        return 0


class Growth:
    """How much a sample has grown since creation.

    Counters belong to the process, and earlier tests have incremented them.
    """

    def __init__(self, monitored: MonitoredService, name: str, **labels: str) -> None:
        self._value: Callable[[], float] = lambda: monitored.value(name, **labels)
        self._before = self._value()

    def __call__(self) -> float:
        return self._value() - self._before


Start = Callable[..., MonitoredService]


@pytest.fixture
def start(config: dict[str, Any], container_factory: Any) -> Iterator[Start]:
    """Starts a service with its health server, and stops it when the test ends."""
    containers = []

    def start(service: type[Any]) -> MonitoredService:
        port = free_port()
        config["MONITOR"] = {"host": "127.0.0.1", "port": port}
        container = container_factory(service, config)
        containers.append(container)
        container.start()
        return MonitoredService(port)

    yield start
    for container in containers:
        container.stop()


@pytest.fixture
def store(database: Database[Any]) -> BookingRepository:
    return BookingRepository(database, Outbox(database, 60))


@pytest.fixture
def mailbox(mailbox: Mailbox, config: dict[str, Any]) -> Mailbox:
    config["SMTP"] |= {"host": "127.0.0.1", "port": mailbox.port}
    return mailbox


@pytest.fixture
def broker(rabbit_node: RabbitNode, config: dict[str, Any]) -> Iterator[Proxy]:
    """A proxy to the broker whose connections can be cut."""
    with proxied(rabbit_node.port) as proxy:
        config["AMQP_URI"] = f"amqp://guest:guest@127.0.0.1:{proxy.port}/"
        yield proxy


@pytest.fixture
def database_link(mongo_server: MongoServer, config: dict[str, Any]) -> Iterator[Proxy]:
    with proxied(mongo_server.port) as proxy:
        uri = config["MONGODB_CONNECTION_URL"]
        uri = uri.replace(f":{mongo_server.port}/", f":{proxy.port}/")
        config["MONGODB_CONNECTION_URL"] = f"{uri}?serverSelectionTimeoutMS=300"
        yield proxy


def pending(
    store: BookingRepository, date: datetime = LONG_AGO, address: str = "ana@example.com"
) -> Booking:
    return put_booking(store, patient_email=address, date=date)


def send_request(amqp_uri: str, booking: Booking, **properties: Any) -> None:
    body = strict_json.dumps(BookingRequested.of(booking).to_body())
    put(amqp_uri, REQUESTS, body, content_type="application/json", **properties)


def rejected(store: BookingRepository, address: str = "ana@example.com") -> BookingStateChanged:
    return apply(store, steps.reject(pending(store, address=address), reason="past", **NOW))


NOW: dict[str, Any] = {"at": now(), "by": "test"}


def apply(store: BookingRepository, transition: steps.Transition) -> BookingStateChanged:
    store.apply(transition)
    return BookingStateChanged.of(transition)


def send_event(amqp_uri: str, event: BookingStateChanged) -> None:
    put(amqp_uri, EMAIL, strict_json.dumps(event.to_body()), content_type="application/json")


# --- readiness


@pytest.mark.parametrize("service", SERVICES)
def test_a_running_service_is_ready_and_exposes_its_metrics(start: Start, service: Any) -> None:
    monitored = start(service)
    response = requests.get(f"{monitored.url}/health/ready", timeout=10)
    assert (response.status_code, response.json()) == (200, {"status": "ready"})
    assert response.headers["Content-Type"] == "application/json"
    metrics = requests.get(f"{monitored.url}/metrics", timeout=10)
    assert metrics.status_code == 200
    assert metrics.headers["Content-Type"].startswith("text/plain; version=")
    assert "# TYPE clinic_messages_consumed_total counter" in metrics.text


@pytest.mark.parametrize("path", ["/", "/metrics/", "/health", "/health/live", "/bookings/", "//"])
def test_any_other_path_of_the_health_server_is_not_found(start: Start, path: str) -> None:
    response = requests.get(f"{start(BookingWorker).url}{path}", timeout=10)
    assert (response.status_code, response.content) == (404, b"")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_not_ready_while_its_broker_is_down(
    start: Start, broker: Proxy, service: Any
) -> None:
    monitored = start(service)
    assert monitored.status("/health/ready") == 200
    broker.refuse()
    eventually(lambda: monitored.status("/health/ready") == 503)
    assert monitored.status("/metrics") == 200
    broker.restore()
    eventually(lambda: monitored.status("/health/ready") == 200)


def test_a_service_started_before_its_broker_becomes_ready_with_it(
    config: dict[str, Any], container_factory: Any, broker: Proxy
) -> None:
    broker.refuse()
    port = free_port()
    config["MONITOR"] = {"host": "127.0.0.1", "port": port}
    container = container_factory(BookingWorker, config)
    starting = eventlet.spawn(container.start)
    monitored = MonitoredService(port)
    eventually(lambda: monitored.status("/health/ready") == 503)
    broker.restore()
    eventually(lambda: monitored.status("/health/ready") == 200)
    starting.wait()
    container.stop()


def test_a_service_stays_ready_while_the_database_is_down(
    start: Start, database_link: Proxy
) -> None:
    monitored = start(BookingWorker)
    database_link.refuse()
    for _ in range(3):
        assert monitored.status("/health/ready") == 200
    database_link.restore()


def listening() -> set[int]:
    connections = psutil.Process().net_connections("inet")
    return {each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}


@pytest.mark.parametrize(
    "monitor", [None, {"host": "127.0.0.1", "port": 0}], ids=["none", "port 0"]
)
def test_without_a_configured_port_no_health_server_listens(
    config: dict[str, Any], container_factory: Any, monitor: Any
) -> None:
    config["MONITOR"] = monitor
    before = listening()
    container = container_factory(BookingWorker, config)
    container.start()
    assert listening() == before
    container.stop()


def test_a_stopped_service_releases_its_port_without_warnings(
    config: dict[str, Any], container_factory: Any, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    config["MONITOR"] = {"host": "127.0.0.1", "port": port}
    container = container_factory(BookingWorker, config)
    container.start()
    assert is_taken(port)
    assert port in listening()
    container.stop()
    eventually(lambda: port not in listening())
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_two_services_cannot_share_a_health_port(
    config: dict[str, Any], container_factory: Any
) -> None:
    # Otherwise each scrape would reach either one or the other.
    config["MONITOR"] = {"host": "127.0.0.1", "port": free_port()}
    first, second = (container_factory(service, config) for service in SERVICES)
    first.start()
    (monitor,) = (each for each in second.dependencies if isinstance(each, HealthServer))
    with pytest.raises(OSError, match="in use"):
        monitor.start()
    first.stop()


# --- metrics of the worker


def test_decisions_are_counted_by_outcome_and_their_checks_are_timed(
    start: Start, store: BookingRepository, config: dict[str, Any], amqp_uri: str
) -> None:
    config["AVAILABILITY"]["delay_seconds"] = "0.2"
    monitored = start(BookingWorker)
    past = Growth(monitored, "clinic_decisions_total", status="rejected", reason="past")
    confirmed = Growth(monitored, "clinic_decisions_total", status="confirmed", reason="")
    done = Growth(monitored, "clinic_messages_consumed_total", queue=REQUESTS, outcome="acked")
    checks = Growth(monitored, "clinic_check_seconds_count")
    seconds = Growth(monitored, "clinic_check_seconds_sum")
    quick = Growth(monitored, "clinic_check_seconds_bucket", le="0.1")
    noon = (now() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    for date in (LONG_AGO, LONG_AGO, noon):
        send_request(amqp_uri, pending(store, date))
    eventually(lambda: done() == 3)
    assert (past(), confirmed(), checks(), quick()) == (2, 1, 3, 0)
    assert 0.6 <= seconds() < 30


def test_a_duplicate_request_is_not_counted_as_a_second_decision(
    start: Start, store: BookingRepository, amqp_uri: str
) -> None:
    monitored = start(BookingWorker)
    past = Growth(monitored, "clinic_decisions_total", status="rejected", reason="past")
    done = Growth(monitored, "clinic_messages_consumed_total", queue=REQUESTS, outcome="acked")
    booking = pending(store)
    send_request(amqp_uri, booking)
    eventually(lambda: done() == 1)
    send_request(amqp_uri, booking)
    eventually(lambda: done() == 2)
    assert past() == 1


def test_failed_checks_are_counted_as_retries_and_then_as_a_dead_letter(
    start: Start, store: BookingRepository, config: dict[str, Any], amqp_uri: str
) -> None:
    config["AVAILABILITY"]["failure_rate"] = 1
    monitored = start(BookingWorker)
    retried, dead_lettered, done = (
        Growth(monitored, "clinic_messages_consumed_total", queue=REQUESTS, outcome=outcome)
        for outcome in ("retried", "dead_lettered", "acked")
    )
    dead_letters = Growth(
        monitored, "clinic_dead_letters_total", queue=REQUESTS, error_code="check_unavailable"
    )
    checks = Growth(monitored, "clinic_check_seconds_count")
    send_request(amqp_uri, pending(store))
    eventually(lambda: dead_letters() == 1)
    assert (retried(), dead_lettered(), done(), checks()) == (2, 1, 0, 3)


@pytest.mark.parametrize(
    ("body", "properties", "error_code"),
    [
        pytest.param(b"{", {}, "poison_message", id="not JSON"),
        pytest.param(
            json.dumps(
                {"bookingId": str(uuid.uuid4()), "date": "2026-12-01T10:00:00Z", "version": 1}
            ).encode(),
            {"headers": {ATTEMPT_HEADER: 3}},
            "booking_not_found",
            id="unknown booking",
        ),
    ],
)
def test_dead_letters_are_counted_by_error_code(
    start: Start, amqp_uri: str, body: bytes, properties: dict[str, Any], error_code: str
) -> None:
    monitored = start(BookingWorker)
    dead_lettered = Growth(
        monitored, "clinic_messages_consumed_total", queue=REQUESTS, outcome="dead_lettered"
    )
    dead_letters = Growth(
        monitored, "clinic_dead_letters_total", queue=REQUESTS, error_code=error_code
    )
    put(amqp_uri, REQUESTS, body, content_type="application/json", **properties)
    eventually(lambda: dead_letters() == 1)
    assert dead_lettered() == 1


def test_retries_during_a_database_outage_are_counted_as_deferred(
    start: Start, store: BookingRepository, database_link: Proxy, amqp_uri: str
) -> None:
    booking = pending(store)
    monitored = start(BookingWorker)
    postponed, done, retried, dead_lettered = (
        Growth(monitored, "clinic_messages_consumed_total", queue=REQUESTS, outcome=outcome)
        for outcome in ("deferred", "acked", "retried", "dead_lettered")
    )
    database_link.refuse()
    send_request(amqp_uri, booking)
    eventually(lambda: postponed() >= 2)
    database_link.restore()
    eventually(lambda: done() == 1)
    assert (retried(), dead_lettered()) == (0, 0)


# --- metrics of the notifier


def notifications(monitored: MonitoredService, outcome: str) -> Growth:
    return Growth(monitored, "clinic_notifications_total", channel="email", outcome=outcome)


def test_an_email_is_counted_as_sent_once_and_then_as_a_duplicate(
    start: Start, store: BookingRepository, mailbox: Mailbox, amqp_uri: str
) -> None:
    monitored = start(NotificationService)
    sent, duplicate = (notifications(monitored, each) for each in ("sent", "duplicate"))
    done = Growth(monitored, "clinic_messages_consumed_total", queue=EMAIL, outcome="acked")
    event = rejected(store)
    send_event(amqp_uri, event)
    eventually(lambda: sent() == 1)
    send_event(amqp_uri, event)
    eventually(lambda: duplicate() == 1)
    eventually(lambda: done() == 2)
    assert (sent(), len(mailbox.emails())) == (1, 1)


def test_a_rejected_email_is_counted_as_failed_and_as_a_dead_letter(
    start: Start, store: BookingRepository, mailbox: Mailbox, amqp_uri: str
) -> None:
    monitored = start(NotificationService)
    failed, sent = (notifications(monitored, each) for each in ("failed", "sent"))
    dead_letters = Growth(
        monitored, "clinic_dead_letters_total", queue=EMAIL, error_code="recipient_rejected"
    )
    send_event(amqp_uri, rejected(store, "refused@example.com"))
    eventually(lambda: dead_letters() == 1)
    assert (failed(), sent()) == (1, 0)


def test_a_deferred_email_is_counted_as_postponed_and_then_as_sent(
    start: Start, store: BookingRepository, mailbox: Mailbox, amqp_uri: str
) -> None:
    monitored = start(NotificationService)
    postponed, sent = (notifications(monitored, each) for each in ("postponed", "sent"))
    deferred = Growth(monitored, "clinic_messages_consumed_total", queue=EMAIL, outcome="deferred")
    send_event(amqp_uri, rejected(store, "later@example.com"))
    eventually(lambda: postponed() >= 2)
    mailbox.open()
    eventually(lambda: sent() == 1)
    assert deferred() == postponed()


def test_an_older_event_is_counted_as_superseded(
    start: Start, store: BookingRepository, mailbox: Mailbox, amqp_uri: str
) -> None:
    monitored = start(NotificationService)
    superseded, sent = (notifications(monitored, each) for each in ("superseded", "sent"))
    booking = pending(store)
    confirmation = apply(store, confirm_seat(booking, **NOW))
    current = store.get(booking.id)
    cancellation = apply(store, steps.cancel(current, reason="cancelled_by_patient", **NOW))
    send_event(amqp_uri, cancellation)
    eventually(lambda: sent() == 1)
    send_event(amqp_uri, confirmation)
    eventually(lambda: superseded() == 1)
    assert sent() == 1


def test_an_email_resent_after_a_crash_is_counted_as_a_possible_duplicate(
    start: Start,
    store: BookingRepository,
    mailbox: Mailbox,
    database: Database[Any],
    amqp_uri: str,
) -> None:
    monitored = start(NotificationService)
    possible_duplicates = Growth(
        monitored, "clinic_notifications_possible_duplicates_total", channel="email"
    )
    sent = notifications(monitored, "sent")
    event = rejected(store)
    send_event(amqp_uri, event)
    eventually(lambda: sent() == 1)
    assert possible_duplicates() == 0
    # Sent, but the process crashed before it recorded the outcome.
    database["notifications"].update_one({}, {"$set": {"state": "sending", "leaseUntil": now()}})
    send_event(amqp_uri, event)
    eventually(lambda: sent() == 2)
    assert possible_duplicates() == 1


def test_service_metrics_contain_no_ids_or_personal_data(
    start: Start, store: BookingRepository, mailbox: Mailbox, amqp_uri: str
) -> None:
    monitored = start(NotificationService)
    sent = notifications(monitored, "sent")
    event = rejected(store, "canario@jaula.example")
    send_event(amqp_uri, event)
    eventually(lambda: sent() == 1)
    text = requests.get(f"{monitored.url}/metrics", timeout=10).text
    for secret in (event.booking_id, "canario", "jaula", "Ana"):
        assert secret not in text
