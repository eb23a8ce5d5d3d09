"""Books for one address in many threads at once, and prints how many bookings were stored.

python -m tests.book_at_once MONGODB_URI ADDRESS THREADS MAX_OPEN
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pymongo import MongoClient

from clinic.bookings.repository import BookingRepository
from clinic.domain.manage_token import create_credentials
from clinic.errors import TooManyOpenBookings
from clinic.mongo.client import durable_uri
from clinic.outbox.outbox import Outbox
from tests.bookings import requested


def main(uri: str, address: str, threads: str, max_open: str) -> None:
    with MongoClient[Any](durable_uri(uri)) as client:
        database = client.get_default_database()
        store = BookingRepository(database, Outbox(database), int(max_open))

        def book(_number: int) -> bool:
            try:
                store.insert(requested(patient_email=address), create_credentials()[1])
            except TooManyOpenBookings:
                return False
            return True

        with ThreadPoolExecutor(int(threads)) as pool:
            stored = sum(pool.map(book, range(int(threads))))
    sys.stdout.write(f"{stored}\n")


main(*sys.argv[1:])
