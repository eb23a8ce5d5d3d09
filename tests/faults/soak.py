"""Campaign: a long steady load, after which every process uses no more resources than before."""

from __future__ import annotations

from pathlib import Path

import eventlet
import psutil

from tests.conftest import eventually
from tests.faults.campaign import Campaign, running_campaign
from tests.faults.outcome import Outcome
from tests.faults.part import Part
from tests.faults.system import System

MINUTES = 20.0
PER_SECOND = 8.0
WARM_UP_SECONDS = 60
#: Measured at rest; a few sockets of a pool may come and go.
EXTRA_FILES = 8
EXTRA_THREADS = 4
EXTRA_CONNECTIONS = 8
#: An allocator keeps some of what it has had.
EXTRA_MIB = 30.0

#: {"files": 40, "threads": 12, "connections": 8, "MiB": 70.0} of one service.
Size = dict[str, float]
_LIMITS: Size = {
    "files": EXTRA_FILES,
    "threads": EXTRA_THREADS,
    "connections": EXTRA_CONNECTIONS,
    "MiB": EXTRA_MIB,
}


def run(directory: Path, seed: int, minutes: float = MINUTES) -> Outcome:
    with running_campaign("soak", directory, seed) as campaign:
        campaign.patients.rush(WARM_UP_SECONDS, PER_SECOND)
        before = _sizes_at_rest(campaign)
        campaign.patients.rush(minutes * 60, PER_SECOND)
        after = _sizes_at_rest(campaign)
        found = _growth(campaign, before)
        campaign.note("afterwards", found)
        campaign.outcome.figures |= _figures(before, after)
    return campaign.outcome


def _growth(campaign: Campaign, before: dict[str, Size]) -> list[str]:
    """Give the processes a while to come down to what they were."""
    try:
        eventually(lambda: not _grown(before, _sizes(campaign.system)), 120)
    except AssertionError:
        return _grown(before, _sizes(campaign.system))
    return []


def _grown(before: dict[str, Size], after: dict[str, Size]) -> list[str]:
    return [
        f"I15: {name} has {after[name][what]:.0f} {what}, {size[what]:.0f} before"
        for name, size in before.items()
        for what, extra in _LIMITS.items()
        if after[name][what] > size[what] + extra
    ]


def _sizes_at_rest(campaign: Campaign) -> dict[str, Size]:
    campaign.note("at rest", campaign.check())
    eventlet.sleep(5)
    return _sizes(campaign.system)


def _sizes(system: System) -> dict[str, Size]:
    sizes = {part.name: _size(part) for part in system.services}
    broker = system.node.ctl("list_connections", "pid", "--no-table-headers")
    return sizes | {"broker": dict.fromkeys(_LIMITS, 0.0) | {"connections": _lines(broker)}}


def _size(part: Part) -> Size:
    """Of the process and its children, which is where granian's work is done."""
    top = psutil.Process(part.pid)
    family = [top, *top.children(recursive=True)]
    return {
        "files": sum(process.num_fds() for process in family),
        "threads": sum(process.num_threads() for process in family),
        "connections": sum(len(process.net_connections("tcp")) for process in family),
        "MiB": sum(process.memory_info().rss for process in family) / 2**20,
    }


def _lines(text: str) -> float:
    return float(len(text.splitlines()))


def _figures(before: dict[str, Size], after: dict[str, Size]) -> dict[str, str]:
    """{"worker.1": "files 30→30, threads 5→5, connections 9→9, MiB 80→84"}."""
    return {
        name: ", ".join(f"{what} {size[what]:.0f}→{after[name][what]:.0f}" for what in _LIMITS)
        for name, size in before.items()
    }
