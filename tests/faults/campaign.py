"""The start and the end that all campaigns share."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.allowed import NOTHING, Allowed
from tests.faults.history import CHANGES, PHONE, Call, History
from tests.faults.invariants import violations
from tests.faults.notification_invariants import is_reminder, repeated_emails
from tests.faults.outcome import Outcome
from tests.faults.patients import Patients
from tests.faults.phone import PhoneDesk
from tests.faults.state import SETTLE_SECONDS, State, wait_for_quiet
from tests.faults.system import System, running_system
from tests.faults.watch import Watch, watching
from tests.faults.wishes import Wishes


@dataclass
class Campaign:
    """A system under load; `rng` decides which faults it meets, by a seed that is printed."""

    name: str
    system: System
    rng: random.Random
    history: History
    patients: Patients
    desk: PhoneDesk
    allowed: Allowed
    outcome: Outcome
    watch: Watch
    settle_seconds: float = SETTLE_SECONDS
    #: Processes that were told to die, or to fail, which may end them.
    excused_ends: int = 0
    _before: set[str] = field(default_factory=set)
    _judged_calls: int = 0

    def check(self) -> list[str]:
        """Wait until all is quiet; return what is broken and was not at the check before."""
        is_quiet = wait_for_quiet(self.system, self.settle_seconds)
        found = violations(State.of(self.system), self.history, self.allowed)
        news = [text for text in found if text not in self._before]
        self._before = set(found)
        unrest = [] if is_quiet else ["I2: it never became quiet"]
        return [*unrest, *news, *self.watch.news(), *self._bad_answers(), *self._unasked_ends()]

    def _bad_answers(self) -> list[str]:
        """Judge the calls that were made since the last check."""
        calls = self.history.calls[self._judged_calls :]
        self._judged_calls += len(calls)
        bad = Counter(call.status for call in calls if call.status not in self._good(call))
        return [f"I12: {count} calls were answered with {status}" for status, count in bad.items()]

    def _good(self, call: Call) -> frozenset[int | None]:
        """What a state forbids is refused; the booking service may be away, unlike the gateway."""
        is_forwarded = call.what in (*CHANGES, PHONE)
        changing = frozenset({409, 503}) if is_forwarded else frozenset()
        return self.allowed.statuses | changing

    def _unasked_ends(self) -> list[str]:
        ends = {part.name: part.unasked_ends for part in self.system.parts.values()}
        over = sum(ends.values()) - self.excused_ends
        self.excused_ends += max(over, 0)
        return [f"I13: a process ended by itself, so far {ends}"] if over > 0 else []

    def note(self, where: str, found: list[str]) -> None:
        """Keep what a part of the campaign has broken, and say how it went."""
        self.outcome.violations += [f"{text} ({where})" for text in found]
        print(f"  {where}: {'; '.join(found) or 'held'}", flush=True)


@contextmanager
def running_campaign(
    name: str,
    directory: Path,
    seed: int,
    allowed: Allowed = NOTHING,
    *,
    changing_minds: bool = False,
    wishes: Wishes | None = None,
    **options: Any,
) -> Iterator[Campaign]:
    """Run a system for the faults of the body, then check it; its outcome is in `outcome`."""
    began = time.monotonic()
    rng = random.Random(seed)
    with running_system(directory, **options) as system, watching(system) as watch:
        history = History(directory / "history.jsonl")
        patients = Patients(system.url, history, seed, changing_minds, wishes)
        desk = PhoneDesk(system.node.uri, history, seed, wishes)
        run = Campaign(name, system, rng, history, patients, desk, allowed, Outcome(name), watch)
        yield run
        run.note("at the end", run.check())
        desk.close()
        _tell(run, time.monotonic() - began)


def _tell(run: Campaign, seconds: float) -> None:
    state = State.of(run.system)
    statuses = [each["status"] for each in state.bookings]
    run.outcome.figures |= {
        "bookings": len(statuses),
        "confirmed": statuses.count("confirmed"),
        "moves": sum("date" in step for each in state.bookings for step in each["history"]),
        "cancelled": statuses.count("cancelled"),
        "by phone": sum(each["history"][0]["by"] == "staff" for each in state.bookings),
        "changes refused": sum(calls[-1].status == 409 for calls in run.history.wishes().values()),
        "e-mails": len(state.emails),
        "reminders": sum(is_reminder(email) for email in state.emails),
        "webhook calls": len(state.webhooks or ()),
        "second copies": repeated_emails(state),
        "slowest answer": f"{run.history.slowest_seconds():.1f} s",
        "minutes": f"{seconds / 60:.1f}",
    }
