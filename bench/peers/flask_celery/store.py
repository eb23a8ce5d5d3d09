"""The bookings in MongoDB."""

import os
from datetime import UTC, datetime

from pymongo import ASCENDING, MongoClient
from pymongo.collection import Collection


def bookings() -> Collection:
    client = MongoClient(os.environ["MONGODB_URI"], tz_aware=True, maxPoolSize=100)
    return client.get_default_database("clinic")["bookings"]


def ensure_indexes(collection: Collection) -> None:
    collection.create_index(
        [("date", ASCENDING)],
        name="one_confirmed_booking_per_slot",
        unique=True,
        partialFilterExpression={"status": "confirmed"},
    )
    collection.create_index([("createdAt", ASCENDING)], name="created")


def now() -> datetime:
    return datetime.now(UTC)
