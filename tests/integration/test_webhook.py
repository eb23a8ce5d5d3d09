"""The webhook channel: requests to the endpoint, and independence from the e-mail channel."""

from __future__ import annotations

import gc
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import eventlet
import pytest
from eventlet import patcher
from pymongo.database import Database
from urllib3.util import parse_url

from clinic.bookings.change_feed import ChangeFeed
from clinic.bookings.repository import BookingRepository
from clinic.contracts import strict_json
from clinic.contracts.messages import BookingStateChanged
from clinic.domain import booking as steps
from clinic.domain.booking import NO_CHOICE, Choice
from clinic.domain.clock import now, to_wire
from clinic.errors import BrokerUnavailable, ChannelUnavailable, WebhookRejected, WebhookServerError
from clinic.messaging import topology
from clinic.messaging.publisher import Publisher
from clinic.observability.metrics import NOTIFICATIONS
from clinic.outbox.outbox import Outbox
from clinic.outbox.outbox_message import OutboxMessage
from notification_service.channels import teardown, webhook
from notification_service.channels.teardown import ChannelTeardown
from notification_service.channels.webhook import WebhookChannel
from notification_service.channels.webhook_signature import sign
from notification_service.delivery_log import DeliveryLog
from notification_service.reconciliation.reconciler import Reconciler
from notification_service.reconciliation.watermark import Watermark
from notification_service.service import NotificationService, WebhookService
from runner.backends.ports import free_port
from tests.amqp import body_of, consumers, depth, put, take
from tests.bookings import put_booking, requested
from tests.clinics import confirm_seat, move_to
from tests.conftest import eventually
from tests.mailbox import Mailbox
from tests.receiver import Receiver, receiving
from tests.sample_catalogue import visit_of

WEBHOOK, EMAIL = topology.WEBHOOK, topology.EMAIL
SECRETS = ("known to the endpoint", "the one that is next")


@pytest.fixture
def endpoint() -> Iterator[Receiver]:
    with receiving() as endpoint:
        yield endpoint


@pytest.fixture
def channel(endpoint: Receiver) -> WebhookChannel:
    return to(endpoint.url)


@pytest.fixture
def mailbox(mailbox: Mailbox, config: dict[str, Any]) -> Mailbox:
    config["SMTP"] |= {"host": "127.0.0.1", "port": mailbox.port}
    return mailbox


@pytest.fixture
def bookings(database: Database[Any]) -> BookingRepository:
    return BookingRepository(database, Outbox(database, 60))


@pytest.fixture
def start(config: dict[str, Any], container_factory: Any) -> Iterator[Callable[..., Any]]:
    """Start a service with five workers and stop it after the test."""
    containers: list[Any] = []

    def start(service: type, url: str = "") -> Any:
        config["WEBHOOK"] = {"url": url, "secret": ",".join(SECRETS)}
        config["max_workers"] = 5
        containers.append(container_factory(service, config))
        containers[-1].start()
        return containers[-1]

    yield start
    for container in containers:
        container.stop()


@pytest.fixture
def publish(amqp_uri: str) -> Iterator[Callable[..., None]]:
    """Publish events as a relay does: through the exchanges, to all bound queues."""
    publisher = Publisher(amqp_uri, topology.declare)

    def publish(*events: BookingStateChanged) -> None:
        returned = publisher.publish(
            [OutboxMessage.of_change(event).to_message() for event in events]
        )
        assert returned == []

    yield publish
    publisher.close()


def to(url: str) -> WebhookChannel:
    return WebhookChannel(parse_url(url), SECRETS)


def rejection() -> BookingStateChanged:
    return BookingStateChanged.of(steps.reject(requested(), reason="past", at=now(), by="test"))


def rejected(bookings: BookingRepository, ago: timedelta = timedelta(0)) -> BookingStateChanged:
    at = now() - ago
    booking = put_booking(bookings, at=at)
    return apply_transition(bookings, steps.reject(booking, reason="past", at=at, by="test"))


def apply_transition(
    bookings: BookingRepository, transition: steps.Transition
) -> BookingStateChanged:
    bookings.apply(transition)
    return BookingStateChanged.of(transition)


def send(uri: str, event: BookingStateChanged, **properties: Any) -> None:
    body = strict_json.dumps(event.to_body())
    put(uri, WEBHOOK.name, body, content_type="application/json", **properties)


def states(database: Database[Any], channel: str = "webhook") -> dict[str, str]:
    rows = database["notifications"].find({"channel": channel})
    return {row["_id"].removesuffix(f":{channel}"): row["state"] for row in rows}


# --- one request


def test_a_request_has_a_signature_for_each_secret(
    channel: WebhookChannel, endpoint: Receiver
) -> None:
    event = rejection()
    channel.send(event)
    (call,) = endpoint.calls
    timestamp = int(call.headers["X-Clinic-Timestamp"])
    assert call.event == event.to_body()
    assert call.headers["X-Clinic-Event-Id"] == event.event_id
    assert call.headers["X-Clinic-Signature"] == sign(call.raw, timestamp, SECRETS)
    assert abs(timestamp - time.time()) < 60
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["User-Agent"] == "clinic-booking"
    assert call.headers["Host"] == f"127.0.0.1:{endpoint.port}"
    assert call.headers["Path"] == "/hook"


def test_a_request_contains_the_choice_and_the_end(
    start: Callable[..., Any],
    publish: Callable[..., None],
    bookings: BookingRepository,
    endpoint: Receiver,
) -> None:
    """Those of the booking, even if the message has none."""
    booking = put_booking(bookings, choice=Choice("visit", None, "centro"))
    assignment = visit_of(booking.date)
    event = apply_transition(
        bookings, steps.confirm(booking, assignment=assignment, at=now(), by="test")
    )
    start(WebhookService, endpoint.url)
    publish(replace(event, choice=NO_CHOICE, end=None))
    (call,) = eventually(lambda: endpoint.calls)
    assert call.event == event.to_body()
    chosen = {"service": "visit", "practitioner": "ana-lopez", "site": "centro"}
    expected = chosen | {"clinic": "default", "end": to_wire(assignment.end)}
    assert {name: call.event.get(name) for name in expected} == expected


def test_a_rejection_contains_what_was_requested(
    start: Callable[..., Any],
    publish: Callable[..., None],
    bookings: BookingRepository,
    endpoint: Receiver,
) -> None:
    booking = put_booking(bookings, choice=Choice("visit", None, "centro"))
    event = apply_transition(bookings, steps.reject(booking, reason="closed", at=now(), by="test"))
    start(WebhookService, endpoint.url)
    publish(event)
    (call,) = eventually(lambda: endpoint.calls)
    assert (call.event["service"], call.event["site"]) == ("visit", "centro")
    assert not {"practitioner", "end"} & set(call.event)


def test_a_request_contains_no_name_and_no_address(
    channel: WebhookChannel, endpoint: Receiver
) -> None:
    channel.send(rejection())
    (call,) = endpoint.calls
    assert set(call.event) == {
        *("eventId", "clinic", "bookingId", "version", "status", "previousStatus"),
        *("reason", "date", "occurredAt"),
    }


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_response_is_success(
    channel: WebhookChannel, endpoint: Receiver, status: int
) -> None:
    endpoint.status = status
    channel.send(rejection())
    assert len(endpoint.calls) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, ChannelUnavailable) for status in (408, 429, 502, 503, 504)),
        *((status, WebhookServerError) for status in (500, 501, 599)),
        *((status, WebhookRejected) for status in (300, 301, 307, 308, 400, 401, 404, 410, 422)),
    ],
)
def test_other_response_statuses_raise_the_matching_error(
    channel: WebhookChannel, endpoint: Receiver, status: int, error: type[Exception]
) -> None:
    endpoint.status = status
    with pytest.raises(error, match=f"the endpoint answered {status}"):
        channel.send(rejection())
    # The Location header was not followed.
    assert len(endpoint.calls) == 1


def test_an_unreachable_endpoint_is_unavailable() -> None:
    with pytest.raises(ChannelUnavailable):
        to(f"http://127.0.0.1:{free_port()}/").send(rejection())


def test_an_unresolvable_host_is_unavailable() -> None:
    with pytest.raises(ChannelUnavailable, match="gaierror"):
        to("http://nobody.invalid/").send(rejection())


def test_each_address_of_the_endpoint_is_tried(
    channel: WebhookChannel, endpoint: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_addresses", lambda *_: ["127.0.0.2", "127.0.0.1"])
    channel.send(rejection())
    assert len(endpoint.calls) == 1


def test_a_hanging_resolver_does_not_block_other_greenlets(
    endpoint: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, ended = [], []

    def hang(*_: Any, **__: Any) -> list[Any]:
        began.append(True)
        patcher.original("time").sleep(0.5)
        ended.append(True)
        return [(socket.AF_INET, None, None, "", ("127.0.0.1", endpoint.port))]

    monkeypatch.setattr(webhook._system_socket, "getaddrinfo", hang)
    sending = eventlet.spawn(to(f"http://slow.example:{endpoint.port}/").send, rejection())
    while not began:
        eventlet.sleep(0.01)
    assert not ended
    sending.wait()
    assert len(endpoint.calls) == 1


def test_a_hanging_endpoint_times_out(
    channel: WebhookChannel, endpoint: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "SEND_SECONDS", 0.2)
    endpoint.hang()
    with pytest.raises(ChannelUnavailable):
        channel.send(rejection())


def test_a_trickling_response_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SEND_SECONDS", 0.5)

    def drip(listener: Any) -> None:
        connection, _ = listener.accept()
        with closing(connection), suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Endless: ")
            while True:
                connection.sendall(b"x")
                eventlet.sleep(0.05)

    with closing(eventlet.listen(("127.0.0.1", 0))) as listener:
        dripping = eventlet.spawn(drip, listener)
        with pytest.raises(ChannelUnavailable):
            to(f"http://127.0.0.1:{listener.getsockname()[1]}/").send(rejection())
        dripping.wait()  # the channel closes the connection


def test_all_addresses_share_one_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SEND_SECONDS", 0.3)
    monkeypatch.setattr(webhook, "_addresses", lambda *_: ["127.0.0.1"] * 3)
    pool, tried = WebhookChannel._pool, []

    def record(channel: WebhookChannel, address: str) -> Any:
        tried.append(address)
        return pool(channel, address)

    monkeypatch.setattr(WebhookChannel, "_pool", record)
    with full_listener() as port, pytest.raises(ChannelUnavailable, match="too slow"):
        to(f"http://127.0.0.1:{port}/").send(rejection())
    assert len(tried) == 1


@contextmanager
def full_listener() -> Iterator[int]:
    """Listen with a full backlog, which neither accepts nor rejects connections."""
    with ExitStack() as opened:
        sockets = [opened.enter_context(closing(socket.socket())) for _ in range(4)]
        listener, *waiting = sockets
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_an_endless_response_body_is_not_read(channel: WebhookChannel, endpoint: Receiver) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65_536
            eventlet.sleep(0.01)

    endpoint.body = endless()
    channel.send(rejection())


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    if not shutil.which("openssl"):
        pytest.skip("makes its certificate with openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "1"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *names, *files], check=True, capture_output=True)
    return key, certificate


class TlsEndpoint:
    """Accepts requests over TLS and records the decrypted data."""

    def __init__(self, listener: Any, key: Path, certificate: Path) -> None:
        self._listener = listener
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self.port = listener.getsockname()[1]
        self.requests: list[bytes] = []

    def serve(self) -> None:
        while True:
            raw, _ = self._listener.accept()
            secure = self._context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
            with closing(secure), suppress(OSError):
                secure.do_handshake()
                for part in iter(partial(secure.recv, 65_536), b""):
                    self.requests.append(part)
                    if part.endswith(b"}"):
                        secure.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


@pytest.fixture
def tls_endpoint(certificate: tuple[Path, Path]) -> Iterator[TlsEndpoint]:
    with closing(eventlet.listen(("127.0.0.1", 0))) as listener:
        endpoint = TlsEndpoint(listener, *certificate)
        serving = eventlet.spawn(endpoint.serve)
        yield endpoint
        serving.kill()


def test_an_endpoint_with_a_trusted_certificate_gets_the_event(
    tls_endpoint: TlsEndpoint, certificate: tuple[Path, Path]
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate[1]))
    channel = replace(to(f"https://localhost:{tls_endpoint.port}/"), tls=trusting)
    channel.send(rejection())
    assert tls_endpoint.requests[0].startswith(b"POST / HTTP/1.1\r\n")


# eventlet leaves sockets of failed handshakes to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("is_trusted", [True, False])
def test_an_endpoint_with_an_invalid_certificate_gets_no_data(
    tls_endpoint: TlsEndpoint, certificate: tuple[Path, Path], is_trusted: bool
) -> None:
    cafile = str(certificate[1]) if is_trusted else None
    host = "127.0.0.1" if is_trusted else "localhost"  # not covered by the certificate
    channel = replace(
        to(f"https://{host}:{tls_endpoint.port}/"),
        tls=ssl.create_default_context(cafile=cafile),
    )
    with pytest.raises(ChannelUnavailable, match="SSL"):
        channel.send(rejection())
    gc.collect()
    assert b"".join(tls_endpoint.requests) == b""


# --- the service


def test_a_duplicate_event_is_sent_once(
    start: Callable[..., Any],
    publish: Callable[..., None],
    bookings: BookingRepository,
    endpoint: Receiver,
    database: Database[Any],
    amqp_uri: str,
) -> None:
    start(WebhookService, endpoint.url)
    event, sent = rejected(bookings), NOTIFICATIONS.labels("webhook", "sent")._value
    before = sent.get()
    publish(event)
    eventually(lambda: states(database) == {event.event_id: "sent"})
    assert sent.get() == before + 1
    publish(event, event)
    eventually(lambda: depth(amqp_uri, WEBHOOK.name) == 0)
    assert endpoint.event_ids == [event.event_id]
    assert endpoint.calls[0].event == event.to_body()


def test_the_sent_event_is_built_from_the_stored_booking(
    start: Callable[..., Any], bookings: BookingRepository, endpoint: Receiver, amqp_uri: str
) -> None:
    start(WebhookService, endpoint.url)
    event = rejected(bookings)
    send(amqp_uri, replace(event, occurred_at=now()))
    (call,) = eventually(lambda: endpoint.calls)
    assert call.event == event.to_body()


def test_a_transition_is_sent_with_its_own_date(
    start: Callable[..., Any], bookings: BookingRepository, endpoint: Receiver, amqp_uri: str
) -> None:
    start(WebhookService, endpoint.url)
    booking = put_booking(bookings)
    confirmed = apply_transition(bookings, confirm_seat(booking, at=now(), by="test"))
    current, moved_to = bookings.get(booking.id), booking.date + timedelta(days=1)
    apply_transition(
        bookings,
        move_to(current, moved_to, at=now(), by="test"),
    )
    send(amqp_uri, confirmed)
    (call,) = eventually(lambda: endpoint.calls)
    assert call.event == confirmed.to_body()


def test_a_forged_event_is_dead_lettered(
    start: Callable[..., Any], bookings: BookingRepository, endpoint: Receiver, amqp_uri: str
) -> None:
    start(WebhookService, endpoint.url)
    send(amqp_uri, replace(rejected(bookings), reason="closed"))
    dead_lettered = eventually(lambda: take(amqp_uri, WEBHOOK.dead_letter))
    assert dead_lettered.headers["x-error-code"] == "poison_message"
    assert endpoint.calls == []


def test_each_transition_is_sent_even_after_a_later_one(
    start: Callable[..., Any], bookings: BookingRepository, endpoint: Receiver, amqp_uri: str
) -> None:
    start(WebhookService, endpoint.url)
    booking = put_booking(bookings)
    first = apply_transition(bookings, confirm_seat(booking, at=now(), by="test"))
    cancelled = steps.cancel(
        bookings.get(booking.id), reason="cancelled_by_patient", at=now(), by="patient"
    )
    second = apply_transition(bookings, cancelled)
    for event in (second, first):
        send(amqp_uri, event)
        eventually(lambda event=event: event.event_id in endpoint.event_ids)
    assert endpoint.event_ids == [second.event_id, first.event_id]


def test_a_server_error_is_retried_with_the_same_event_id(
    start: Callable[..., Any],
    bookings: BookingRepository,
    endpoint: Receiver,
    database: Database[Any],
    amqp_uri: str,
) -> None:
    endpoint.answers = [500, 500]
    start(WebhookService, endpoint.url)
    event = rejected(bookings)
    send(amqp_uri, event)
    eventually(lambda: states(database) == {event.event_id: "sent"})
    assert endpoint.event_ids == [event.event_id] * 3
    assert depth(amqp_uri, WEBHOOK.dead_letter) == 0


@pytest.mark.parametrize(
    ("status", "cause", "runs"), [(500, "webhook_failed", 3), (410, "webhook_rejected", 1)]
)
def test_a_rejected_event_is_dead_lettered_with_its_error_code(
    start: Callable[..., Any],
    bookings: BookingRepository,
    endpoint: Receiver,
    database: Database[Any],
    amqp_uri: str,
    status: int,
    cause: str,
    runs: int,
) -> None:
    endpoint.status = status
    start(WebhookService, endpoint.url)
    event = rejected(bookings)
    send(amqp_uri, event)
    dead_lettered = eventually(lambda: take(amqp_uri, WEBHOOK.dead_letter))
    assert (dead_lettered.headers["x-error-code"], dead_lettered.headers["x-original-queue"]) == (
        cause,
        WEBHOOK.name,
    )
    assert dead_lettered.headers["x-error-message"] == f"the endpoint answered {status}"
    assert len(endpoint.calls) == runs
    eventually(lambda: states(database) == {event.event_id: "failed"})


def test_an_unavailable_endpoint_does_not_exhaust_the_attempts(
    start: Callable[..., Any], bookings: BookingRepository, endpoint: Receiver, amqp_uri: str
) -> None:
    endpoint.status = 503
    start(WebhookService, endpoint.url)
    send(amqp_uri, rejected(bookings))
    eventually(lambda: len(endpoint.calls) > 4)  # more than max_attempts
    endpoint.status = 200
    eventually(lambda: depth(amqp_uri, WEBHOOK.name) == depth(amqp_uri, RETRY) == 0)
    assert depth(amqp_uri, WEBHOOK.dead_letter) == 0


RETRY = f"{WEBHOOK.retry}.1s"


# --- two channels


def test_a_hanging_endpoint_delays_no_email(
    start: Callable[..., Any],
    publish: Callable[..., None],
    bookings: BookingRepository,
    endpoint: Receiver,
    mailbox: Mailbox,
    database: Database[Any],
) -> None:
    endpoint.hang()
    start(WebhookService, endpoint.url)
    start(NotificationService, endpoint.url)
    events = [rejected(bookings) for _ in range(20)]  # five of them occupy all workers
    publish(*events)
    eventually(lambda: len(endpoint.calls) == 5)
    eventually(lambda: list(states(database, "email").values()) == ["sent"] * 20)
    assert len(mailbox.emails()) == 20
    assert set(states(database).values()) == {"sending"}
    endpoint.go_on()
    eventually(lambda: list(states(database).values()) == ["sent"] * 20)


def test_an_unavailable_mail_server_delays_no_webhook(
    start: Callable[..., Any],
    publish: Callable[..., None],
    bookings: BookingRepository,
    endpoint: Receiver,
    config: dict[str, Any],
    database: Database[Any],
) -> None:
    config["SMTP"] |= {"host": "127.0.0.1", "port": free_port()}
    start(WebhookService, endpoint.url)
    start(NotificationService, endpoint.url)
    events = [rejected(bookings) for _ in range(20)]
    publish(*events)
    eventually(lambda: list(states(database).values()) == ["sent"] * 20)
    assert "sent" not in states(database, "email").values()


# --- off


def test_without_a_url_the_queue_is_neither_bound_nor_consumed(
    start: Callable[..., Any], publish: Callable[..., None], amqp_uri: str
) -> None:
    service = start(WebhookService)
    publish(rejection())
    assert depth(amqp_uri, EMAIL.name) == 1
    assert depth(amqp_uri, WEBHOOK.name) == consumers(amqp_uri, WEBHOOK.name) == 0
    service.stop()


def test_disabling_the_webhook_unbinds_its_queue_and_keeps_its_messages(
    start: Callable[..., Any],
    publish: Callable[..., None],
    bookings: BookingRepository,
    endpoint: Receiver,
    database: Database[Any],
    amqp_uri: str,
) -> None:
    start(WebhookService, endpoint.url).stop()
    event = rejected(bookings)
    publish(event)
    assert depth(amqp_uri, WEBHOOK.name) == 1
    Watermark(database, "webhook").advance(now())
    start(WebhookService)
    eventually(lambda: Watermark(database, "webhook").read() is None)
    publish(rejected(bookings))
    assert depth(amqp_uri, WEBHOOK.name) == 1
    start(WebhookService, endpoint.url)
    eventually(lambda: endpoint.event_ids == [event.event_id])


def test_unbinding_waits_for_an_unavailable_broker(
    database: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teardown, "_INTERVAL_SECONDS", 0.01)
    outages = [BrokerUnavailable("away")] * 3

    class Broker:
        def keep_alive(self) -> None:
            if outages:
                raise outages.pop()

        def close(self) -> None:
            pass

    watermark = Watermark(database, "webhook")
    watermark.advance(now())
    channel_teardown = ChannelTeardown(Broker(), watermark)  # type: ignore[arg-type]
    channel_teardown.start()
    eventually(lambda: watermark.read() is None)
    assert outages == []
    channel_teardown.stop()


# --- events lost by the broker


def reconciler(database: Database[Any], amqp_uri: str) -> Reconciler:
    return Reconciler(
        ChangeFeed(database),
        DeliveryLog(database, "webhook", lease_seconds=60),
        Watermark(database, "webhook"),
        Publisher(amqp_uri, topology.declare, timeout_seconds=2),
        WEBHOOK.name,
        settle_delay_seconds=1,
        look_back=timedelta(0),
    )


def test_a_lost_event_is_republished_to_the_webhook_queue_only(
    database: Database[Any], bookings: BookingRepository, amqp_uri: str
) -> None:
    reconciling = reconciler(database, amqp_uri)
    reconciling.run_once()  # enables the channel
    event = rejected(bookings)

    def found() -> Any:
        reconciling.run_once()
        return take(amqp_uri, WEBHOOK.name)

    assert body_of(eventually(found)) == event.to_body()
    assert depth(amqp_uri, EMAIL.name) == 0


def test_events_before_the_webhook_was_enabled_are_not_sent(
    database: Database[Any], bookings: BookingRepository, amqp_uri: str
) -> None:
    rejected(bookings, ago=timedelta(hours=1))
    for _ in range(2):
        reconciler(database, amqp_uri).run_once()
    eventlet.sleep(1.1)  # longer than the settle delay
    reconciler(database, amqp_uri).run_once()
    assert depth(amqp_uri, WEBHOOK.name) == 0


def test_events_lost_before_the_queue_are_still_sent(
    start: Callable[..., Any],
    publish: Callable[..., None],
    bookings: BookingRepository,
    endpoint: Receiver,
    config: dict[str, Any],
    database: Database[Any],
    amqp_uri: str,
) -> None:
    config["OUTBOX_REPUBLISH_SECONDS"] = 1
    start(WebhookService, endpoint.url)
    eventually(lambda: Watermark(database, "webhook").read())
    event = rejected(bookings)  # its event never reaches the broker
    eventually(lambda: states(database) == {event.event_id: "sent"})
    assert endpoint.event_ids == [event.event_id]
