"""The indexes of the collection `bookings`."""

from __future__ import annotations

from pymongo import ASCENDING, IndexModel

from clinic.contracts.bookings_query import NEWEST_FIRST
from clinic.mongo.quota import quota_index
from clinic.outbox.outbox import HAS_TRANSITIONS

#: Prevents double booking: no two bookings of a clinic hold the same claim. `$gt: ""` leaves out
#: bookings without claims, also an empty array.
CLAIMS_INDEX = IndexModel(
    [("clinic", ASCENDING), ("claims", ASCENDING)],
    name="one_booking_per_claim",
    unique=True,
    partialFilterExpression={"claims": {"$gt": ""}},
)
_IDEMPOTENCY_INDEX = IndexModel(
    [("access.keyFingerprint", ASCENDING)],
    name="one_booking_per_key",
    unique=True,
    sparse=True,  # not partial: servers evaluate its filter for each document written
)
INDEXES = [
    CLAIMS_INDEX,
    _IDEMPOTENCY_INDEX,
    IndexModel(NEWEST_FIRST, name="newest"),
    IndexModel([("status", ASCENDING), *NEWEST_FIRST], name="newest_by_status"),
    IndexModel(
        [("clinic", ASCENDING), ("status", ASCENDING), ("date", ASCENDING)], name="appointments"
    ),
    IndexModel(
        [("updatedAt", ASCENDING)], name="last_step", partialFilterExpression=HAS_TRANSITIONS
    ),
    quota_index("one_open_booking_per_quota_unit"),
]
