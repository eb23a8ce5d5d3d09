"""What every campaign begins with and ends with."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.history import History
from tests.faults.house import House, running_house
from tests.faults.invariants import NOTHING, Allowed, repeated_letters, violations
from tests.faults.outcome import Outcome
from tests.faults.patients import Patients
from tests.faults.state import SETTLE_SECONDS, State, wait_for_quiet


@dataclass
class Campaign:
    """A house under load; `chance` decides which faults it meets, by a seed that is printed."""

    name: str
    house: House
    chance: random.Random
    history: History
    patients: Patients
    allowed: Allowed
    outcome: Outcome
    settle_seconds: float = SETTLE_SECONDS
    _known: set[str] = field(default_factory=set)

    def check(self) -> list[str]:
        """Wait until all is quiet, and return what is broken and was not before."""
        quiet = wait_for_quiet(self.house, self.settle_seconds)
        found = [] if quiet else ["I2: it never became quiet"]
        found += violations(State.of(self.house), self.history, self.allowed)
        news = [text for text in found if text not in self._known]
        self._known.update(news)
        return news

    def note(self, where: str, found: list[str]) -> None:
        """Keep what a part of the campaign has broken, and say how it went."""
        self.outcome.violations += [f"{text} ({where})" for text in found]
        print(f"  {where}: {'; '.join(found) or 'held'}", flush=True)


@contextmanager
def campaign(
    name: str, directory: Path, seed: int, allowed: Allowed = NOTHING, **options: Any
) -> Iterator[Campaign]:
    """Run a house for the faults of the body, then check it; its outcome is in `outcome`."""
    began = time.monotonic()
    chance = random.Random(seed)
    with running_house(directory, **options) as house:
        history = History(directory / "history.jsonl")
        patients = Patients(house.url, history, random.Random(seed))
        run = Campaign(name, house, chance, history, patients, allowed, Outcome(name))
        yield run
        run.note("at the end", run.check())
        _tell(run, time.monotonic() - began)


def _tell(run: Campaign, seconds: float) -> None:
    state = State.of(run.house)
    statuses = [each["status"] for each in state.bookings]
    run.outcome.figures |= {
        "bookings": len(statuses),
        "confirmed": statuses.count("confirmed"),
        "letters": len(state.letters),
        "second copies": repeated_letters(state),
        "slowest answer": f"{run.history.slowest_seconds():.1f} s",
        "minutes": f"{seconds / 60:.1f}",
    }
