"""Campaign: under load, a random process is killed every few seconds and comes back."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import eventlet

from tests.faults.allowed import Allowed
from tests.faults.campaign import Campaign, campaign
from tests.faults.outcome import Outcome

MINUTES = 10.0
PER_SECOND = 8.0
OF_A_DYING_GATEWAY = frozenset({200, 201, 503, None})


def run(directory: Path, seed: int, minutes: float = MINUTES) -> Outcome:
    allowed = Allowed(second_copies=True, statuses=OF_A_DYING_GATEWAY)
    options = {"changing_minds": True, "has_webhook": True}
    with campaign("random kills", directory, seed, allowed, **options) as trial:
        load = eventlet.spawn(trial.patients.rush, minutes * 60, PER_SECOND)
        kills = kill_at_random(trial, minutes * 60)
        load.wait()
        trial.system.wait_until_ready()
        trial.outcome.figures["kills"] = kills.total()
        trial.outcome.figures |= {f"of {name}": count for name, count in sorted(kills.items())}
    return trial.outcome


def kill_at_random(trial: Campaign, seconds: float) -> Counter[str]:
    """Kill every two to five seconds, for zero to eight; returns how often each was hit."""
    end = time.monotonic() + seconds
    kills: Counter[str] = Counter()
    while time.monotonic() < end:
        eventlet.sleep(trial.chance.uniform(2, 5))
        name = trial.chance.choice(_victims(trial))
        trial.system.parts[name].kill(down_seconds=trial.chance.uniform(0, 8))
        kills[name.partition(".")[0]] += 1
    return kills


def _victims(trial: Campaign) -> list[str]:
    parts = trial.system.parts.values()
    return [part.name for part in parts if part.is_alive and part.name not in ("epmd", "mail")]
