"""Campaign: the selection that runs with all other tests; a few minutes, and every guard is needed.

What takes one guard away (see guards.py) breaks a promise here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import eventlet

from tests.faults import messages
from tests.faults.allowed import Allowed
from tests.faults.campaign import Campaign, running_campaign
from tests.faults.contested import changed_at_once
from tests.faults.crash_points import ALL, ONE, TEN, Case, run_cases
from tests.faults.injection.injector import KILL
from tests.faults.injection.points import LOSE, POINTS
from tests.faults.outcome import Outcome
from tests.faults.random_kills import OF_A_DYING_GATEWAY, PER_SECOND, kill_at_random
from tests.faults.state import SETTLE_SECONDS

#: Where a guard is all that stands between a crash and a broken promise.
ESSENTIAL = {
    "request stored, not passed to the relay": ONE,
    "checked, not decided": TEN,
    "decided, event not passed to the relay": ONE,
    "e-mail not claimed": ONE,
    "e-mail recorded": ONE,
    "postponed, not requeued": ONE,
    "move stored, not answered": ONE,
}
#: Drawn by the seed from all other cases.
DRAWN = 4
RANDOM_SECONDS = 25
_FAULTS = (
    messages.copies_of_requests,
    messages.events_without_a_queue,
    messages.events_without_an_answer,
    changed_at_once,
)


def run(directory: Path, seed: int, settle_seconds: float = SETTLE_SECONDS) -> Outcome:
    """End with the first thing that breaks."""
    options: dict[str, Any] = {"AVAILABILITY_DELAY_SECONDS": "0.5-1"}
    options |= {"has_webhook": True, "changing_minds": True}
    allowed = Allowed(second_copies=True)
    with running_campaign("short selection", directory, seed, allowed, **options) as campaign:
        campaign.settle_seconds = settle_seconds
        for _ in _parts(campaign):
            if campaign.outcome.violations:
                break
    return campaign.outcome


def _parts(campaign: Campaign) -> Iterator[None]:
    for fault in _FAULTS:
        campaign.note(fault.__name__, [*fault(campaign), *campaign.check()])
        yield
    for number, case in enumerate(_cases(campaign)):
        run_cases(campaign, [case], number)
        yield
    campaign.allowed = replace(campaign.allowed, second_copies=True, statuses=OF_A_DYING_GATEWAY)
    load = eventlet.spawn(campaign.patients.rush, RANDOM_SECONDS, PER_SECOND)
    kills = kill_at_random(campaign, RANDOM_SECONDS)
    load.wait()
    campaign.system.wait_until_ready()
    campaign.outcome.figures["kills"] = kills.total()
    yield


def _cases(campaign: Campaign) -> list[Case]:
    points = {point.name: point for point in POINTS}
    essential = [Case(points[name], KILL, size) for name, size in ESSENTIAL.items()]
    # What the broker has lost is found again only where somebody asks again, and soon.
    others = [
        case for case in ALL if case.point.name not in ESSENTIAL and case.point.scenario != LOSE
    ]
    return essential + campaign.rng.sample(others, DRAWN)
