"""Campaigns: under load, a random process is killed every few seconds and restarted."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import eventlet

from tests.faults.allowed import Allowed
from tests.faults.campaign import Campaign, running_campaign
from tests.faults.outcome import Outcome
from tests.faults.practice import CATALOGUE, Appointments

MINUTES = 10.0
PER_SECOND = 8.0
PAUSE_SECONDS = (2.0, 5.0)
CATALOGUE_MINUTES = 4.0
#: Longer, so that more bookings meet than processes die.
CATALOGUE_PAUSE_SECONDS = (5.0, 12.0)
CATALOGUE_PER_SECOND, PHONE_PER_SECOND = 1.5, 0.5
OF_A_DYING_GATEWAY = frozenset({200, 201, 503, None})


def run(directory: Path, seed: int, minutes: float = MINUTES) -> Outcome:
    allowed = Allowed(second_copies=True, statuses=OF_A_DYING_GATEWAY)
    options: dict[str, Any] = {"changing_minds": True, "has_webhook": True}
    with running_campaign("random kills", directory, seed, allowed, **options) as campaign:
        load = eventlet.spawn(campaign.patients.rush, minutes * 60, PER_SECOND)
        kills = kill_at_random(campaign, minutes * 60)
        load.wait()
        _end(campaign, kills)
    return campaign.outcome


def run_with_catalogue(
    directory: Path, seed: int, minutes: float = CATALOGUE_MINUTES, settle_seconds: float = 180
) -> Outcome:
    """Patients choose services and practitioners, and staff book by phone as well."""
    allowed = Allowed(second_copies=True, statuses=OF_A_DYING_GATEWAY)
    options: dict[str, Any] = {
        "changing_minds": True,
        "has_webhook": True,
        "stored_catalogue": CATALOGUE,
    }
    with running_campaign(
        "catalogue", directory, seed, allowed, wishes=Appointments(), **options
    ) as campaign:
        campaign.settle_seconds = settle_seconds
        load = eventlet.spawn(campaign.patients.rush, minutes * 60, CATALOGUE_PER_SECOND)
        calls = eventlet.spawn(campaign.desk.rush, minutes * 60, PHONE_PER_SECOND)
        kills = kill_at_random(campaign, minutes * 60, CATALOGUE_PAUSE_SECONDS)
        load.wait()
        calls.wait()
        _end(campaign, kills)
    return campaign.outcome


def _end(campaign: Campaign, kills: Counter[str]) -> None:
    campaign.system.wait_until_ready()
    campaign.outcome.figures["kills"] = kills.total()
    campaign.outcome.figures |= {f"of {name}": count for name, count in sorted(kills.items())}


def kill_at_random(
    campaign: Campaign, seconds: float, pause_seconds: tuple[float, float] = PAUSE_SECONDS
) -> Counter[str]:
    """Kill again and again, for zero to eight seconds; returns how often each was hit."""
    end = time.monotonic() + seconds
    kills: Counter[str] = Counter()
    while time.monotonic() < end:
        eventlet.sleep(campaign.rng.uniform(*pause_seconds))
        name = campaign.rng.choice(_victims(campaign))
        campaign.system.parts[name].kill(down_seconds=campaign.rng.uniform(0, 8))
        kills[name.partition(".")[0]] += 1
    return kills


def _victims(campaign: Campaign) -> list[str]:
    parts = campaign.system.parts.values()
    return [part.name for part in parts if part.is_alive and part.name not in ("epmd", "mail")]
