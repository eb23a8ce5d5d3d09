"""What must be true of every house once it is quiet, whatever was done to it.

The numbers are those of docs/reliability.md. Each rule yields a line for each violation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from clinic.booking import Status
from tests.faults.history import OK, History
from tests.faults.house import SEATS
from tests.faults.patients import CANARY, REFUSED
from tests.faults.state import State

_LEGAL = {
    (None, "pending"),
    ("pending", "confirmed"),
    ("pending", "rejected"),
    ("pending", "cancelled"),
    ("confirmed", "cancelled"),
}
_SUBJECTS = {"confirmed": "Su cita está confirmada", "rejected": "No hemos podido"}
_SENT, _FAILED = "sent", "failed"


@dataclass(frozen=True)
class Allowed:
    """What the injected faults excuse.

    `second_copies`: a notifier or its database died between the mail server's yes and our record.
    `dead_letters`: how many lie in which queue, exactly. `answer_seconds`: the slowest answer of
    the gateway; `statuses`: all that it may answer, None for no answer at all.
    """

    second_copies: bool = False
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    answer_seconds: float | None = None
    statuses: frozenset[int | None] = frozenset({200, 201})


NOTHING = Allowed()


def violations(state: State, history: History, allowed: Allowed) -> list[str]:
    found = [*_of_state(state, allowed), *_of_history(state, history, allowed)]
    return [f"{number}: {text}" for number, text in found]


Found = Iterator[tuple[str, str]]


def _of_state(state: State, allowed: Allowed) -> Found:
    rules: Iterable[Callable[[State], Found]] = (
        _decided,
        _seats,
        _legal_history,
        _outbox_empty,
        _ledger_complete,
        _letters_true,
        _nothing_personal,
    )
    for rule in rules:
        yield from rule(state)
    yield from _letters_once(state, allowed)
    yield from _queues(state, allowed)


def _of_history(state: State, history: History, allowed: Allowed) -> Found:
    yield from _accepted_once(state, history)
    yield from _same_answers(history)
    yield from _seen_in_order(history)
    yield from _seen_is_true(state, history)
    slowest = history.slowest_seconds()
    if allowed.answer_seconds is not None and slowest > allowed.answer_seconds:
        yield "I12", f"the gateway took {slowest:.1f} s to answer"


def _accepted_once(state: State, history: History) -> Found:
    stored = {each["_id"]: each for each in state.bookings}
    of_patient = Counter(each["patientEmail"] for each in state.bookings)
    known = history.bookings()
    for patient, booking_id in history.accepted().items():
        if booking_id not in stored:
            yield "I1", f"{booking_id} was promised and is not stored"
        elif stored[booking_id]["patientEmail"] != patient:
            yield "I1", f"{booking_id} belongs to somebody else"
    for patient, count in of_patient.items():
        if count > 1:
            yield "I1", f"{count} bookings of one request, {patient}"
        if patient not in known:
            yield "I1", f"a booking that nobody asked for, {patient}"


def _decided(state: State) -> Found:
    for each in state.bookings:
        if each["status"] == Status.PENDING:
            yield "I2", f"{each['_id']} is still pending"


def _seats(state: State) -> Found:
    confirmed = [each for each in state.bookings if each["status"] == Status.CONFIRMED]
    for date, count in Counter(each["date"] for each in confirmed).items():
        if count > SEATS:
            yield "I3", f"{count} confirmed for {SEATS} seats on {date}"
    for seat, count in Counter((each["slot"], each["seat"]) for each in confirmed).items():
        if count > 1:
            yield "I3", f"seat {seat} was given {count} times"


def _legal_history(state: State) -> Found:
    for each in state.bookings:
        steps = each["history"]
        if each["version"] != len(steps):
            yield "I4", f"{each['_id']} has version {each['version']} after {len(steps)} steps"
        if any((step["from"], step["to"]) not in _LEGAL for step in steps):
            yield "I4", f"{each['_id']} made an illegal step"
        if any(before["to"] != after["from"] for before, after in pairwise(steps)):
            yield "I4", f"{each['_id']} has a gap in its history"
        if steps[-1]["to"] != each["status"]:
            yield "I4", f"{each['_id']} is {each['status']}, its history says otherwise"


def _outbox_empty(state: State) -> Found:
    for event_id in state.unsent:
        yield "I5", f"{event_id} is still to be sent"


def _ledger_complete(state: State) -> Found:
    steps = {
        f"{each['_id']}:{version}:email"
        for each in state.bookings
        for version in range(2, each["version"] + 1)
    }
    refused = {each["_id"] for each in state.bookings if each["patientEmail"].startswith(REFUSED)}
    for key in steps:
        told = state.ledger.get(key, {}).get("state", "not at all")
        if told != (_FAILED if key.partition(":")[0] in refused else _SENT):
            yield "I6", f"the patient was told of {key}: {told}"
    for key in state.ledger.keys() - steps:
        yield "I6", f"{key} was told and never was"


def _letters_once(state: State, allowed: Allowed) -> Found:
    copies = Counter(_event_id(letter) for letter in state.letters)
    for key, row in state.ledger.items():
        event_id = key.removesuffix(":email")
        count = copies.pop(event_id, 0)
        if row["state"] == _SENT and count == 0:
            yield "I7", f"{event_id} is noted as sent and no letter came"
        # Even then only as often as nobody could say whether it had gone out.
        if count > 1 + (row.get("ambiguous", 0) if allowed.second_copies else 0):
            yield "I7", f"{count} letters for {event_id}"
    for event_id in copies:
        yield "I7", f"a letter without a record, {event_id}"


def _letters_true(state: State) -> Found:
    bookings = {each["_id"]: each for each in state.bookings}
    for letter in state.letters:
        booking_id, _, version = _event_id(letter).partition(":")
        booking = bookings.get(booking_id)
        if booking is None or int(version) > booking["version"]:
            yield "I8", f"a letter about nothing, {booking_id}:{version}"
            continue
        status = booking["history"][int(version) - 1]["to"]
        if not str(letter["Subject"]).startswith(_SUBJECTS[status]):
            yield "I8", f"{booking_id} is {status} and the letter says otherwise"
        if letter["X-Recipient"] != booking["patientEmail"]:
            yield "I8", f"the letter about {booking_id} went to somebody else"


def _queues(state: State, allowed: Allowed) -> Found:
    for name, count in state.depths.items():
        expected = allowed.dead_letters.get(name, 0)
        if count != expected:
            yield "I9", f"{count} messages are in {name}, where {expected} belong"


def _same_answers(history: History) -> Found:
    for patient, calls in history.bookings().items():
        answers: list[dict[str, Any]] = [call.answer for call in calls if call.answer]
        if len({(each["id"], each["manageToken"]) for each in answers}) > 1:
            yield "I11", f"repeated calls got different bookings, {patient}"
        if any(call.outcome == "failed" for call in calls):
            yield "I11", f"a good request was refused, {patient}"


def _seen_in_order(history: History) -> Found:
    for booking_id, states in history.seen.items():
        if sorted(states, key=lambda state: state[0]) != states:
            yield "I4", f"{booking_id} was seen to go back"


def _seen_is_true(state: State, history: History) -> Found:
    """What somebody has read stays what has happened."""
    steps = {each["_id"]: each["history"] for each in state.bookings}
    for booking_id, states in history.seen.items():
        for version, status in states:
            known = steps.get(booking_id, [])[version - 1 : version]
            if not known or known[0]["to"] != status:
                yield "I4", f"{booking_id} was seen {status}, and its history says otherwise"


def _nothing_personal(state: State) -> Found:
    for line in state.logs.splitlines():
        if CANARY.lower() in line.lower():
            yield "I14", f"a patient is in the logs: {line[:200]}"


def repeated_letters(state: State) -> int:
    """Count the letters that somebody got more than once."""
    copies = Counter(_event_id(letter) for letter in state.letters)
    return sum(count - 1 for count in copies.values())


def promised(history: History) -> int:
    return sum(call.outcome == OK for call in history.calls if call.what == "book")


def _event_id(letter: Any) -> str:
    reference = str(letter["Message-ID"]).strip("<>").partition("@")[0]
    return reference.replace(".", ":")
