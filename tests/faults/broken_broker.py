"""Campaign: the broker is stopped, runs out of disk, loses messages and queues, and falls silent,
all under load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import eventlet
from kombu import Connection

from tests.faults.allowed import Allowed
from tests.faults.campaign import Campaign, campaign
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
    name: str, directory: Path, seed: int, faults: Sequence[Fault], environment: dict[str, str]
) -> Outcome:
    allowed = Allowed(answer_seconds=ANSWER_SECONDS)
    with campaign(name, directory, seed, allowed, **environment) as trial:
        trial.outcome.figures["faults"] = len(faults)
        for fault in faults:
            load = eventlet.spawn(trial.patients.rush, 10, PER_SECOND)
            eventlet.sleep(3)
            fault(trial)
            load.wait()
            trial.system.wait_until_ready()
            trial.note(fault.__name__, trial.check())
    return trial.outcome


def stop_and_start(trial: Campaign) -> None:
    trial.system.parts["broker"].stop()
    trial.patients.rush(5, PER_SECOND)
    trial.system.parts["broker"].start()


def kill(trial: Campaign) -> None:
    trial.system.parts["broker"].kill(down_seconds=5)


def disk_alarm(trial: Campaign) -> None:
    """A broker without disk stops reading from whoever publishes, and says nothing."""
    trial.system.node.ctl("set_disk_free_limit", "100000GB")
    trial.patients.rush(ALARM_SECONDS, PER_SECOND)
    trial.system.node.ctl("set_disk_free_limit", "50MB")


def purge_requests(trial: Campaign) -> None:
    _without("worker", trial, lambda: trial.system.node.ctl("purge_queue", "booking_requests"))


def delete_requests(trial: Campaign) -> None:
    _without("worker", trial, lambda: _delete(trial, "booking_requests"))


def delete_requests_in_use(trial: Campaign) -> None:
    _delete(trial, "booking_requests")


def delete_events(trial: Campaign) -> None:
    _without("notifier", trial, lambda: _delete(trial, "notification_service.email"))


def delete_events_in_use(trial: Campaign) -> None:
    _delete(trial, "notification_service.email")


def delete_retries(trial: Campaign) -> None:
    """Delete them with what waits in them."""
    check_fails = trial.system.fault_files / CHECK_FAILS
    check_fails.touch()
    trial.patients.rush(4, PER_SECOND)
    for queue in ("booking_retry", "booking_retry.1s", "booking_retry.2s"):
        _delete(trial, queue)
    check_fails.unlink()
    replay_until_decided(trial.system)


def freeze_both_ways(trial: Campaign) -> None:
    _freeze(trial, UP, DOWN)


def freeze_up(trial: Campaign) -> None:
    _freeze(trial, UP)


def freeze_down(trial: Campaign) -> None:
    _freeze(trial, DOWN)


def cut(trial: Campaign) -> None:
    for _ in range(5):
        trial.system.links["broker"].cut()
        trial.patients.rush(2, PER_SECOND)


def reset(trial: Campaign) -> None:
    for _ in range(5):
        trial.system.links["broker"].reset()
        trial.patients.rush(2, PER_SECOND)


def slow_down(trial: Campaign) -> None:
    trial.system.links["broker"].latency_seconds = 0.5
    trial.patients.rush(10, PER_SECOND)
    trial.system.links["broker"].restore()


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


def _freeze(trial: Campaign, *ways: str) -> None:
    trial.system.links["broker"].freeze(*ways)
    trial.patients.rush(FROZEN_SECONDS, PER_SECOND)
    trial.system.links["broker"].restore()


def _without(service: str, trial: Campaign, fault: Callable[[], object]) -> None:
    """Let messages pile up first: a queue that its consumers keep empty has nothing to lose."""
    idle = trial.system.parts_of(service)
    for part in idle:
        part.hold_down()
    trial.patients.rush(4, PER_SECOND)
    fault()
    for part in idle:
        part.start()


def _delete(trial: Campaign, queue: str) -> None:
    with Connection(trial.system.node.uri) as connection:
        connection.default_channel.queue_delete(queue)
