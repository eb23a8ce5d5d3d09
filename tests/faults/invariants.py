"""What must be true of every house once it is quiet, whatever was done to it.

The numbers are those of docs/reliability.md. Each rule yields a line for each violation.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from clinic.booking import Status
from clinic.clock import to_wire
from notification_service.signature import sign
from tests.faults.history import CANCEL, CHANGES, OK, UNKNOWN, Call, History
from tests.faults.house import SEATS, WEBHOOK_SECRET
from tests.faults.patients import CANARY, REFUSED
from tests.faults.state import State
from tests.receiver import Call as WebhookCall

_LEGAL = {
    (None, "pending"),
    ("pending", "confirmed"),
    ("pending", "rejected"),
    ("pending", "cancelled"),
    ("confirmed", "cancelled"),
}
#: A booking that is moved stays what it is, and only such a step has dates.
_MOVE = ("confirmed", "confirmed")
_MOVED, _REMINDER = "moved", "reminder"
_SUBJECTS = {
    "confirmed": "Su cita está confirmada",
    "rejected": "No hemos podido",
    "cancelled": "Su cita está anulada",
    _MOVED: "Su cita ha cambiado de fecha",
    _REMINDER: "Recordatorio de su cita",
}
_SENT, _FAILED, _SUPERSEDED = "sent", "failed", "superseded"


@dataclass(frozen=True)
class Allowed:
    """What the injected faults excuse.

    `second_copies`: a notifier or its database died between the mail server's yes and our record.
    `dead_letters`: how many lie in which queue, exactly. `answer_seconds`: the slowest answer of
    the gateway; `statuses`: all that it may answer, None for no answer at all. `late_seconds`: how
    long after a change a reminder that was on its way may still arrive; see ADR 17.
    """

    second_copies: bool = False
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    answer_seconds: float | None = None
    statuses: frozenset[int | None] = frozenset({200, 201})
    late_seconds: float = 15.0


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
        _moved,
        _outbox_empty,
        _ledger_complete,
        _reminded,
        _receiver_told,
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
    yield from _changes_done(state, history)
    yield from _refused_not_done(state, history)
    yield from _no_late_reminder(state, history, allowed)
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
    """Who was moved holds a seat where the last move led, and none where it came from."""
    for each in state.bookings:
        dates = [each["date"]]
        for step in reversed([step for step in each["history"] if "date" in step]):
            if step["date"] != dates[-1]:
                yield "I4", f"{each['_id']} is not where it was moved to"
            dates.append(step["previousDate"])
        if each["status"] == Status.CONFIRMED and each["slot"] != each["date"]:
            yield "I3", f"{each['_id']} holds a seat of another slot"


def _outbox_empty(state: State) -> Found:
    for event_id in state.unsent:
        yield "I5", f"{event_id} is still to be sent"


def _ledger_complete(state: State) -> Found:
    channels = ["email"] if state.webhooks is None else ["email", "webhook"]
    steps = {f"{key}:{channel}" for key in _steps(state) for channel in channels}
    latest, refused = _latest_letters(state), _refused(state)
    for key in steps:
        booking_id, version, channel = key.split(":")
        told = state.ledger.get(key, {}).get("state", "not at all")
        expected = {_FAILED} if channel == "email" and booking_id in refused else {_SENT}
        # An e-mail that a later one has overtaken is left out; a webhook never is.
        if channel == "email" and latest.get(booking_id, 0) > int(version):
            expected |= {_SUPERSEDED}
        if told not in expected:
            yield "I6", f"the patient was told of {key}: {told}"
    for key in state.ledger.keys() - steps:
        if not key.endswith(f":{_REMINDER}"):
            yield "I6", f"{key} was told and never was"


def _latest_letters(state: State) -> dict[str, int]:
    """The latest version of each booking that its patient has been written about."""
    latest: dict[str, int] = {}
    for key, row in state.ledger.items():
        booking_id, version, channel = key.split(":")
        if channel == "email" and row["state"] == _SENT:
            latest[booking_id] = max(latest.get(booking_id, 0), int(version))
    return latest


def _reminded(state: State) -> Found:
    """Who is confirmed and whose appointment is near has been reminded of it, as it is now."""
    confirmed = {
        f"{each['_id']}:{version}:{_REMINDER}"
        for each in state.bookings
        for version, step in enumerate(each["history"], 1)
        if step["to"] == Status.CONFIRMED
    }
    for key in state.ledger.keys() - confirmed:
        if key.endswith(f":{_REMINDER}"):
            yield "I18", f"{key} is about no appointment"
    refused = _refused(state)
    for each in state.bookings:
        key = f"{each['_id']}:{each['version']}:{_REMINDER}"
        expected = {_FAILED} if each["_id"] in refused else {_SENT}
        told = state.ledger.get(key, {}).get("state", "not at all")
        if _is_near(state, each) and told not in expected:
            yield "I18", f"{key}: {told}"


def _is_near(state: State, booking: Mapping[str, Any]) -> bool:
    until = state.reminded_until
    is_confirmed = booking["status"] == Status.CONFIRMED
    return until is not None and is_confirmed and bool(booking["date"] <= until)


def _receiver_told(state: State) -> Found:
    """The receiver has heard of every step, and believes nothing that is not ours or not true."""
    steps = _steps(state)
    told = Counter(call.headers["X-Clinic-Event-Id"] for call in state.webhooks or ())
    for call in state.webhooks or ():
        key = call.headers["X-Clinic-Event-Id"]
        if not _is_signed(call):
            yield "I19", f"the receiver can't believe what it was told of {key}"
        if key not in steps or call.event["status"] != steps[key]["to"]:
            yield "I19", f"the receiver was told of {key}, which is not true"
    for key in steps.keys() if state.webhooks is not None else ():
        if not told[key]:
            yield "I19", f"the receiver was not told of {key}"
        elif told[key] > (tries := state.ledger.get(f"{key}:webhook", {}).get("tries", 0)):
            yield "I19", f"the receiver was told {told[key]} times of {key}, in {tries} tries"


def _is_signed(call: WebhookCall) -> bool:
    timestamp = int(call.headers["X-Clinic-Timestamp"])
    return call.headers["X-Clinic-Signature"] == sign(call.raw, timestamp, [WEBHOOK_SECRET])


def _letters_once(state: State, allowed: Allowed) -> Found:
    copies = Counter(_key(letter) for letter in state.letters)
    for key, row in state.ledger.items():
        count = 0 if key.endswith(":webhook") else copies.pop(key, 0)
        if row["state"] == _SENT and count == 0 and not key.endswith(":webhook"):
            yield "I7", f"{key} is noted as sent and no letter came"
        # Even then only as often as nobody could say whether it had gone out.
        if count > 1 + (row.get("ambiguous", 0) if allowed.second_copies else 0):
            yield "I7", f"{count} letters for {key}"
    for key in copies:
        yield "I7", f"a letter without a record, {key}"


def _letters_true(state: State) -> Found:
    bookings = {each["_id"]: each for each in state.bookings}
    for letter in state.letters:
        booking_id, version, channel = _key(letter).split(":")
        booking = bookings.get(booking_id)
        if booking is None or int(version) > booking["version"]:
            yield "I8", f"a letter about nothing, {booking_id}:{version}"
            continue
        step = booking["history"][int(version) - 1]
        told = _REMINDER if channel == _REMINDER else _MOVED if "date" in step else step["to"]
        if not str(letter["Subject"]).startswith(_SUBJECTS[told]):
            yield "I8", f"{booking_id} is {told} and the letter says otherwise"
        if letter["X-Recipient"] != booking["patientEmail"]:
            yield "I8", f"the letter about {booking_id} went to somebody else"


def _steps(state: State) -> dict[str, dict[str, Any]]:
    """All that somebody has to be told of, by event id."""
    return {
        f"{each['_id']}:{version}": step
        for each in state.bookings
        for version, step in enumerate(each["history"], 1)
        if version > 1
    }


def _refused(state: State) -> set[str]:
    """The bookings whose patient's mail server says no for good."""
    return {each["_id"] for each in state.bookings if each["patientEmail"].startswith(REFUSED)}


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
    for (booking_id, _), states in history.seen.items():
        if sorted(states, key=lambda state: state[0]) != states:
            yield "I4", f"{booking_id} was seen to go back"


def _seen_is_true(state: State, history: History) -> Found:
    """What somebody has read stays what has happened."""
    bookings = {each["_id"]: each for each in state.bookings}
    for (booking_id, _), states in history.seen.items():
        for version, status, date in states:
            booking = bookings.get(booking_id)
            steps = booking["history"][version - 1 : version] if booking else []
            if booking is None or [step["to"] for step in steps] != [status]:
                yield "I4", f"{booking_id} was seen {status}, and its history says otherwise"
            elif to_wire(_date_at(booking, version)) != date:
                yield "I4", f"{booking_id} was seen at {date}, and its history says otherwise"


def _date_at(booking: Mapping[str, Any], version: int) -> datetime:
    moved = [row["previousDate"] for row in booking["history"][version:] if "date" in row]
    date: datetime = [*moved, booking["date"]][0]
    return date


def _changes_done(state: State, history: History) -> Found:
    """What was answered with 200 was done: the booking is told as it was wanted.

    That this is also what its history says is checked with all else that was seen.
    """
    for call in history.calls:
        if call.what not in CHANGES or call.answer is None:
            continue
        wanted = "cancelled" if call.what == CANCEL else "confirmed"
        is_there = call.date in (None, call.answer["date"])
        if call.answer["status"] != wanted or not is_there:
            yield "I17", f"{call.patient}: 200 to {call.what}, and it is not so"
        if call.what == CANCEL and _changed_since(state, call):
            yield "I17", f"{call.patient} was called off, and was changed afterwards"


def _changed_since(state: State, call: Call) -> bool:
    version = call.answer["version"] if call.answer else 0
    return any(b["_id"] == call.patient and b["version"] != version for b in state.bookings)


def _refused_not_done(state: State, history: History) -> Found:
    """What was refused, each time it was asked for, and that nobody else wanted, is not done."""
    bookings = {each["_id"]: each for each in state.bookings}
    perhaps = {_change(call) for call in history.calls if call.outcome in (OK, UNKNOWN)}
    for calls in history.wishes().values():
        booking = bookings.get(calls[0].patient)
        if booking and _change(calls[0]) not in perhaps and _is_done(booking, calls[0]):
            yield "I17", f"{calls[0].patient}: {calls[0].what} was refused, and is done"


def _change(call: Call) -> tuple[str, str, str | None]:
    return call.what, call.patient, call.date


def _is_done(booking: Mapping[str, Any], call: Call) -> bool:
    if call.what == CANCEL:
        return bool(booking["status"] == Status.CANCELLED)
    return any("date" in row and to_wire(row["date"]) == call.date for row in booking["history"])


def _no_late_reminder(state: State, history: History, allowed: Allowed) -> Found:
    """Who was told that it is changed is not reminded of what it was, but for what was on its way:
    a reminder is sent right after a look at its booking."""
    changed = history.changed_at()
    for letter in filter(is_reminder, state.letters):
        booking_id, version, _ = _key(letter).split(":")
        told = [at for later, at in changed.get(booking_id, ()) if later > int(version)]
        late_seconds = float(letter["X-Taken-At"]) - min(told, default=math.inf)
        if late_seconds > allowed.late_seconds:
            yield "I18", f"a reminder of {booking_id}:{version} came {late_seconds:.0f} s too late"


def _nothing_personal(state: State) -> Found:
    for line in state.logs.splitlines():
        if CANARY.lower() in line.lower():
            yield "I14", f"a patient is in the logs: {line[:200]}"


def repeated_letters(state: State) -> int:
    """Count the letters that somebody got more than once."""
    copies = Counter(_key(letter) for letter in state.letters)
    return sum(count - 1 for count in copies.values())


def is_reminder(letter: Any) -> bool:
    return _key(letter).endswith(f":{_REMINDER}")


def _key(letter: Any) -> str:
    """Return the key of the ledger's row that a letter belongs to."""
    reference = str(letter["Message-ID"]).strip("<>").partition("@")[0]
    parts = reference.split(".")
    return ":".join(parts if len(parts) > 2 else [*parts, "email"])
