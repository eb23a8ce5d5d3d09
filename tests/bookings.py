"""Bookings for tests whose subject is not the request."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pymongo.database import Database

from clinic.bookings.repository import BookingRepository
from clinic.domain import booking as steps
from clinic.domain.booking import Booking
from clinic.domain.clock import now
from clinic.domain.manage_token import create_credentials
from tests.amqp import depth

#: The fields of a booking in JSON, without its token.
BOOKING_FIELDS = {
    "id",
    "status",
    "reason",
    "reasonText",
    "patientName",
    "patientEmail",
    "date",
    "language",
    "version",
    "createdAt",
    "updatedAt",
    "attention",
}


def requested(**fields: Any) -> Booking:
    """Make Ana's pending booking for this time tomorrow; `fields` are those of `request`."""
    usual: dict[str, Any] = {
        "patient_name": "Ana",
        "patient_email": "ana@example.com",
        "language": "es",
        "date": now() + timedelta(days=1),
        "at": now(),
        "by": "test",
    }
    return steps.create_booking(**usual | fields)


def put_booking(store: BookingRepository, **fields: Any) -> Booking:
    """Store such a booking and return it."""
    booking = requested(**fields)
    store.insert(booking, create_credentials()[1])
    return booking


def unsent(database: Database[dict[str, Any]]) -> list[str]:
    """List the events of which no relay has noted that they are sent."""
    sent = {each["_id"]: each["committedOffset"] for each in database["relays"].find()}
    entries = [entry for booking in database["bookings"].find() for entry in booking["outbox"]]
    # A relay deletes its document when all is sent; so does a successor.
    return [each["eventId"] for each in entries if each["number"] > sent.get(each["relay"], 10**9)]


def all_in_hand(database: Database[dict[str, Any]], amqp_uri: str) -> bool:
    """Whether every request has reached the broker, and left its queue for a worker."""
    return not unsent(database) and depth(amqp_uri, "booking_requests") == 0
