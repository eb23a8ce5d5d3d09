"""The indexes of the collection `bookings`."""

from __future__ import annotations

from pymongo import ASCENDING, IndexModel

from clinic.contracts.bookings_query import NEWEST_FIRST
from clinic.domain.booking import Status
from clinic.mongo.quota import quota_index
from clinic.outbox.outbox import HAS_TRANSITIONS

#: Prevents double booking. A cancelled booking leaves the index, which frees its seat.
_SEAT_INDEX = IndexModel(
    [("slot", ASCENDING), ("seat", ASCENDING)],
    name="one_confirmed_booking_per_seat",
    unique=True,
    partialFilterExpression={"status": Status.CONFIRMED.value},
)
_IDEMPOTENCY_INDEX = IndexModel(
    [("access.keyFingerprint", ASCENDING)],
    name="one_booking_per_key",
    unique=True,
    sparse=True,  # not partial: servers evaluate its filter for each document written
)
INDEXES = [
    _SEAT_INDEX,
    _IDEMPOTENCY_INDEX,
    IndexModel(NEWEST_FIRST, name="newest"),
    IndexModel([("status", ASCENDING), *NEWEST_FIRST], name="newest_by_status"),
    IndexModel([("date", ASCENDING)], name="date"),
    IndexModel(
        [("updatedAt", ASCENDING)], name="last_step", partialFilterExpression=HAS_TRANSITIONS
    ),
    quota_index("one_open_booking_per_quota_unit"),
]
