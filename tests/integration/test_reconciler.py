"""Events lost by the broker after its confirm are republished, so that the patient is notified."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import eventlet
import pytest
from kombu import Connection
from prometheus_client import REGISTRY
from pymongo import MongoClient
from pymongo.database import Database

from clinic.bookings.change_feed import ChangeFeed
from clinic.bookings.repository import BookingRepository
from clinic.contracts import strict_json
from clinic.contracts.messages import BookingStateChanged
from clinic.domain import booking as steps
from clinic.domain.clock import now
from clinic.domain.retry_policy import REPLAY_COUNT_HEADER
from clinic.errors import ClinicError
from clinic.messaging import topology
from clinic.messaging.publisher import Publisher
from clinic.mongo.client import durable_uri
from clinic.outbox.outbox import Outbox
from clinic.outbox.outbox_message import OutboxMessage
from notification_service.delivery import Delivery
from notification_service.delivery_log import DeliveryLog, State
from notification_service.reconciliation import reconciler as reconciling
from notification_service.reconciliation.reconciler import Reconciler
from notification_service.reconciliation.watermark import Watermark
from notification_service.service import NotificationService
from runner.backends.mongodb import MongoServer
from runner.backends.rabbitmq import RabbitNode
from tests.amqp import body_of, depth, put, take
from tests.bookings import put_booking
from tests.clinics import confirm_seat, move_to
from tests.conftest import eventually
from tests.mailbox import Mailbox
from tests.proxy import Proxy, proxied

QUEUE = topology.EMAIL.name
#: The settle delay of the reconcilers under test, and an age that exceeds it.
SETTLE_DELAY_SECONDS = 600
AGO = timedelta(hours=1)
MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
def bookings(database: Database[Any]) -> BookingRepository:
    return BookingRepository(database, Outbox(database, 60))


@pytest.fixture
def delivery_log(database: Database[Any]) -> DeliveryLog:
    return DeliveryLog(database, "email", lease_seconds=60)


@pytest.fixture
def reconciler(database: Database[Any], amqp_uri: str) -> Reconciler:
    return make(database, amqp_uri)


@pytest.fixture
def start(
    config: dict[str, Any], mailbox: Mailbox, container_factory: Any
) -> Iterator[Callable[..., Any]]:
    """Start a notification service that presumes events lost after one second."""
    config["SMTP"] |= {"host": "127.0.0.1", "port": mailbox.port}
    containers: list[Any] = []

    def start(republish_seconds: float = 1) -> Any:
        config["OUTBOX_REPUBLISH_SECONDS"] = republish_seconds
        containers.append(container_factory(NotificationService, config))
        containers[-1].start()
        return containers[-1]

    yield start
    for container in containers:
        container.stop()


def make(
    database: Database[Any], amqp_uri: str, page: int = 500, seconds: float = SETTLE_DELAY_SECONDS
) -> Reconciler:
    return Reconciler(
        ChangeFeed(database, page),
        DeliveryLog(database, "email", lease_seconds=60),
        Watermark(database, "email"),
        Publisher(amqp_uri, topology.declare, timeout_seconds=2),
        QUEUE,
        seconds,
    )


def rejected(
    bookings: BookingRepository, ago: timedelta = AGO, address: str = "ana@example.com"
) -> BookingStateChanged:
    """Reject a booking in the past whose event is not in the broker."""
    return rejected_at(bookings, now() - ago, address)


def rejected_at(
    bookings: BookingRepository, at: datetime, address: str = "ana@example.com"
) -> BookingStateChanged:
    booking = put_booking(bookings, at=at, date=at, patient_email=address)
    return apply_transition(bookings, steps.reject(booking, reason="past", at=at, by="test"))


def apply_transition(
    bookings: BookingRepository, transition: steps.Transition
) -> BookingStateChanged:
    bookings.apply(transition)
    return BookingStateChanged.of(transition)


def record_outcome(
    delivery_log: DeliveryLog, event: BookingStateChanged, state: State = State.SENT
) -> None:
    claim = delivery_log.claim(event)
    assert claim is not None
    delivery_log.record_outcome(claim, state)


def leave_stale_record(
    database: Database[Any], event: BookingStateChanged, state: State, ago: timedelta
) -> None:
    """Create the delivery record of a notifier whose lease expired some time ago."""
    DeliveryLog(database, "email", lease_seconds=-ago.total_seconds()).claim(event)
    _set(database, event, state=state.value)


def expire_lease(database: Database[Any], event: BookingStateChanged) -> None:
    """Let the lease of a claim expire."""
    _set(database, event, leaseUntil=now() - AGO)


def _set(database: Database[Any], event: BookingStateChanged, **fields: Any) -> None:
    result = database["notifications"].update_one(
        {"_id": f"{event.event_id}:email"}, {"$set": fields}
    )
    assert result.matched_count


def queued(amqp_uri: str) -> list[str]:
    """Drain the queue and return the event ids."""
    found = []
    while message := take(amqp_uri, QUEUE):
        found.append(body_of(message)["eventId"])
    return found


def send(amqp_uri: str, event: BookingStateChanged, **properties: Any) -> None:
    body = strict_json.dumps(event.to_body())
    put(amqp_uri, QUEUE, body, content_type="application/json", **properties)


def purge(amqp_uri: str) -> int:
    with Connection(amqp_uri) as connection:
        return int(connection.default_channel.queue_purge(QUEUE))


def states(database: Database[Any]) -> dict[str, str]:
    return {row["_id"]: row["state"] for row in database["notifications"].find()}


def watermark(database: Database[Any]) -> datetime | None:
    return Watermark(database, "email").read()


def republished_count() -> float:
    return REGISTRY.get_sample_value("clinic_events_republished_total", {"queue": QUEUE}) or 0


def test_a_lost_event_is_republished_unchanged(
    reconciler: Reconciler, bookings: BookingRepository, amqp_uri: str
) -> None:
    event, before = rejected(bookings), republished_count()
    reconciler.run_once()
    message = take(amqp_uri, QUEUE)
    assert message is not None
    assert BookingStateChanged.from_body(body_of(message)) == event
    original = OutboxMessage.of_change(event).to_message()
    assert message.body in (original.body, original.body.decode())
    assert message.headers["nameko.call_id_stack"] == original.headers["nameko.call_id_stack"]
    assert republished_count() == before + 1


@pytest.mark.parametrize("state", [State.SENT, State.FAILED, State.SUPERSEDED])
def test_a_notification_with_a_final_outcome_is_not_republished(
    reconciler: Reconciler,
    bookings: BookingRepository,
    delivery_log: DeliveryLog,
    amqp_uri: str,
    state: State,
) -> None:
    record_outcome(delivery_log, rejected(bookings), state)
    reconciler.run_once()
    assert queued(amqp_uri) == []


@pytest.mark.parametrize("state", [State.SENDING, State.POSTPONED])
def test_a_stale_unfinished_notification_is_republished(
    reconciler: Reconciler,
    bookings: BookingRepository,
    database: Database[Any],
    amqp_uri: str,
    state: State,
) -> None:
    event = rejected(bookings)
    leave_stale_record(database, event, state, AGO)
    reconciler.run_once()
    assert queued(amqp_uri) == [event.event_id]


@pytest.mark.parametrize("state", [State.SENDING, State.POSTPONED])
def test_an_unfinished_notification_in_flight_is_not_republished(
    reconciler: Reconciler,
    bookings: BookingRepository,
    database: Database[Any],
    amqp_uri: str,
    state: State,
) -> None:
    leave_stale_record(database, rejected(bookings), state, timedelta(minutes=5))
    reconciler.run_once()
    assert queued(amqp_uri) == []


def test_a_recent_event_is_not_republished(
    reconciler: Reconciler, bookings: BookingRepository, amqp_uri: str
) -> None:
    rejected(bookings, timedelta(minutes=5))
    put_booking(bookings, at=now() - AGO)  # pending: there is nothing to notify
    reconciler.run_once()
    assert queued(amqp_uri) == []


def test_every_transition_of_a_booking_is_reconciled(
    reconciler: Reconciler, bookings: BookingRepository, delivery_log: DeliveryLog, amqp_uri: str
) -> None:
    booking = put_booking(bookings, at=now() - 2 * AGO)
    transition = confirm_seat(booking, at=now() - 2 * AGO, by="test")
    confirmation = apply_transition(bookings, transition)
    transition = steps.cancel(
        bookings.get(booking.id), reason="cancelled_by_clinic", at=now() - AGO, by="test"
    )
    record_outcome(delivery_log, apply_transition(bookings, transition))
    reconciler.run_once()
    assert queued(amqp_uri) == [confirmation.event_id]


def test_each_republished_event_has_the_date_of_its_transition(
    reconciler: Reconciler, bookings: BookingRepository, amqp_uri: str
) -> None:
    at = now() - AGO
    booking = put_booking(bookings, at=at)
    confirmation = apply_transition(bookings, confirm_seat(booking, at=at, by="test"))
    other = booking.date + timedelta(days=1)
    current = bookings.get(booking.id)
    move = apply_transition(bookings, move_to(current, other, at=at, by="test"))
    reconciler.run_once()
    messages = [eventually(lambda: take(amqp_uri, QUEUE)) for _ in range(2)]
    assert [BookingStateChanged.from_body(body_of(each)) for each in messages] == [
        *(confirmation, move)
    ]


def test_a_republished_event_is_republished_again_after_its_lease(
    reconciler: Reconciler, bookings: BookingRepository, database: Database[Any], amqp_uri: str
) -> None:
    event = rejected(bookings)
    reconciler.run_once()
    reconciler.run_once()
    assert queued(amqp_uri) == [event.event_id]
    expire_lease(database, event)
    reconciler.run_once()
    assert queued(amqp_uri) == [event.event_id]


def test_several_reconcilers_publish_each_event_once(
    bookings: BookingRepository, database: Database[Any], amqp_uri: str
) -> None:
    events = [rejected(bookings).event_id for _ in range(20)]
    workers = [eventlet.spawn(make(database, amqp_uri).run_once) for _ in range(4)]
    for worker in workers:
        worker.wait()
    assert sorted(queued(amqp_uri)) == sorted(events)


def test_a_reconciler_crash_before_publishing_only_delays_the_event(
    reconciler: Reconciler,
    bookings: BookingRepository,
    delivery_log: DeliveryLog,
    database: Database[Any],
    amqp_uri: str,
) -> None:
    event = rejected(bookings)
    assert delivery_log.claim_for_republish([event], now() - timedelta(minutes=10)) == [
        event
    ]  # and crashes here
    reconciler.run_once()
    assert queued(amqp_uri) == []
    expire_lease(database, event)
    reconciler.run_once()
    assert queued(amqp_uri) == [event.event_id]


def test_the_watermark_advances_to_the_settle_delay(
    reconciler: Reconciler,
    bookings: BookingRepository,
    delivery_log: DeliveryLog,
    database: Database[Any],
) -> None:
    for hours in (1, 47):
        record_outcome(delivery_log, rejected(bookings, timedelta(hours=hours)))
    began = now()
    reconciler.run_once()
    advanced_to = watermark(database)
    assert advanced_to is not None
    assert began <= advanced_to + timedelta(seconds=SETTLE_DELAY_SECONDS) <= now()


def test_the_first_run_looks_back_two_days(
    reconciler: Reconciler, bookings: BookingRepository, amqp_uri: str
) -> None:
    rejected(bookings, timedelta(hours=49))
    event = rejected(bookings, timedelta(hours=47))
    reconciler.run_once()
    assert queued(amqp_uri) == [event.event_id]


def test_an_unfinished_notification_holds_the_watermark(
    reconciler: Reconciler,
    bookings: BookingRepository,
    delivery_log: DeliveryLog,
    database: Database[Any],
) -> None:
    record_outcome(delivery_log, rejected(bookings, 3 * AGO))
    event = rejected(bookings, 2 * AGO)
    record_outcome(delivery_log, rejected(bookings, AGO))
    for _ in range(2):
        reconciler.run_once()
        assert watermark(database) == event.occurred_at - MILLISECOND
    record_outcome(delivery_log, event)
    reconciler.run_once()
    assert watermark(database) > now() - AGO


def test_an_event_older_than_two_days_is_republished_once_and_logged(
    reconciler: Reconciler,
    bookings: BookingRepository,
    database: Database[Any],
    amqp_uri: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    event = rejected(bookings, timedelta(hours=49))
    Watermark(database, "email").advance(event.occurred_at - AGO)  # after a long downtime
    for _ in range(2):
        reconciler.run_once()
    assert queued(amqp_uri) == [event.event_id]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.event_id for record in errors] == [event.event_id]
    assert watermark(database) > now() - AGO


def test_the_watermark_never_moves_back(database: Database[Any]) -> None:
    until = now()
    slow, quick = (Watermark(database, "email") for _ in range(2))
    assert slow.read() is None
    quick.advance(until)
    slow.advance(until - AGO)
    assert watermark(database) == until


@pytest.mark.parametrize("together", [1, 3, 4, 7])
def test_paging_omits_no_events_with_equal_timestamps(
    bookings: BookingRepository, database: Database[Any], amqp_uri: str, together: int
) -> None:
    instants = [now() - AGO + number * MILLISECOND for number in range(3)]
    events = [rejected_at(bookings, at).event_id for at in instants for _ in range(together)]
    make(database, amqp_uri, page=3).run_once()
    assert Counter(queued(amqp_uri)) == Counter(events)


def test_nothing_is_republished_while_the_queue_is_long(
    bookings: BookingRepository,
    database: Database[Any],
    amqp_uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconciling, "MAX_QUEUE_DEPTH", 1)
    event = rejected(bookings)
    put(amqp_uri, QUEUE, b"{}")
    worker = eventlet.spawn(make(database, amqp_uri).run_once)
    eventlet.sleep(2)
    assert depth(amqp_uri, QUEUE) == 1
    purge(amqp_uri)
    worker.wait()
    assert queued(amqp_uri) == [event.event_id]


# --- inside the notification service


def test_purged_events_are_notified_once(
    start: Callable[..., Any],
    bookings: BookingRepository,
    database: Database[Any],
    mailbox: Mailbox,
    amqp_uri: str,
) -> None:
    events = [rejected(bookings) for _ in range(10)]
    for event in events:
        send(amqp_uri, event)
    assert purge(amqp_uri) == 10
    for _ in range(2):
        start()
    eventually(lambda: Counter(states(database).values()) == {"sent": 10})
    # Once every outcome is final the watermark advances, and nothing is republished.
    eventually(lambda: (watermark(database) or now() - AGO) > now() - timedelta(seconds=10))
    message_ids = Counter(email["Message-ID"] for email in mailbox.emails())
    assert message_ids == {f"<{event.booking_id}.2@clinica.example>": 1 for event in events}


@pytest.mark.parametrize("state", [State.SENDING, State.POSTPONED])
def test_a_notification_with_a_lost_event_is_still_emailed(
    start: Callable[..., Any],
    bookings: BookingRepository,
    database: Database[Any],
    mailbox: Mailbox,
    state: State,
) -> None:
    event = rejected(bookings)
    leave_stale_record(database, event, state, AGO)
    start()
    eventually(mailbox.emails)
    eventually(lambda: states(database) == {f"{event.event_id}:email": "sent"})


class Broken(Exception):
    """A bug in our own code."""


@pytest.mark.parametrize("where", ["channel", "claim"])
def test_a_dead_lettered_event_is_failed_and_sent_when_replayed(
    start: Callable[..., Any],
    bookings: BookingRepository,
    database: Database[Any],
    mailbox: Mailbox,
    amqp_uri: str,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    event = rejected(bookings)
    with monkeypatch.context() as broken:
        _inject_failure(broken, where)
        start(republish_seconds=600)
        send(amqp_uri, event)
        eventually(lambda: depth(amqp_uri, topology.EMAIL.dead_letter) == 1)
        eventually(lambda: states(database) == {f"{event.event_id}:email": "failed"})
    dead = take(amqp_uri, topology.EMAIL.dead_letter)
    assert dead is not None
    assert dead.headers["x-error-code"] == "Broken"
    assert mailbox.emails() == []
    send(amqp_uri, event, headers={REPLAY_COUNT_HEADER: 1})
    eventually(lambda: states(database) == {f"{event.event_id}:email": "sent"})
    assert len(mailbox.emails()) == 1


def _inject_failure(broken: pytest.MonkeyPatch, where: str) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise Broken

    if where == "channel":
        broken.setattr("notification_service.channels.email_channel.SmtpChannel.send", fail)
    else:
        broken.setattr("notification_service.delivery._require_genuine", fail)


def test_giving_up_does_not_change_a_record_claimed_by_another(
    bookings: BookingRepository,
    delivery_log: DeliveryLog,
    database: Database[Any],
    config: dict[str, Any],
) -> None:
    event = rejected(bookings)
    late = Delivery(bookings, DeliveryLog(database, "email", lease_seconds=0), None, None)  # type: ignore[arg-type]
    late.claim = late.delivery_log.claim(event)
    taken = delivery_log.claim(event)
    assert taken is not None
    late.give_up(event, "delivery_outcome_unknown")
    Delivery(bookings, delivery_log, None, None).give_up(event, "KeyError")  # type: ignore[arg-type]
    assert states(database) == {f"{event.event_id}:email": "sending"}
    delivery_log.record_outcome(taken, State.SENT)
    assert states(database) == {f"{event.event_id}:email": "sent"}


def test_giving_up_an_event_without_a_booking_writes_no_record(
    bookings: BookingRepository, delivery_log: DeliveryLog, database: Database[Any]
) -> None:
    event = rejected(bookings)
    Delivery(bookings, delivery_log, None, None).give_up(event, "booking_not_found")  # type: ignore[arg-type]
    assert states(database) == {}


# --- while broker or database are unavailable


@pytest.fixture
def broker(rabbit_node: RabbitNode, amqp_uri: str) -> Iterator[Proxy]:
    with proxied(rabbit_node.port) as proxy:
        yield proxy


@pytest.fixture
def mongo(mongo_server: MongoServer) -> Iterator[Proxy]:
    with proxied(int(mongo_server.uri.split(":")[2].split("/")[0])) as proxy:
        yield proxy


@pytest.mark.parametrize("fault", [Proxy.refuse, Proxy.freeze])
def test_the_reconciler_waits_for_an_unavailable_broker(
    bookings: BookingRepository,
    database: Database[Any],
    broker: Proxy,
    amqp_uri: str,
    caplog: pytest.LogCaptureFixture,
    fault: Callable[[Proxy], None],
) -> None:
    event = rejected(bookings)
    fault(broker)
    reconciler = make(database, f"amqp://guest:guest@127.0.0.1:{broker.port}/", seconds=1)
    reconciler.start()
    eventlet.sleep(5)
    assert states(database) == {}  # nothing is claimed while it can't be published
    broker.restore()
    eventually(lambda: depth(amqp_uri, QUEUE) == 1)
    assert queued(amqp_uri)[0] == event.event_id
    assert _logged_codes(caplog) == ["broker_unavailable"]
    _assert_stops(reconciler)


@pytest.mark.parametrize("fault", [Proxy.refuse, Proxy.freeze])
def test_the_reconciler_waits_for_an_unavailable_database(
    bookings: BookingRepository,
    database: Database[Any],
    mongo: Proxy,
    amqp_uri: str,
    caplog: pytest.LogCaptureFixture,
    fault: Callable[[Proxy], None],
) -> None:
    event = rejected(bookings)
    uri = f"mongodb://127.0.0.1:{mongo.port}/{database.name}"
    with MongoClient[dict[str, Any]](durable_uri(uri)) as client:
        reconciler = make(client.get_default_database(), amqp_uri, seconds=1)
        fault(mongo)
        reconciler.start()
        eventually(lambda: _logged_codes(caplog) == ["database_unavailable"])
        eventlet.sleep(5)
        mongo.restore()
        eventually(lambda: depth(amqp_uri, QUEUE) == 1)
        assert queued(amqp_uri)[0] == event.event_id
        assert _logged_codes(caplog) == ["database_unavailable"]
        _assert_stops(reconciler)


def test_an_unexpected_error_does_not_stop_the_reconciler(
    bookings: BookingRepository,
    database: Database[Any],
    amqp_uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rejected(bookings)
    read, faults = ChangeFeed.read, [ClinicError("once"), ValueError("twice")]

    def fail_first(feed: ChangeFeed, since: datetime, until: datetime) -> Any:
        if faults:
            raise faults.pop()
        return read(feed, since, until)

    monkeypatch.setattr(ChangeFeed, "read", fail_first)
    reconciler = make(database, amqp_uri, seconds=1)
    reconciler.start()
    eventually(lambda: depth(amqp_uri, QUEUE) == 1)
    _assert_stops(reconciler)


def test_the_reconciler_stops_while_the_broker_is_frozen(
    bookings: BookingRepository, database: Database[Any], broker: Proxy
) -> None:
    rejected(bookings)
    broker.freeze()
    reconciler = make(database, f"amqp://guest:guest@127.0.0.1:{broker.port}/", seconds=1)
    reconciler.start()
    eventlet.sleep(2)
    _assert_stops(reconciler)


def _logged_codes(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [
        record.code  # type: ignore[attr-defined]
        for record in caplog.records
        if record.name == "clinic.concurrency.periodic_task" and hasattr(record, "code")
    ]


def _assert_stops(reconciler: Reconciler) -> None:
    reconciler.stop()
    assert not reconciler._task._thread.is_alive()
