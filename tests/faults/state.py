"""The state of a system at one moment, read without its proxies."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import eventlet

from clinic.domain.catalogue import Catalogue
from clinic.domain.clock import now
from tests.bookings import unsent
from tests.faults.system import DEAD_LETTERS, REMINDER_HOURS, UNCONFIGURED, System
from tests.receiver import Call as WebhookCall

_PENDING = "pending"
SETTLED = ("sent", "failed", "superseded", "no_address")
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
    catalogue: Catalogue = UNCONFIGURED

    @classmethod
    def of(cls, system: System) -> State:
        return cls(
            bookings=list(system.database["bookings"].find()),
            unsent=unsent(system.database),
            delivery_log={row["_id"]: row for row in system.database["notifications"].find()},
            emails=system.mailbox.emails(),
            depths=system.depths(),
            logs=system.text_of_logs(),
            webhooks=list(system.receiver.calls) if system.receiver else None,
            # Some become due in this very moment.
            reminded_until=reminders_until() - timedelta(minutes=5),
            catalogue=system.catalogue,
        )


def wait_for_quiet(system: System, settle_seconds: float) -> bool:
    """Wait until nothing is left to be done; False when that takes too long."""
    deadline = time.monotonic() + settle_seconds
    while not _is_quiet(system):
        if time.monotonic() > deadline:
            return False
        eventlet.sleep(0.3)
    return True


def _is_quiet(system: System) -> bool:
    """Look at the database on both sides: what left a queue meanwhile may have become a step."""
    return _has_nothing_to_do(system) and _are_empty_twice(system) and _has_nothing_to_do(system)


def _has_nothing_to_do(system: System) -> bool:
    bookings = system.database["bookings"]
    if bookings.count_documents({"status": _PENDING}) or unsent(system.database):
        return False
    steps = sum(each["version"] - 1 for each in bookings.find({}, {"version": True}))
    channels = ["email", "webhook"] if system.receiver else ["email"]
    return _are_reminded(system) and all(_settled(system, each) >= steps for each in channels)


def _settled(system: System, channel: str) -> int:
    settled = {"channel": channel, "state": {"$in": list(SETTLED)}}
    return int(system.database["notifications"].count_documents(settled))


def _are_reminded(system: System) -> bool:
    due = {"status": "confirmed", "date": {"$gt": now(), "$lte": reminders_until()}}
    found = system.database["bookings"].find(due, {"version": True})
    keys = [f"{each['_id']}:{each['version']}:reminder" for each in found]
    settled = {"_id": {"$in": keys}, "state": {"$in": list(SETTLED)}}
    return bool(system.database["notifications"].count_documents(settled) == len(keys))


def reminders_until() -> datetime:
    """Return up to when appointments are near."""
    return now() + timedelta(hours=REMINDER_HOURS)


def _are_empty_twice(system: System) -> bool:
    """The broker lists queue after queue: a message that changes places may be in none of them."""
    if not _queues_are_empty(system):
        return False
    eventlet.sleep(0.5)
    return _queues_are_empty(system)


def _queues_are_empty(system: System) -> bool:
    depths = system.depths()
    return not any(count for name, count in depths.items() if name not in DEAD_LETTERS)
