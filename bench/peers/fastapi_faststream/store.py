"""The bookings in MongoDB."""

import os
from datetime import UTC, datetime

from pymongo import ASCENDING, AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection


def bookings() -> AsyncCollection:
    client = AsyncMongoClient(os.environ["MONGODB_URI"], tz_aware=True, maxPoolSize=100)
    return client.get_default_database("clinic")["bookings"]


async def ensure_indexes(collection: AsyncCollection) -> None:
    await collection.create_index(
        [("date", ASCENDING)],
        name="one_confirmed_booking_per_slot",
        unique=True,
        partialFilterExpression={"status": "confirmed"},
    )
    await collection.create_index([("createdAt", ASCENDING)], name="created")


def now() -> datetime:
    return datetime.now(UTC)
