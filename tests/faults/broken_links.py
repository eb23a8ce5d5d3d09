"""Campaign: the connections to the database and the mail server fail in turn, under load."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import eventlet

from tests.faults.allowed import Allowed
from tests.faults.campaign import Campaign, running_campaign
from tests.faults.outcome import Outcome
from tests.proxy import DOWN, UP

PER_SECOND = 5.0
FAULT_SECONDS = 12
#: The gateway's promise is 3 s; a loaded machine is granted one more.
ANSWER_SECONDS = 4.0


def run(directory: Path, seed: int) -> Outcome:
    statuses = frozenset({200, 201, 503})
    allowed = Allowed(
        second_copies=True,
        answer_seconds=ANSWER_SECONDS,
        statuses=statuses,
        late_seconds=Allowed.late_seconds + FAULT_SECONDS,  # a link may hold an e-mail back
    )
    options: dict[str, Any] = {"changing_minds": True, "has_webhook": True}
    with running_campaign("broken links", directory, seed, allowed, **options) as campaign:
        for name, fault in FAULTS.items():
            load = eventlet.spawn(campaign.patients.rush, FAULT_SECONDS, PER_SECOND)
            eventlet.sleep(2)
            fault(campaign)
            load.wait()
            campaign.system.wait_until_ready()
            campaign.note(name, campaign.check())
        campaign.outcome.figures["faults"] = len(FAULTS)
    return campaign.outcome


def refuse(link: str, campaign: Campaign) -> None:
    campaign.system.links[link].refuse()
    eventlet.sleep(FAULT_SECONDS)
    campaign.system.links[link].restore()


def freeze(link: str, campaign: Campaign, *ways: str) -> None:
    campaign.system.links[link].freeze(*ways)
    eventlet.sleep(FAULT_SECONDS)
    campaign.system.links[link].cut()
    campaign.system.links[link].restore()


def thaw(link: str, campaign: Campaign) -> None:
    """What was held back arrives after all, when those who sent it have given it up."""
    campaign.system.links[link].freeze()
    eventlet.sleep(FAULT_SECONDS)
    campaign.system.links[link].restore()


def freeze_up(link: str, campaign: Campaign) -> None:
    freeze(link, campaign, UP)


def freeze_down(link: str, campaign: Campaign) -> None:
    freeze(link, campaign, DOWN)


def cut(link: str, campaign: Campaign) -> None:
    for _ in range(10):
        campaign.system.links[link].cut()
        eventlet.sleep(1)


def reset(link: str, campaign: Campaign) -> None:
    for _ in range(10):
        campaign.system.links[link].reset()
        eventlet.sleep(1)


def slow_down(link: str, campaign: Campaign) -> None:
    campaign.system.links[link].latency_seconds = 0.2
    eventlet.sleep(FAULT_SECONDS)
    campaign.system.links[link].restore()


FAULTS: dict[str, Callable[[Campaign], None]] = {
    f"{fault.__name__} {link}": partial(fault, link)
    for link in ("database", "mail")
    for fault in (refuse, freeze, thaw, freeze_up, freeze_down, cut, reset, slow_down)
}
