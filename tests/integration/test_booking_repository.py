from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic.bookings.repository import BookingRepository
from clinic.contracts.bookings_query import BookingsQuery, Position
from clinic.domain import booking as steps
from clinic.domain.booking import Booking, Status
from clinic.domain.clock import now
from clinic.domain.manage_token import create_credentials, derive_credentials
from clinic.errors import (
    BookingNotFound,
    ClaimTaken,
    ConcurrentModification,
    IdempotencyConflict,
    IdempotencyKeyUsed,
    OutboxFull,
)
from clinic.mongo.batch_insert import BatchInserter
from clinic.outbox.outbox import Outbox
from tests.bookings import requested
from tests.clinics import confirm_seat, taken_seats

SLOT = datetime(2026, 12, 1, 10, tzinfo=UTC)


def make_booking(date: datetime = SLOT, at: datetime | None = None) -> Booking:
    return requested(date=date, at=at or now())


@pytest.fixture
def store(database: Database[Any]) -> BookingRepository:
    return BookingRepository(database, Outbox(database))


def stored(store: BookingRepository, **fields: Any) -> Booking:
    booking = make_booking(**fields)
    store.insert(booking, create_credentials()[1])
    return booking


def confirmed(store: BookingRepository, seat: int = 0, date: datetime = SLOT) -> Booking:
    booking = stored(store, date=date)
    store.apply(confirm_seat(booking, seat, at=now(), by="test"))
    return store.get(booking.id)


def test_a_stored_booking_reads_back_equal(store: BookingRepository) -> None:
    booking = stored(store)
    assert store.get(booking.id) == booking


def test_an_unknown_booking_is_not_found(store: BookingRepository) -> None:
    with pytest.raises(BookingNotFound):
        store.get("no-such-id")


@pytest.mark.parametrize("booking_id", [{"$gt": ""}, {"$ne": None}, None, 1, ["x"], ""])
def test_an_invalid_id_never_becomes_a_query(store: BookingRepository, booking_id: Any) -> None:
    stored(store)
    with pytest.raises(BookingNotFound):
        store.get(booking_id)


def test_a_transition_reads_back_with_its_history(store: BookingRepository) -> None:
    booking = stored(store)
    at = now()
    store.apply(steps.reject(booking, reason="past", at=at, by="worker"))
    read = store.get(booking.id)
    assert (read.status, read.reason, read.version, read.updated_at) == ("rejected", "past", 2, at)
    assert [(row.previous, row.status, row.by) for row in read.history] == [
        (None, Status.PENDING, "test"),
        (Status.PENDING, Status.REJECTED, "worker"),
    ]


def test_each_write_has_a_pending_outbox_message(
    store: BookingRepository, database: Database[Any]
) -> None:
    booking = confirmed(store)
    ready = store.outbox.pending.take(10, 0)
    assert [(number, entry.type, entry.event_id) for number, entry in ready.items()] == [
        (1, "booking_requested", f"{booking.id}:1"),
        (2, "booking_state_changed", f"{booking.id}:2"),
    ]
    (kept,) = database["bookings"].find_one({"_id": booking.id})["outbox"]
    assert (kept["eventId"], kept["body"]) == (ready[2].event_id, ready[2].body)
    assert (kept["relay"], kept["number"]) == (store.outbox.relay_id, 2)


def test_a_rejected_write_leaves_no_pending_message(store: BookingRepository) -> None:
    booking = confirmed(store)
    store.outbox.pending.discard([1, 2])
    with pytest.raises(ClaimTaken):
        store.apply(confirm_seat(stored(store), at=now(), by="test"))
    with pytest.raises(ConcurrentModification):
        store.apply(steps.cancel(make_older(booking), reason="x", at=now(), by="test"))
    store.outbox.pending.discard([3])
    assert len(store.outbox.pending) == 0


def test_a_booking_is_not_stored_when_the_outbox_is_full(database: Database[Any]) -> None:
    store = BookingRepository(database, Outbox(database, limit=2))
    for _ in range(2):
        stored(store)
    with pytest.raises(OutboxFull):
        stored(store)
    assert database["bookings"].count_documents({}) == 2
    store.outbox.pending.discard([1])
    stored(store)


def test_events_accumulate_in_the_outbox_of_a_booking(
    store: BookingRepository, database: Database[Any]
) -> None:
    booking = confirmed(store)
    store.apply(steps.cancel(booking, reason="cancelled_by_clinic", at=now(), by="test"))
    kept = database["bookings"].find_one({"_id": booking.id})["outbox"]
    assert [entry["eventId"] for entry in kept] == [f"{booking.id}:2", f"{booking.id}:3"]


def test_a_concurrently_decided_booking_is_stale(store: BookingRepository) -> None:
    booking = stored(store)
    store.apply(steps.reject(booking, reason="past", at=now(), by="one"))
    with pytest.raises(ConcurrentModification):
        store.apply(confirm_seat(booking, at=now(), by="other"))
    assert store.get(booking.id).status is Status.REJECTED


def test_a_transition_of_an_older_version_is_stale(store: BookingRepository) -> None:
    booking = confirmed(store)
    late = steps.cancel(make_older(booking), reason="cancelled_by_clinic", at=now(), by="test")
    with pytest.raises(ConcurrentModification):
        store.apply(late)


def make_older(booking: Booking) -> Booking:
    from dataclasses import replace

    return replace(booking, version=booking.version - 1)


def test_two_bookings_never_hold_one_seat(store: BookingRepository) -> None:
    confirmed(store, seat=0)
    rival = stored(store)
    with pytest.raises(ClaimTaken):
        store.apply(confirm_seat(rival, at=now(), by="test"))
    assert store.get(rival.id).status is Status.PENDING


def test_taken_seats_are_those_of_one_slot(store: BookingRepository) -> None:
    confirmed(store, seat=0)
    confirmed(store, seat=1)
    confirmed(store, seat=0, date=SLOT + timedelta(minutes=30))
    assert taken_seats(store, SLOT) == {0, 1}


def test_a_cancelled_booking_releases_its_seat(store: BookingRepository) -> None:
    booking = confirmed(store, seat=0)
    store.apply(steps.cancel(booking, reason="cancelled_by_patient", at=now(), by="patient"))
    assert taken_seats(store, SLOT) == set()
    assert confirmed(store, seat=0).status is Status.CONFIRMED


def test_the_index_that_stops_double_booking_is_unique(
    store: BookingRepository, database: Database[Any]
) -> None:
    stored(store)
    index = database["bookings"].index_information()["one_booking_per_claim"]
    assert index["unique"]
    assert index["key"] == [("clinic", 1), ("claims", 1)]
    assert index["partialFilterExpression"] == {"claims": {"$gt": ""}}


def test_a_repeated_idempotency_key_finds_the_first_booking_and_token(
    store: BookingRepository,
) -> None:
    booking = make_booking()
    token, access = create_credentials("key-1", b"body")
    store.insert(booking, access)
    _, again = create_credentials("key-1", b"body")
    with pytest.raises(IdempotencyKeyUsed):
        store.insert(make_booking(), again)
    found, stored_access = store.find_by_key(again)
    assert found.id == booking.id
    assert derive_credentials(stored_access.salt, "key-1") == token


def test_a_key_used_for_another_body_is_a_conflict(store: BookingRepository) -> None:
    store.insert(make_booking(), create_credentials("key-1", b"body")[1])
    with pytest.raises(IdempotencyConflict):
        store.find_by_key(create_credentials("key-1", b"other")[1])


def test_bookings_without_a_key_do_not_collide(store: BookingRepository) -> None:
    assert stored(store).id != stored(store).id


def test_inserting_the_same_booking_twice_changes_nothing(store: BookingRepository) -> None:
    booking = make_booking()
    _, access = create_credentials()
    store.insert(booking, access)
    store.insert(booking, access)
    assert [found.id for found in store.list(BookingsQuery())] == [booking.id]


def test_only_pending_bookings_can_be_flagged_for_review(store: BookingRepository) -> None:
    waiting, decided = stored(store), confirmed(store)
    for booking in (waiting, decided):
        store.flag_for_review(booking.id, "check_unavailable")
    attention = store.get(waiting.id).attention
    assert attention is not None
    assert attention.code == "check_unavailable"
    assert store.get(decided.id).attention is None


def test_a_decision_clears_the_review_flag(store: BookingRepository) -> None:
    booking = stored(store)
    store.flag_for_review(booking.id, "check_unavailable")
    store.apply(confirm_seat(booking, at=now(), by="test"))
    assert store.get(booking.id).attention is None


def test_pages_walk_all_bookings_newest_first(store: BookingRepository) -> None:
    start = now()
    # Two have the same millisecond, so that the id must break the tie.
    ages = [0, 1, 1, 2, 3]
    made = [stored(store, at=start - timedelta(milliseconds=age)) for age in ages]
    expected = sorted(made, key=lambda each: (each.created_at, each.id), reverse=True)
    walked: list[Booking] = []
    after = None
    while page := store.list(BookingsQuery(limit=2, after=after)):
        walked += page
        after = Position(page[-1].created_at, page[-1].id)
    assert [each.id for each in walked] == [each.id for each in expected]


def test_a_listing_filters_by_status_and_date(store: BookingRepository) -> None:
    early = stored(store, date=SLOT)
    late = stored(store, date=SLOT + timedelta(days=1))
    confirmed_booking = confirmed(store, date=SLOT + timedelta(hours=1))
    by_status = store.list(BookingsQuery(status=Status.CONFIRMED))
    by_date = store.list(BookingsQuery(date_from=SLOT, date_to=SLOT + timedelta(hours=1)))
    from_date = store.list(BookingsQuery(date_from=SLOT + timedelta(hours=1)))
    assert [each.id for each in by_status] == [confirmed_booking.id]
    assert [each.id for each in by_date] == [early.id]
    assert {each.id for each in from_date} == {late.id, confirmed_booking.id}


def test_pages_between_two_dates_merge_all_statuses_newest_first(store: BookingRepository) -> None:
    at = now()
    for number in range(8):
        booking = stored(store, at=at + timedelta(seconds=number))
        if number % 2:
            store.apply(confirm_seat(booking, number, at=now(), by="test"))
    seen: list[Booking] = []
    after = None
    while page := store.list(BookingsQuery(limit=3, after=after, date_from=SLOT)):
        seen += page
        after = Position(page[-1].created_at, page[-1].id)
    assert [each.created_at for each in seen] == sorted(
        (each.created_at for each in seen), reverse=True
    )
    assert len({each.id for each in seen}) == 8


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_retried_insert_is_not_refused_for_its_own_claims(
    store: BookingRepository, monkeypatch: pytest.MonkeyPatch, is_stored: bool
) -> None:
    """The driver repeats an insert whose answer is lost; the claims may be those of the first."""
    insert = BatchInserter.insert

    def insert_twice(self: BatchInserter, document: dict[str, Any]) -> None:
        if is_stored:
            insert(self, document)
        claim = {"clinic": "default", "claims": document["claims"][0]}
        raise DuplicateKeyError("E11000", 11000, {"keyPattern": claim, "keyValue": claim})

    monkeypatch.setattr(BatchInserter, "insert", insert_twice)
    booking = make_booking()
    confirmation = confirm_seat(booking, at=now(), by="staff")
    access = create_credentials()[1]
    if is_stored:
        store.insert_confirmed(booking, confirmation, access)
        assert store.get(booking.id).status is Status.CONFIRMED
    else:
        with pytest.raises(ClaimTaken):
            store.insert_confirmed(booking, confirmation, access)
