"""What a house holds at one moment, read past its proxies."""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import eventlet

from tests.bookings import unsent
from tests.faults.house import DEAD_LETTERS, House

_PENDING = "pending"
#: How long after the last fault everything must have settled: all retries, a lease, two sweeps.
SETTLE_SECONDS = 180


@dataclass(frozen=True)
class State:
    bookings: list[dict[str, Any]]
    unsent: list[str]  #: event ids
    ledger: dict[str, dict[str, Any]]
    letters: list[EmailMessage]
    depths: dict[str, int]
    logs: str

    @classmethod
    def of(cls, house: House) -> State:
        return cls(
            bookings=list(house.database["bookings"].find()),
            unsent=unsent(house.database),
            ledger={row["_id"]: row for row in house.database["notifications"].find()},
            letters=house.mailbox.letters(),
            depths=house.depths(),
            logs=house.text_of_logs(),
        )


def wait_for_quiet(house: House, settle_seconds: float) -> bool:
    """Wait until nothing is left to be done; False when that takes too long."""
    deadline = time.monotonic() + settle_seconds
    while not (_has_nothing_to_do(house) and _are_empty_twice(house)):
        if time.monotonic() > deadline:
            return False
        eventlet.sleep(0.3)
    return True


def _has_nothing_to_do(house: House) -> bool:
    bookings = house.database["bookings"]
    if bookings.count_documents({"status": _PENDING}) or unsent(house.database):
        return False
    steps = sum(each["version"] - 1 for each in bookings.find({}, {"version": True}))
    settled = {"state": {"$in": ["sent", "failed", "superseded"]}}
    return bool(house.database["notifications"].count_documents(settled) >= steps)


def _are_empty_twice(house: House) -> bool:
    """The broker lists queue after queue: a message that changes places may be in none of them."""
    if not _queues_are_empty(house):
        return False
    eventlet.sleep(0.5)
    return _queues_are_empty(house)


def _queues_are_empty(house: House) -> bool:
    depths = house.depths()
    return not any(count for name, count in depths.items() if name not in DEAD_LETTERS)
