"""Bookings as years of work leave them: decided long ago, most of them confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import islice

from pymongo.collection import Collection

from bench.slots import A_DAY, in_seat
from clinic.bookings import documents
from clinic.bookings.transition_writer import _values
from clinic.contracts.messages import BookingStateChanged
from clinic.domain import booking as steps
from clinic.domain.booking import Booking, Transition
from clinic.domain.clock import now
from clinic.domain.manage_token import create_credentials
from clinic.mongo.client import Document
from clinic.outbox.outbox_message import OutboxMessage

_DAYS = 5 * 365
_SEATS = 100
_CHUNK = 500
#: Of a hundred bookings: confirmed and rejected; one of a thousand waits for a person.
_CONFIRMED, _REJECTED = 70, 15
_WAITING_EVERY = 1000


def fill(bookings: Collection[Document], count: int) -> list[str]:
    """Store so many, each as the steps of its life would have left it, and return their ids."""
    made = iter(past_bookings(count))
    ids: list[str] = []
    while chunk := list(islice(made, _CHUNK)):
        ids += bookings.insert_many(chunk, ordered=False).inserted_ids
    return ids


def past_bookings(count: int) -> Iterator[Document]:
    """Yield them evenly spread over the years until today."""
    today = datetime.combine(now().date(), time(), UTC)
    for number in range(count):
        day, half_hour = divmod(number * _DAYS * A_DAY // count, A_DAY)
        date = today + timedelta(days=day - _DAYS, hours=8, minutes=30 * half_hour)
        yield _past_booking(number, date)


def _past_booking(number: int, date: datetime) -> Document:
    # Some asked two months ahead and some the day before.
    at = date - timedelta(days=1 + number % 60, seconds=number % 3600)
    booking = steps.create_booking(
        patient_name="Juan Pérez",
        patient_email=f"patient{number}@example.com",
        language="es",
        date=date,
        at=at,
        by="patient",
    )
    stored = documents.booking_to_document(booking, create_credentials()[1]) | {
        "lastRequestedAt": at,
        "outbox": [],
    }
    if number % _WAITING_EVERY == 0:
        # As if it had just been asked for: no sweep shall find it while others are measured.
        return stored | {
            "lastRequestedAt": now(),
            "attention": {"code": "check_unavailable", "at": at},
        }
    return _decided(stored, booking, number, at + timedelta(seconds=4))


def _decided(stored: Document, booking: Booking, number: int, at: datetime) -> Document:
    kind = number % 100
    if _CONFIRMED <= kind < _CONFIRMED + _REJECTED:
        return _after(stored, steps.reject(booking, reason="slot_full", at=at, by="worker"))
    confirmed = _after(
        stored,
        steps.confirm(
            booking,
            assignment=in_seat(booking.date, number % _SEATS),
            at=at,
            by="worker",
        ),
    )
    if kind < _CONFIRMED:
        return confirmed
    later, booking = at + timedelta(hours=6), documents.booking_from_document(confirmed)
    return _after(
        confirmed, steps.cancel(booking, reason="cancelled_by_patient", at=later, by="patient")
    )


def _after(stored: Document, step: Transition) -> Document:
    """Take the step as `TransitionWriter` has the database take it."""
    event = OutboxMessage.of_change(BookingStateChanged.of(step)).to_document("past", step.version)
    values = _values(step, event)
    after: Document = stored | values["fields"]
    return after | {
        "history": [*stored["history"], values["row"]],
        "outbox": [*stored["outbox"], values["event"]],
    }
