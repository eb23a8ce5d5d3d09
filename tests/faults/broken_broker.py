"""Campaign: the broker is stopped, runs out of disk, loses messages and queues, and falls silent,
all under load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import eventlet
from kombu import Connection

from tests.faults.allowed import Allowed
from tests.faults.campaign import Campaign, running_campaign
from tests.faults.injection.points import CHECK_FAILS
from tests.faults.outcome import Outcome
from tests.faults.staff import replay_until_decided
from tests.proxy import DOWN, UP

PER_SECOND = 5.0
#: The promise of the gateway, whatever the broker does.
ANSWER_SECONDS = 3.0
ALARM_SECONDS = 60
FROZEN_SECONDS = 20
RESEND_SECONDS = "15"

Fault = Callable[[Campaign], None]


def run(directory: Path, seed: int) -> Outcome:
    """What a broker does that keeps what it has taken."""
    return _run("broken broker", directory, seed, FAULTS, {})


def run_lossy(directory: Path, seed: int) -> Outcome:
    """What a broker does that loses what it has taken, so that somebody has to ask again."""
    resend = {"OUTBOX_REPUBLISH_SECONDS": RESEND_SECONDS}
    return _run("lossy broker", directory, seed, LOSSES, resend)


def _run(
    name: str, directory: Path, seed: int, faults: Sequence[Fault], environment: dict[str, Any]
) -> Outcome:
    allowed = Allowed(answer_seconds=ANSWER_SECONDS)
    with running_campaign(name, directory, seed, allowed, **environment) as campaign:
        campaign.outcome.figures["faults"] = len(faults)
        for fault in faults:
            load = eventlet.spawn(campaign.patients.rush, 10, PER_SECOND)
            eventlet.sleep(3)
            fault(campaign)
            load.wait()
            campaign.system.wait_until_ready()
            campaign.note(fault.__name__, campaign.check())
    return campaign.outcome


def stop_and_start(campaign: Campaign) -> None:
    campaign.system.parts["broker"].stop()
    campaign.patients.rush(5, PER_SECOND)
    campaign.system.parts["broker"].start()


def kill(campaign: Campaign) -> None:
    campaign.system.parts["broker"].kill(down_seconds=5)


def disk_alarm(campaign: Campaign) -> None:
    """A broker without disk stops reading from whoever publishes, and says nothing."""
    campaign.system.node.ctl("set_disk_free_limit", "100000GB")
    campaign.patients.rush(ALARM_SECONDS, PER_SECOND)
    campaign.system.node.ctl("set_disk_free_limit", "50MB")


def purge_requests(campaign: Campaign) -> None:
    _without(
        "worker", campaign, lambda: campaign.system.node.ctl("purge_queue", "booking_requests")
    )


def delete_requests(campaign: Campaign) -> None:
    _without("worker", campaign, lambda: _delete(campaign, "booking_requests"))


def delete_requests_in_use(campaign: Campaign) -> None:
    _delete(campaign, "booking_requests")


def delete_events(campaign: Campaign) -> None:
    _without("notifier", campaign, lambda: _delete(campaign, "notification_service.email"))


def delete_events_in_use(campaign: Campaign) -> None:
    _delete(campaign, "notification_service.email")


def delete_retries(campaign: Campaign) -> None:
    """Delete them with what waits in them."""
    check_fails = campaign.system.fault_files / CHECK_FAILS
    check_fails.touch()
    campaign.patients.rush(4, PER_SECOND)
    for queue in ("booking_retry", "booking_retry.1s", "booking_retry.2s"):
        _delete(campaign, queue)
    check_fails.unlink()
    replay_until_decided(campaign.system)


def freeze_both_ways(campaign: Campaign) -> None:
    _freeze(campaign, UP, DOWN)


def freeze_up(campaign: Campaign) -> None:
    _freeze(campaign, UP)


def freeze_down(campaign: Campaign) -> None:
    _freeze(campaign, DOWN)


def cut(campaign: Campaign) -> None:
    for _ in range(5):
        campaign.system.links["broker"].cut()
        campaign.patients.rush(2, PER_SECOND)


def reset(campaign: Campaign) -> None:
    for _ in range(5):
        campaign.system.links["broker"].reset()
        campaign.patients.rush(2, PER_SECOND)


def slow_down(campaign: Campaign) -> None:
    campaign.system.links["broker"].latency_seconds = 0.5
    campaign.patients.rush(10, PER_SECOND)
    campaign.system.links["broker"].restore()


FAULTS: list[Fault] = [
    stop_and_start,
    kill,
    disk_alarm,
    freeze_both_ways,
    freeze_up,
    freeze_down,
    cut,
    reset,
    slow_down,
]
LOSSES: list[Fault] = [
    purge_requests,
    delete_requests,
    delete_requests_in_use,
    delete_events,
    delete_events_in_use,
    delete_retries,
]


def _freeze(campaign: Campaign, *ways: str) -> None:
    campaign.system.links["broker"].freeze(*ways)
    campaign.patients.rush(FROZEN_SECONDS, PER_SECOND)
    campaign.system.links["broker"].restore()


def _without(service: str, campaign: Campaign, fault: Callable[[], object]) -> None:
    """Let messages pile up first: a queue that its consumers keep empty has nothing to lose."""
    idle = campaign.system.parts_of(service)
    for part in idle:
        part.hold_down()
    campaign.patients.rush(4, PER_SECOND)
    fault()
    for part in idle:
        part.start()


def _delete(campaign: Campaign, queue: str) -> None:
    with Connection(campaign.system.node.uri) as connection:
        connection.default_channel.queue_delete(queue)
