"""Patients compete for practitioners and rooms, against a real database and two workers."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import eventlet
import pytest
from pymongo import MongoClient
from pymongo.database import Database

from booking_service.availability_check import AvailabilityCheck
from booking_service.decide import Decider
from booking_service.phone_booking import PhoneBookings
from clinic.bookings.repository import BookingRepository
from clinic.contracts.messages import BookingRequested
from clinic.domain.booking import Booking, Choice, Status
from clinic.domain.catalogue import ScheduleKind
from clinic.domain.clock import now
from clinic.domain.manage_token import create_credentials
from clinic.errors import AppointmentsContested, SlotUnavailable
from clinic.mongo.client import durable_uri
from clinic.outbox.outbox import Outbox
from tests.bookings import requested
from tests.clinics import allocator_of, make_catalogue, make_schedule, make_service
from tests.use_cases import changes_of, decider_of

DAY = (now() + timedelta(days=7)).replace(hour=9, minute=0, second=0, microsecond=0)
BOTH = (ScheduleKind.PRACTITIONER, ScheduleKind.ROOM)
SERVICES = [
    make_service("short", 15, start_every=5, after=5, needs=BOTH, is_default=True),
    make_service("visit", 30, start_every=15, before=10, needs=BOTH),
    make_service("long", 50, start_every=10, before=5, after=15, needs=BOTH),
]
NAMES = [service.id for service in SERVICES]
PEOPLE = ("ana", "luis", "eva")
ROOMS = ("room-1", "room-2")
CATALOGUE = make_catalogue(
    [
        *(make_schedule(name, services=NAMES) for name in PEOPLE),
        *(make_schedule(name, ScheduleKind.ROOM, NAMES) for name in ROOMS),
    ],
    SERVICES,
)
THREADS = 30
ANY = Choice("visit")


@pytest.fixture
def workers(mongodb_uri: str) -> Iterator[list[BookingRepository]]:
    """Two processes' repositories, each with its own connections."""
    clients = [MongoClient[Any](durable_uri(mongodb_uri)) for _ in range(2)]
    databases = [client.get_default_database() for client in clients]
    yield [BookingRepository(database, Outbox(database)) for database in databases]
    for client in clients:
        client.close()


@pytest.fixture
def deciders(workers: list[BookingRepository]) -> list[Decider]:
    return [decider_of(each, CATALOGUE, AvailabilityCheck(0, 0)) for each in workers]


def put(store: BookingRepository, date: datetime, choice: Choice) -> Booking:
    booking = requested(date=date, choice=choice)
    store.insert(booking, create_credentials()[1])
    return booking


def decide(decider: Decider, booking: Booking) -> None:
    """Decide as the consumer does: what is contested is tried again later."""
    until_settled(lambda: decider.decide(BookingRequested.of(booking)))


def run_together(calls: Sequence[Callable[[], None]]) -> None:
    """Run the calls in `THREADS` threads, which all start at once."""
    pending = list(reversed(calls))

    def work() -> None:
        while pending:
            pending.pop()()

    for thread in [eventlet.spawn(work) for _ in range(THREADS)]:
        thread.wait()


def overlaps(database: Database[Any]) -> list[tuple[str, str, str]]:
    """The pairs of confirmed bookings that occupy one schedule at the same time, found without
    the cells of their claims."""
    services = {service.id: service for service in SERVICES}
    occupied: dict[str, list[tuple[datetime, datetime, str]]] = defaultdict(list)
    for booking in database["bookings"].find({"status": "confirmed"}):
        start, end = services[booking["service"]].occupied(booking["date"])
        for schedule in {claim.split("/")[0] for claim in booking["claims"]}:
            occupied[schedule].append((start, end, booking["_id"]))
    return [
        (schedule, one[2], other[2])
        for schedule, intervals in occupied.items()
        for number, one in enumerate(intervals)
        for other in intervals[:number]
        if one[0] < other[1] and other[0] < one[1]
    ]


def test_appointments_of_different_lengths_never_overlap(
    workers: list[BookingRepository], deciders: list[Decider], database: Database[Any]
) -> None:
    draw = random.Random(16)
    wishes = []
    for _ in range(150):
        service = draw.choice(SERVICES)
        steps = draw.randrange(4 * 60 // service.start_every)
        person = draw.choice([None, *PEOPLE])
        start = DAY + timedelta(minutes=steps * service.start_every)
        wishes.append(put(workers[0], start, Choice(service.id, person)))
    run_together(
        [partial(decide, deciders[number % 2], booking) for number, booking in enumerate(wishes)]
    )
    assert overlaps(database) == []
    decided = [workers[0].get(booking.id) for booking in wishes]
    assert {booking.status for booking in decided} == {Status.CONFIRMED, Status.REJECTED}
    assert Counter(booking.reason for booking in decided).keys() == {None, "slot_full"}
    for booking, wish in zip(decided, wishes, strict=True):
        if booking.status is Status.CONFIRMED and wish.choice.practitioner:
            assert booking.choice.practitioner == wish.choice.practitioner


def test_for_equal_lengths_exactly_the_capacity_is_confirmed(
    workers: list[BookingRepository], deciders: list[Decider], database: Database[Any]
) -> None:
    starts = [DAY + timedelta(minutes=45 * number) for number in range(5)]
    wishes = [put(workers[0], start, Choice("visit")) for start in starts for _ in range(12)]
    random.Random(16).shuffle(wishes)
    run_together(
        [partial(decide, deciders[number % 2], booking) for number, booking in enumerate(wishes)]
    )
    confirmed = Counter(
        booking["date"] for booking in database["bookings"].find({"status": "confirmed"})
    )
    assert confirmed == dict.fromkeys(starts, len(ROOMS))
    assert overlaps(database) == []


def test_calls_and_requests_compete_for_the_same_time(
    workers: list[BookingRepository], deciders: list[Decider], database: Database[Any]
) -> None:
    """A booking by phone, a rescheduling and a request meet at each start."""
    starts = [DAY + timedelta(minutes=45 * number) for number in range(4)]
    later = DAY + timedelta(days=1)
    moving = [put(workers[0], later + timedelta(minutes=45 * number), ANY) for number in range(4)]
    for booking in moving:
        decide(deciders[0], booking)
    calls: list[Callable[[], None]] = []
    for number, start in enumerate(starts):
        store, decider = workers[number % 2], deciders[number % 2]
        wishes = [put(store, start, ANY) for _ in range(3)]
        calls += [partial(decide, decider, booking) for booking in wishes]
        calls.append(partial(by_phone, store, start))
        calls.append(partial(move, store, moving[number], start))
    random.Random(16).shuffle(calls)
    run_together(calls)
    confirmed = Counter(
        booking["date"]
        for booking in database["bookings"].find({"status": "confirmed"})
        if booking["date"] < later
    )
    assert confirmed == dict.fromkeys(starts, len(ROOMS))
    assert overlaps(database) == []
    assert {each.status for each in map(workers[0].get, [m.id for m in moving])} == {
        Status.CONFIRMED
    }


def test_a_repeated_call_gets_its_booking_although_the_time_is_taken(
    workers: list[BookingRepository],
) -> None:
    def call(store: BookingRepository, key: str | None) -> Booking:
        wish = requested(date=DAY, choice=ANY, by="staff")
        desk = PhoneBookings(store, allocator_of(store, CATALOGUE), "staff")
        return desk.book(wish, create_credentials(key, b"the same")[1])

    booked = [call(workers[0], f"key {number}").id for number in range(len(ROOMS))]
    assert [call(workers[1], f"key {number}").id for number in range(len(ROOMS))] == booked
    for key in ("another key", None):
        with pytest.raises(SlotUnavailable, match="slot_full"):
            call(workers[1], key)


def test_parallel_calls_with_one_key_make_one_booking(
    workers: list[BookingRepository], database: Database[Any]
) -> None:
    booked: list[str] = []

    def call(store: BookingRepository) -> None:
        wish = requested(date=DAY, choice=ANY, by="staff")
        desk = PhoneBookings(store, allocator_of(store, CATALOGUE), "staff")
        booked.append(desk.book(wish, create_credentials("one key", b"the same")[1]).id)

    run_together([partial(call, workers[number % 2]) for number in range(8)])
    assert len(booked) == 8
    assert [each["_id"] for each in database["bookings"].find()] == list(set(booked))


def by_phone(store: BookingRepository, start: datetime) -> None:
    booking = requested(
        date=start, choice=ANY, patient_email=None, patient_phone="600700800", by="staff"
    )
    desk = PhoneBookings(store, allocator_of(store, CATALOGUE), "staff")
    refusal = until_settled(lambda: desk.book(booking, create_credentials()[1]))
    is_stored = store.database["bookings"].find_one({"_id": booking.id}) is not None
    assert (refusal, is_stored) in (("", True), ("slot_full", False))


def move(store: BookingRepository, booking: Booking, start: datetime) -> None:
    changes = changes_of(store, CATALOGUE, "patient")
    assert until_settled(lambda: changes.reschedule(booking.id, start)) in ("", "slot_full")


def until_settled(call: Callable[[], Any]) -> str:
    """Repeat a contested call; return the reason if it is refused."""
    while True:
        try:
            call()
        except AppointmentsContested:
            eventlet.sleep(0.05)
        except SlotUnavailable as error:
            return str(error)
        else:
            return ""
