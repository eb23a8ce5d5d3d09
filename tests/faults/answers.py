"""Invariants of the responses that clients received."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clinic.domain.booking import Status
from clinic.domain.clock import to_wire
from tests.faults.allowed import Allowed, Found
from tests.faults.history import CANCEL, CHANGES, FAILED, OK, PHONE, UNKNOWN, Call, History
from tests.faults.state import State


def of_answers(state: State, history: History, allowed: Allowed) -> Found:
    for rule in (
        _accepted_once,
        _seen_is_true,
        _changes_done,
        _refused_not_done,
        _as_requested,
    ):
        yield from rule(state, history)
    yield from _same_answers(history)
    yield from _seen_in_order(history)
    slowest = history.slowest_seconds()
    if allowed.answer_seconds is not None and slowest > allowed.answer_seconds:
        yield "I12", f"the gateway took {slowest:.1f} s to answer"


def _accepted_once(state: State, history: History) -> Found:
    stored = {each["_id"]: each for each in state.bookings}
    of_patient = Counter(_patient(each) for each in state.bookings)
    known = history.bookings()
    for patient, booking_id in history.accepted().items():
        if booking_id not in stored:
            yield "I1", f"{booking_id} was promised and is not stored"
        elif _patient(stored[booking_id]) != patient:
            yield "I1", f"{booking_id} belongs to somebody else"
    for patient, count in of_patient.items():
        if count > 1:
            yield "I1", f"{count} bookings of one request, {patient}"
        if patient not in known:
            yield "I1", f"a booking that nobody asked for, {patient}"
        elif any(call.what == PHONE and call.outcome == FAILED for call in known[patient]):
            yield "I1", f"a booking by phone that was refused, {patient}"


def _patient(booking: Mapping[str, Any]) -> str:
    return str(booking["patientEmail"] or booking["patientPhone"])


def _same_answers(history: History) -> Found:
    for patient, calls in history.bookings().items():
        answers: list[dict[str, Any]] = [call.answer for call in calls if call.answer]
        if len({(each["id"], each.get("manageToken")) for each in answers}) > 1:
            yield "I11", f"repeated calls got different bookings, {patient}"
        # Staff hear at once that there is no free time.
        if any(call.outcome == FAILED and call.what != PHONE for call in calls):
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


def _as_requested(state: State, history: History) -> Found:
    """Who was confirmed as first asked for has that service, and that practitioner if any."""
    bookings = {each["_id"]: each for each in state.bookings}
    for calls in history.bookings().values():
        for wanted in (call.answer for call in calls if call.answer):
            booking = bookings.get(wanted["id"])
            if booking is None:
                continue  # that is another rule's
            if booking.get("service") != wanted.get("service"):
                yield "I20", f"{wanted['id']} is of another service"
            is_moved = any("date" in step for step in booking["history"])
            person = None if is_moved else wanted.get("practitioner")
            if person not in (None, booking.get("practitioner")):
                yield "I20", f"{wanted['id']} is with another practitioner"


def _change(call: Call) -> tuple[str, str, str | None]:
    return call.what, call.patient, call.date


def _is_done(booking: Mapping[str, Any], call: Call) -> bool:
    if call.what == CANCEL:
        return bool(booking["status"] == Status.CANCELLED)
    return any("date" in row and to_wire(row["date"]) == call.date for row in booking["history"])
