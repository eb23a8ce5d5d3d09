from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import eventlet
import pytest
from nameko.exceptions import RemoteError
from nameko.standalone.rpc import ServiceRpcProxy
from nameko.testing.services import entrypoint_hook, entrypoint_waiter, worker_factory
from pymongo.database import Database

from booking_service.availability_check import AvailabilityCheck
from booking_service.decide import Decider
from booking_service.service import BookingService, BookingWorker
from booking_service.settings import booking_settings
from clinic.bookings.repository import BookingRepository
from clinic.contracts.messages import BookingRequested
from clinic.domain import booking as steps
from clinic.domain.booking import Booking, Status
from clinic.domain.clock import now, to_wire
from clinic.errors import BookingNotFound, InvalidBooking
from clinic.outbox.outbox import Outbox
from tests.amqp import body_of, depth, subscriber, take
from tests.bookings import put_booking
from tests.clinics import seats_of, taken_seats
from tests.conftest import eventually
from tests.use_cases import decider_of

#: Noon of a day on which the default calendar is open.
TOMORROW = (now() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
EXAMPLE = {
    "patientName": "Juan Pérez",
    "patientEmail": "juan@example.com",
    "date": "2023-12-01T10:00:00Z",
}


@pytest.fixture
def store(database: Database[Any]) -> BookingRepository:
    return BookingRepository(database, Outbox(database, 60))


@pytest.fixture
def services(config: dict[str, Any], runner_factory: Any) -> Iterator[Any]:
    runner = runner_factory(config, BookingService, BookingWorker)
    runner.start()
    yield runner
    runner.stop()


@pytest.fixture
def rpc(services: Any, config: dict[str, Any]) -> Iterator[Any]:
    with ServiceRpcProxy("booking_service", config, timeout=30) as proxy:
        yield proxy


def pending(store: BookingRepository, date: datetime = TOMORROW) -> Booking:
    return put_booking(store, date=date)


def decider(store: BookingRepository, config: dict[str, Any], **calendar: Any) -> Decider:
    config["CALENDAR"] |= calendar
    settings = booking_settings(config)
    return decider_of(store, settings.catalogue.default, settings.check)


def decided(store: BookingRepository, booking: Booking) -> Booking | None:
    current = store.get(booking.id)
    return current if current.status is not Status.PENDING else None


def test_a_request_for_a_free_slot_is_confirmed(
    store: BookingRepository, config: dict[str, Any]
) -> None:
    booking = pending(store)
    decider(store, config).decide(BookingRequested.of(booking))
    after = store.get(booking.id)
    assert (after.status, after.history[-1].by) == ("confirmed", "test")
    assert seats_of(store, booking.id) == [0]


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        pytest.param(now() - timedelta(seconds=1), "past", id="past"),
        pytest.param(TOMORROW + timedelta(days=800), "too_far", id="too far"),
        pytest.param(TOMORROW.replace(hour=3), "closed", id="closed"),
        pytest.param(TOMORROW + timedelta(minutes=7), "not_a_slot_start", id="off the grid"),
    ],
)
def test_a_date_that_breaks_a_calendar_rule_is_rejected(
    store: BookingRepository, config: dict[str, Any], date: datetime, reason: str
) -> None:
    booking = pending(store, date)
    decider(store, config).decide(BookingRequested.of(booking))
    after = store.get(booking.id)
    assert (after.status, after.reason) == ("rejected", reason)


def test_a_slot_accepts_as_many_bookings_as_it_has_seats(
    store: BookingRepository, config: dict[str, Any]
) -> None:
    bookings = [pending(store) for _ in range(5)]
    decide = decider(store, config, seats_per_slot=3).decide
    for booking in bookings:
        decide(BookingRequested.of(booking))
    after = [store.get(booking.id) for booking in bookings]
    assert seats_of(store, *(each.id for each in after)) == [0, 1, 2, None, None]
    assert [each.reason for each in after] == [None, None, None, "slot_full", "slot_full"]


def test_concurrent_decisions_fill_a_slot_exactly(
    store: BookingRepository, config: dict[str, Any]
) -> None:
    bookings = [pending(store) for _ in range(30)]
    decide = decider(store, config, seats_per_slot=4).decide
    decisions = [eventlet.spawn(decide, BookingRequested.of(booking)) for booking in bookings]
    for decision in decisions:
        decision.wait()
    after = [store.get(booking.id) for booking in bookings]
    assert taken_seats(store, TOMORROW) == {0, 1, 2, 3}
    assert sum(each.reason == "slot_full" for each in after) == 26


def test_concurrent_duplicates_of_a_request_decide_it_once(
    store: BookingRepository, config: dict[str, Any]
) -> None:
    booking = pending(store)
    decide = decider(store, config).decide
    duplicates = [eventlet.spawn(decide, BookingRequested.of(booking)) for _ in range(5)]
    for duplicate in duplicates:
        duplicate.wait()
    assert store.get(booking.id).version == 2


def test_a_redelivered_request_runs_no_second_availability_check(
    store: BookingRepository, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    checks: list[AvailabilityCheck] = []
    monkeypatch.setattr(AvailabilityCheck, "run", lambda check: checks.append(check))
    request = BookingRequested.of(pending(store))
    decider(store, config).decide(request)
    decider(store, config).decide(request, is_repeated=True)
    assert len(checks) == 1


@pytest.mark.parametrize(
    "forged", [{"date": TOMORROW + timedelta(hours=1)}, {"version": 2}], ids=["date", "version"]
)
@pytest.mark.parametrize("hour", [12, 3])
def test_a_forged_request_does_not_change_the_date_of_a_booking(
    store: BookingRepository, config: dict[str, Any], forged: dict[str, Any], hour: int
) -> None:
    booking = pending(store, TOMORROW.replace(hour=hour))
    decider(store, config).decide(replace(BookingRequested.of(booking), **forged))
    after = store.get(booking.id)
    assert (after.date, after.version) == (booking.date, 2)
    assert after.status == ("confirmed" if hour == 12 else "rejected")


def test_a_booking_cancelled_during_its_check_stays_cancelled(
    store: BookingRepository, config: dict[str, Any]
) -> None:
    config["AVAILABILITY"]["delay_seconds"] = "1"
    booking = pending(store)
    deciding = eventlet.spawn(decider(store, config).decide, BookingRequested.of(booking))
    eventlet.sleep(0.2)
    store.apply(steps.cancel(booking, reason="cancelled_by_patient", at=now(), by="patient"))
    deciding.wait()
    assert store.get(booking.id).status is Status.CANCELLED


def test_a_request_for_an_unknown_booking_raises_not_found(
    store: BookingRepository, config: dict[str, Any]
) -> None:
    with pytest.raises(BookingNotFound):
        decider(store, config).decide(BookingRequested(str(uuid.uuid4()), TOMORROW, 1))


def test_an_invalid_rpc_call_names_the_field_and_stores_nothing() -> None:
    service = worker_factory(BookingService)
    with pytest.raises(InvalidBooking, match="patientEmail") as caught:
        service.create_booking("Ana", "not-an-address", "2026-12-01T10:00:00Z")
    assert "not-an-address" not in str(caught.value)
    service.bookings.insert.assert_not_called()


def test_a_booking_created_over_rpc_is_decided(rpc: Any, store: BookingRepository) -> None:
    created = rpc.create_booking(**EXAMPLE)
    assert (created["status"], len(created["manageToken"])) == ("pending", 43)
    read = eventually(lambda: _if_decided(rpc.get_booking(created["id"])))
    assert (read["status"], read["reason"]) == ("rejected", "past")
    assert "manageToken" not in read
    assert rpc.get_booking(created["id"].upper()) == read


def _if_decided(booking: dict[str, Any]) -> dict[str, Any] | None:
    return booking if booking["status"] != "pending" else None


def test_bookings_are_listed_over_rpc(rpc: Any) -> None:
    ids = [rpc.create_booking(**EXAMPLE)["id"] for _ in range(3)]
    assert [each["id"] for each in rpc.list_bookings()] == ids[::-1]
    assert [each["id"] for each in rpc.list_bookings(limit=1)] == ids[:1:-1]


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("get_booking", {"booking_id": "nobody"}, "BookingNotFound"),
        ("get_booking", {"booking_id": {"$gt": ""}}, "BookingNotFound"),
        ("create_booking", EXAMPLE | {"date": "tomorrow"}, "InvalidBooking"),
        ("create_booking", EXAMPLE | {"patientName": None}, "InvalidBooking"),
        ("create_booking", EXAMPLE | {"language": "xx"}, "InvalidBooking"),
        ("list_bookings", {"limit": 1000}, "InvalidBooking"),
        ("list_bookings", {"$where": "1"}, "InvalidBooking"),
        ("list_free_slots", {"date": "2026-12-01", "days": 32}, "InvalidBooking"),
        ("list_free_slots", {"date": "2026-12-01", "days": True}, "InvalidBooking"),
        ("list_nearest_slots", {"date": "2026-12-01"}, "InvalidBooking"),
        ("list_nearest_slots", {"date": "2026-12-01T10:00:00Z", "count": 21}, "InvalidBooking"),
    ],
)
def test_rpc_raises_named_errors(
    rpc: Any, method: str, arguments: dict[str, Any], error: str
) -> None:
    with pytest.raises(RemoteError) as raised:
        getattr(rpc, method)(**arguments)
    assert raised.value.exc_type == error


#: Values that no method accepts as text or number, and some that look like queries.
INVALID_VALUES = [None, True, 7, -1, 2**80, 1.5, "", "x" * 10_000, "\0", [], ["x"], {}, {"$gt": ""}]
ARGUMENTS = {
    "create_booking": ("patientName", "patientEmail", "date", "language"),
    "get_booking": ("booking_id",),
    "list_bookings": ("limit", "after", "status", "from", "to"),
    "list_free_slots": ("date", "days"),
    "list_nearest_slots": ("date", "count", "notice_minutes"),
    "cancel_booking": ("booking_id", "reason", "by", "key_id"),
    "reschedule_booking": ("booking_id", "date", "by", "key_id"),
}
GOOD_ARGUMENTS = {
    "patientName": "Ana",
    "patientEmail": "ana@example.com",
    "date": "2026-12-01T10:00:00Z",
    "booking_id": "00000000-0000-4000-8000-000000000000",
}


@pytest.mark.parametrize("method", ARGUMENTS)
def test_invalid_rpc_arguments_raise_domain_errors(
    rpc: Any, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    needed = {name: GOOD_ARGUMENTS[name] for name in ARGUMENTS[method] if name in GOOD_ARGUMENTS}
    outcomes = {
        outcome_of(rpc, method, needed | {name: value})
        for name in ARGUMENTS[method]
        for value in INVALID_VALUES
    }
    assert outcomes <= {"InvalidBooking", "BookingNotFound", "done"}
    assert "ana@example.com" not in caplog.text


def outcome_of(rpc: Any, method: str, arguments: dict[str, Any]) -> str:
    try:
        getattr(rpc, method)(**arguments)
    except RemoteError as error:
        return str(error.exc_type)
    return "done"


def test_every_decision_is_published_without_personal_data(
    services: Any, rpc: Any, amqp_uri: str
) -> None:
    with subscriber(amqp_uri, "booking_notifications") as received:
        created = rpc.create_booking(**EXAMPLE | {"date": to_wire(TOMORROW)})
        (message,) = eventually(received)
        assert received() == []
    event = body_of(message)
    assert event.pop("occurredAt") >= created["createdAt"]
    assert event == {
        "eventId": f"{created['id']}:2",
        "clinic": "default",
        "bookingId": created["id"],
        "version": 2,
        "status": "confirmed",
        "previousStatus": "pending",
        "reason": None,
        "date": to_wire(TOMORROW),
    }


def test_a_request_is_handled_by_the_worker_entrypoint(
    config: dict[str, Any], container_factory: Any, store: BookingRepository
) -> None:
    service, worker = (container_factory(each, config) for each in (BookingService, BookingWorker))
    service.start()
    worker.start()
    with (
        entrypoint_waiter(worker, "handle_booking_requested", timeout=30),
        entrypoint_hook(service, "create_booking") as create,
    ):
        created = create(**EXAMPLE)
    assert store.get(created["id"]).status is Status.REJECTED
    service.stop()
    worker.stop()


def test_a_check_that_always_fails_flags_the_pending_booking_for_review(
    config: dict[str, Any], container_factory: Any, store: BookingRepository, amqp_uri: str
) -> None:
    config["AVAILABILITY"]["failure_rate"] = 1
    worker = container_factory(BookingWorker, config)
    worker.start()
    booking = pending(store)
    dead_letter = eventually(lambda: take(amqp_uri, "booking_dead_letter"))
    worker.stop()
    after = store.get(booking.id)
    assert after.status is Status.PENDING
    assert after.attention is not None
    assert (after.attention.code, dead_letter.headers["x-error-code"]) == ("check_unavailable",) * 2
    assert store._bookings.find_one({"_id": booking.id})["outbox"] == []


def test_the_queue_is_empty_once_every_request_is_decided(rpc: Any, amqp_uri: str) -> None:
    for _ in range(10):
        rpc.create_booking(**EXAMPLE)
    eventually(lambda: all(each["status"] == "rejected" for each in rpc.list_bookings()))
    eventually(lambda: depth(amqp_uri, "booking_requests") == 0)
