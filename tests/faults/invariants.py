"""Invariants of a system at rest, whatever faults it has met.

The numbers are those of docs/verification.md. Each rule yields a line for each violation.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from clinic.domain.booking import Status
from tests.faults.allowed import Allowed, Found
from tests.faults.answers import of_answers
from tests.faults.claims import of_claims
from tests.faults.history import History
from tests.faults.notification_invariants import of_notifications
from tests.faults.patients import CANARY
from tests.faults.phone import CANARY_NUMBER
from tests.faults.state import State

_LEGAL = {
    (None, "pending"),
    ("pending", "confirmed"),
    ("pending", "rejected"),
    ("pending", "cancelled"),
    ("confirmed", "cancelled"),
}
#: A booking that is moved stays what it is, and only such a step has dates.
_MOVE = ("confirmed", "confirmed")


def violations(state: State, history: History, allowed: Allowed) -> list[str]:
    found = [
        *_of_bookings(state, allowed),
        *of_claims(state.bookings, state.catalogue),
        *of_notifications(state, history, allowed),
        *of_answers(state, history, allowed),
    ]
    return [f"{number}: {text}" for number, text in found]


def _of_bookings(state: State, allowed: Allowed) -> Found:
    for rule in (_decided, _legal_history, _moved, _outbox_empty, _nothing_personal):
        yield from rule(state)
    yield from _queues(state, allowed)


def _decided(state: State) -> Found:
    for each in state.bookings:
        if each["status"] == Status.PENDING:
            yield "I2", f"{each['_id']} is still pending"


def _legal_history(state: State) -> Found:
    for each in state.bookings:
        steps = each["history"]
        if each["version"] != len(steps):
            yield "I4", f"{each['_id']} has version {each['version']} after {len(steps)} steps"
        if not all(_is_legal(step) for step in steps):
            yield "I4", f"{each['_id']} made an illegal step"
        if any(before["to"] != after["from"] for before, after in pairwise(steps)):
            yield "I4", f"{each['_id']} has a gap in its history"
        if steps[-1]["to"] != each["status"]:
            yield "I4", f"{each['_id']} is {each['status']}, its history says otherwise"


def _is_legal(step: Mapping[str, Any]) -> bool:
    pair = (step["from"], step["to"])
    return pair == _MOVE if "date" in step else pair in _LEGAL


def _moved(state: State) -> Found:
    """Who was moved is where the last move led, and each move began where the one before led."""
    for each in state.bookings:
        dates = [each["date"]]
        for step in reversed([step for step in each["history"] if "date" in step]):
            if step["date"] != dates[-1]:
                yield "I4", f"{each['_id']} is not where it was moved to"
            dates.append(step["previousDate"])


def _outbox_empty(state: State) -> Found:
    for event_id in state.unsent:
        yield "I5", f"{event_id} is still to be sent"


def _queues(state: State, allowed: Allowed) -> Found:
    for name, count in state.depths.items():
        expected = allowed.dead_letters.get(name, 0)
        if count != expected:
            yield "I9", f"{count} messages are in {name}, where {expected} belong"


def _nothing_personal(state: State) -> Found:
    for line in state.logs.splitlines():
        if CANARY.lower() in line.lower() or CANARY_NUMBER in line:
            yield "I14", f"a patient is in the logs: {line[:200]}"
