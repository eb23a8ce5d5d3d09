"""What a house holds at one moment, read past its proxies."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import eventlet

from clinic.domain.clock import now
from tests.bookings import unsent
from tests.faults.house import DEAD_LETTERS, REMINDER_HOURS, House
from tests.receiver import Call as WebhookCall

_PENDING = "pending"
SETTLED = ("sent", "failed", "superseded")
#: How long after the last fault everything must have settled: all retries, a lease, two sweeps.
SETTLE_SECONDS = 180


@dataclass(frozen=True)
class State:
    bookings: list[dict[str, Any]]
    unsent: list[str]  #: event ids
    delivery_log: dict[str, dict[str, Any]]
    emails: list[EmailMessage]
    depths: dict[str, int]
    logs: str
    #: None where they are off.
    webhooks: list[WebhookCall] | None = None
    #: Whose appointment begins before this, and is still to come, has been reminded.
    reminded_until: datetime | None = None

    @classmethod
    def of(cls, house: House) -> State:
        return cls(
            bookings=list(house.database["bookings"].find()),
            unsent=unsent(house.database),
            delivery_log={row["_id"]: row for row in house.database["notifications"].find()},
            emails=house.mailbox.emails(),
            depths=house.depths(),
            logs=house.text_of_logs(),
            webhooks=list(house.receiver.calls) if house.receiver else None,
            # Some become due in this very moment.
            reminded_until=reminders_until() - timedelta(minutes=5),
        )


def wait_for_quiet(house: House, settle_seconds: float) -> bool:
    """Wait until nothing is left to be done; False when that takes too long."""
    deadline = time.monotonic() + settle_seconds
    while not _is_quiet(house):
        if time.monotonic() > deadline:
            return False
        eventlet.sleep(0.3)
    return True


def _is_quiet(house: House) -> bool:
    """Look at the database on both sides: what left a queue meanwhile may have become a step."""
    return _has_nothing_to_do(house) and _are_empty_twice(house) and _has_nothing_to_do(house)


def _has_nothing_to_do(house: House) -> bool:
    bookings = house.database["bookings"]
    if bookings.count_documents({"status": _PENDING}) or unsent(house.database):
        return False
    steps = sum(each["version"] - 1 for each in bookings.find({}, {"version": True}))
    channels = ["email", "webhook"] if house.receiver else ["email"]
    return _are_reminded(house) and all(_settled(house, each) >= steps for each in channels)


def _settled(house: House, channel: str) -> int:
    settled = {"channel": channel, "state": {"$in": list(SETTLED)}}
    return int(house.database["notifications"].count_documents(settled))


def _are_reminded(house: House) -> bool:
    due = {"status": "confirmed", "slot": {"$gt": now(), "$lte": reminders_until()}}
    found = house.database["bookings"].find(due, {"version": True})
    keys = [f"{each['_id']}:{each['version']}:reminder" for each in found]
    settled = {"_id": {"$in": keys}, "state": {"$in": list(SETTLED)}}
    return bool(house.database["notifications"].count_documents(settled) == len(keys))


def reminders_until() -> datetime:
    """Return up to when appointments are near."""
    return now() + timedelta(hours=REMINDER_HOURS)


def _are_empty_twice(house: House) -> bool:
    """The broker lists queue after queue: a message that changes places may be in none of them."""
    if not _queues_are_empty(house):
        return False
    eventlet.sleep(0.5)
    return _queues_are_empty(house)


def _queues_are_empty(house: House) -> bool:
    depths = house.depths()
    return not any(count for name, count in depths.items() if name not in DEAD_LETTERS)
