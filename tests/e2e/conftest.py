from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from clinic.mongo.client import durable_uri
from tests.e2e.stack import Stack
from tests.mailbox import Mailbox, running_mailbox

#: No simulated delay and short intervals, for tests that do not depend on them.
QUICK = {
    "AVAILABILITY_DELAY_SECONDS": "0",
    "BOOKING_RETRY_TTL_SECONDS": "1",
    "EMAIL_RETRY_TTL_SECONDS": "1",
    "OUTBOX_HEARTBEAT_TIMEOUT_SECONDS": "1",
    "OUTBOX_RECOVERY_INTERVAL_SECONDS": "0.5",
}


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Makes stacks that are stopped after the test; variables override `QUICK`."""
    made: list[Stack] = []

    def make(amqp_uri: str, mongodb_uri: str, **environment: str) -> Stack:
        stack = Stack(amqp_uri, mongodb_uri, tmp_path, **QUICK | environment)
        made.append(stack)
        return stack

    yield make
    for stack in made:
        stack.stop()


@pytest.fixture
def delivery_records(mongodb_uri: str) -> Iterator[Callable[[], dict[str, str]]]:
    """Reads the state of each notification: {"<bookingId>:<version>:email": state}."""
    with MongoClient(durable_uri(mongodb_uri)) as client:
        database: Database[dict[str, Any]] = client.get_default_database()
        yield lambda: {row["_id"]: row["state"] for row in database["notifications"].find()}


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    yield from running_mailbox(tmp_path / "mail")
