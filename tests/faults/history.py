"""What clients saw: every call, when it was made and how it ended."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

#: The outcomes of a call: done, surely not done, or nobody can say.
OK, FAILED, UNKNOWN = "ok", "failed", "unknown"
_INVOKED = "invoked"


@dataclass
class Call:
    """`patient` is the e-mail address, different for every booking that somebody wants."""

    what: str
    patient: str
    outcome: str = _INVOKED
    status: int | None = None
    seconds: float = 0.0
    answer: dict[str, Any] | None = field(default=None, repr=False)


class History:
    """Kept in memory, and line by line in a file that survives a harness which is killed."""

    def __init__(self, file: Path) -> None:
        self.calls: list[Call] = []
        #: Each state of a booking that somebody has read: {"<id>": [(version, status), ...]}.
        self.seen: dict[str, list[tuple[int, str]]] = {}
        self._file = file

    def invoke(self, what: str, patient: str) -> Call:
        call = Call(what, patient)
        self.calls.append(call)
        self._write(call)
        return call

    def complete(self, call: Call, outcome: str) -> None:
        call.outcome = outcome
        self._write(call)

    def saw(self, booking: dict[str, Any]) -> None:
        """Note what somebody was told of a booking, which must never turn out to be untrue."""
        state = (booking["version"], booking["status"])
        self.seen.setdefault(booking["id"], []).append(state)

    def bookings(self) -> dict[str, list[Call]]:
        """The calls to book of each patient, in order."""
        found: dict[str, list[Call]] = {}
        for call in self.calls:
            if call.what == "book":
                found.setdefault(call.patient, []).append(call)
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
