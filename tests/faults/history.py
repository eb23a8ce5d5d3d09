"""The calls of all clients: when each was made and how it ended."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

#: The outcomes of a call: done, surely not done, or nobody can say.
OK, FAILED, UNKNOWN = "ok", "failed", "unknown"
_INVOKED = "invoked"
#: The calls that book: those of patients, and of staff for a patient on the phone.
BOOK, PHONE = "book", "phone"
#: The calls that change a booking.
CANCEL, RESCHEDULE = "cancel", "reschedule"
CHANGES = (CANCEL, RESCHEDULE)


@dataclass
class Call:
    """`patient` is the e-mail address, or a phone number, different for every booking that somebody
    wants; once there is a booking, it is the booking's id.

    The calls that are made for one change share a `wish`; `date` is where a booking is to go.
    """

    what: str
    patient: str
    outcome: str = _INVOKED
    status: int | None = None
    seconds: float = 0.0
    ended_at: float = 0.0
    wish: int = 0
    date: str | None = None
    answer: dict[str, Any] | None = field(default=None, repr=False)


class History:
    """Kept in memory, and line by line in a file that survives a harness which is killed."""

    def __init__(self, file: Path) -> None:
        self.calls: list[Call] = []
        #: Each state of a booking that a client has read, in order:
        #: {("<id>", client): [(version, status, date), ...]}.
        self.seen: dict[tuple[str, int], list[tuple[int, str, str]]] = {}
        self._file = file
        self._wishes = itertools.count(1)

    def next_wish(self) -> int:
        return next(self._wishes)

    def invoke(self, what: str, patient: str, wish: int = 0, date: str | None = None) -> Call:
        call = Call(what, patient, wish=wish, date=date)
        self.calls.append(call)
        self._write(call)
        return call

    def complete(self, call: Call, outcome: str) -> None:
        call.outcome = outcome
        call.ended_at = time.time()
        self._write(call)

    def saw(self, booking: dict[str, Any], client: int = 0) -> None:
        """Note what somebody was notified of a booking, which must never turn out to be untrue.

        A `client` hears one answer after the other; of two clients nobody knows who was first.
        """
        state = (booking["version"], booking["status"], booking["date"])
        self.seen.setdefault((booking["id"], client), []).append(state)

    def bookings(self) -> dict[str, list[Call]]:
        """The calls to book of each patient, in order."""
        found: dict[str, list[Call]] = {}
        for call in self.calls:
            if call.what in (BOOK, PHONE):
                found.setdefault(call.patient, []).append(call)
        return found

    def wishes(self) -> dict[int, list[Call]]:
        """The calls of each change that somebody wants, in order."""
        found: dict[int, list[Call]] = {}
        for call in self.calls:
            if call.what in CHANGES:
                found.setdefault(call.wish, []).append(call)
        return found

    def changed_at(self) -> dict[str, list[tuple[int, float]]]:
        """When somebody was notified of a change: {"<id>": [(version, time), ...]}."""
        found: dict[str, list[tuple[int, float]]] = {}
        for call in self.calls:
            if call.what in CHANGES and call.answer:
                report = (call.answer["version"], call.ended_at)
                found.setdefault(call.patient, []).append(report)
        return found

    def accepted(self) -> dict[str, str]:
        """The id that was promised to each patient."""
        return {
            patient: call.answer["id"]
            for patient, calls in self.bookings().items()
            for call in calls
            if call.outcome == OK and call.answer
        }

    def outcomes(self) -> Counter[str]:
        return Counter(call.outcome for call in self.calls)

    def slowest_seconds(self) -> float:
        return max((call.seconds for call in self.calls), default=0.0)

    def _write(self, call: Call) -> None:
        line = {"at": time.time()} | asdict(call)
        with self._file.open("a") as file:
            file.write(json.dumps(line) + "\n")
