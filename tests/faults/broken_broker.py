"""Campaign: the broker is stopped, runs out of disk, loses messages and queues, and falls silent,
all under load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import eventlet
from kombu import Connection

from tests.faults.campaign import Campaign, campaign
from tests.faults.invariants import Allowed
from tests.faults.outcome import Outcome
from tests.proxy import DOWN, UP

PER_SECOND = 5.0
#: The promise of the gateway, whatever the broker does.
ANSWER_SECONDS = 3.0
ALARM_SECONDS = 60
FROZEN_SECONDS = 20
#: The broker loses what it has taken, so somebody has to ask again.
RESEND_SECONDS = "15"


def run(directory: Path, seed: int) -> Outcome:
    allowed = Allowed(second_copies=False, answer_seconds=ANSWER_SECONDS)
    with campaign(
        "broken broker", directory, seed, allowed, OUTBOX_RESEND_SECONDS=RESEND_SECONDS
    ) as trial:
        trial.outcome.figures["faults"] = len(FAULTS)
        for fault in FAULTS:
            load = eventlet.spawn(trial.patients.rush, 10, PER_SECOND)
            eventlet.sleep(3)
            fault(trial)
            load.wait()
            trial.house.wait_until_ready()
            trial.note(fault.__name__, trial.check())
    return trial.outcome


def stop_and_start(trial: Campaign) -> None:
    trial.house.parts["broker"].stop()
    trial.patients.rush(5, PER_SECOND)
    trial.house.parts["broker"].start()


def kill(trial: Campaign) -> None:
    trial.house.parts["broker"].kill(down_seconds=5)


def disk_alarm(trial: Campaign) -> None:
    """A broker without disk stops reading from whoever publishes, and says nothing."""
    trial.house.node.ctl("set_disk_free_limit", "100000GB")
    trial.patients.rush(ALARM_SECONDS, PER_SECOND)
    trial.house.node.ctl("set_disk_free_limit", "50MB")


def purge_requests(trial: Campaign) -> None:
    _without("worker", trial, lambda: trial.house.node.ctl("purge_queue", "booking_requests"))


def delete_requests(trial: Campaign) -> None:
    _without("worker", trial, lambda: _delete(trial, "booking_requests"))


def delete_requests_in_use(trial: Campaign) -> None:
    _delete(trial, "booking_requests")


def delete_events(trial: Campaign) -> None:
    _without("notifier", trial, lambda: _delete(trial, "notification_service.email"))


def delete_events_in_use(trial: Campaign) -> None:
    _delete(trial, "notification_service.email")


def delete_retries(trial: Campaign) -> None:
    _delete(trial, "booking_retry")
    _delete(trial, "booking_retry.1s")


def freeze_both_ways(trial: Campaign) -> None:
    _freeze(trial, UP, DOWN)


def freeze_up(trial: Campaign) -> None:
    _freeze(trial, UP)


def freeze_down(trial: Campaign) -> None:
    _freeze(trial, DOWN)


def cut(trial: Campaign) -> None:
    for _ in range(5):
        trial.house.links["broker"].cut()
        trial.patients.rush(2, PER_SECOND)


def reset(trial: Campaign) -> None:
    for _ in range(5):
        trial.house.links["broker"].reset()
        trial.patients.rush(2, PER_SECOND)


def slow_down(trial: Campaign) -> None:
    trial.house.links["broker"].latency_seconds = 0.5
    trial.patients.rush(10, PER_SECOND)
    trial.house.links["broker"].restore()


FAULTS: list[Callable[[Campaign], None]] = [
    stop_and_start,
    kill,
    disk_alarm,
    purge_requests,
    delete_requests,
    delete_requests_in_use,
    delete_events,
    delete_events_in_use,
    delete_retries,
    freeze_both_ways,
    freeze_up,
    freeze_down,
    cut,
    reset,
    slow_down,
]


def _freeze(trial: Campaign, *ways: str) -> None:
    trial.house.links["broker"].freeze(*ways)
    trial.patients.rush(FROZEN_SECONDS, PER_SECOND)
    trial.house.links["broker"].restore()


def _without(service: str, trial: Campaign, fault: Callable[[], object]) -> None:
    """Let messages pile up first: a queue that its consumers keep empty has nothing to lose."""
    idle = [part for part in trial.house.services if part.name.startswith(service)]
    for part in idle:
        part.hold_down()
    trial.patients.rush(4, PER_SECOND)
    fault()
    for part in idle:
        part.start()


def _delete(trial: Campaign, queue: str) -> None:
    with Connection(trial.house.node.uri) as connection:
        connection.default_channel.queue_delete(queue)
