"""Campaign: wrong messages amid good ones, copies in any order, a deploy in the middle of the work,
and dead letters that are replayed twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import eventlet
from kombu import Connection
from kombu.transport.base import StdChannel

from clinic.domain.clock import to_wire
from clinic.messaging.topology import EVENTS as EXCHANGE
from clinic.messaging.topology import NOTIFICATIONS, STATE_CHANGED, WEBHOOK
from tests.amqp import depth, put
from tests.conftest import eventually
from tests.faults.campaign import Campaign, campaign
from tests.faults.injection.points import CHECK_FAILS
from tests.faults.outcome import Outcome
from tests.faults.staff import drop, replay
from tests.proxy import UP

REQUESTS, EVENTS = "booking_requests", "notification_service.email"
DEAD_REQUESTS = "booking_dead_letter"
DEAD_EVENTS = "notification_service.email.dead_letter"
COPIES = 3
LONGEST_CHECK_SECONDS = 2
BOOKINGS = 30
PER_SECOND = 6.0
_UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
POISON = (
    b"",
    b"\xff\xfe",
    b"{",
    b"null",
    b"[" * 10_000,
    b"x" * 300_000,
    b'{"bookingId": {"$ne": null}, "date": "2030-01-01T10:00:00Z", "version": 1}',
    b'{"bookingId": "../../etc", "date": "x", "version": true}',
    b'{"bookingId": 1e400}',
    json.dumps({"bookingId": _UNKNOWN_ID, "date": "2030-01-01T10:00:00Z", "version": 1}).encode(),
)


def run(directory: Path, seed: int) -> Outcome:
    delay = f"1-{LONGEST_CHECK_SECONDS}"
    with campaign("bad messages", directory, seed, AVAILABILITY_DELAY_SECONDS=delay) as trial:
        for fault in FAULTS:
            trial.note(fault.__name__, [*fault(trial), *trial.check()])
    return trial.outcome


def poison(trial: Campaign) -> list[str]:
    """What nobody can read is dead-lettered, and what came before and after it is done."""
    load = eventlet.spawn(trial.patients.rush, 10, PER_SECOND)
    for body in POISON:
        for queue in (REQUESTS, EVENTS):
            put(trial.system.node.uri, queue, body, content_type="application/json")
            eventlet.sleep(0.2)
    load.wait()
    dead_lettered = {DEAD_REQUESTS: len(POISON), DEAD_EVENTS: len(POISON)}
    trial.allowed = replace(trial.allowed, dead_letters=dead_lettered)
    found = trial.check()
    drop(trial.system)
    trial.allowed = replace(trial.allowed, dead_letters={})
    return found


def copies_of_requests(trial: Campaign) -> list[str]:
    """Both workers check the same booking at the same time, and later once more."""
    _hold("worker", trial)
    trial.patients.race([trial.patients.slot(n // 6) for n in range(BOOKINGS)])
    return _with_copies(trial, "worker", REQUESTS, _request)


def copies_of_events(trial: Campaign) -> list[str]:
    """Both notifiers hear of the same step at the same time, and later once more."""
    _hold("notifier", trial)
    trial.patients.race([trial.patients.slot(30 + n // 6) for n in range(BOOKINGS)])
    eventually(lambda: not _pending(trial))
    return _with_copies(trial, "notifier", EVENTS, _event)


def deploy(trial: Campaign) -> list[str]:
    """SIGTERM ends all processes at once, after the checks in their hands; none is run twice."""
    before = _checks(trial)
    trial.patients.race([trial.patients.slot(60 + n) for n in range(BOOKINGS)])
    eventually(lambda: _checks(trial) == before + BOOKINGS)
    found = [] if _pending(trial) else ["I0: the deploy came too late"]
    stops = [eventlet.spawn(part.stop) for part in trial.system.services]
    codes = [stop.wait() for stop in stops]
    for part in trial.system.services:
        part.start()
    trial.system.wait_until_ready()
    found += trial.check()
    again = _checks(trial) - before - BOOKINGS
    found += [f"I13: the processes ended with {codes}"] if any(codes) else []
    return found + ([f"I13: {again} checks were run twice"] if again else [])


def replayed_twice(trial: Campaign) -> list[str]:
    """Two people replay the same dead letters at once, and then somebody does it again."""
    (trial.system.fault_files / CHECK_FAILS).touch()
    booked = trial.patients.race([trial.patients.slot(90 + n) for n in range(10)])
    eventually(lambda: depth(trial.system.node.uri, DEAD_REQUESTS) == 10)
    (trial.system.fault_files / CHECK_FAILS).unlink()
    replays = [replay(trial.system), replay(trial.system)]
    codes = [replay.wait() for replay in replays]
    wanted = {"_id": {"$in": [each["id"] for each in booked]}, "status": "confirmed"}
    bookings = trial.system.database["bookings"]
    eventually(lambda: bookings.count_documents(wanted) == len(booked))
    codes.append(replay(trial.system).wait())
    return [f"I16: a replay ended with {codes}"] if any(codes) else []


def events_without_a_queue(trial: Campaign) -> list[str]:
    """Nobody listens to the steps of a booking, and the broker would drop them without a word."""
    _hold("notifier", trial)
    with Connection(trial.system.node.uri) as connection:
        _take_off(connection.default_channel)
    trial.patients.race([trial.patients.slot(110 + n) for n in range(5)])
    eventually(lambda: not _pending(trial))
    eventlet.sleep(3)
    _release("notifier", trial)
    trial.system.wait_until_ready()
    return []


def events_without_an_answer(trial: Campaign) -> list[str]:
    """What was sent on a link that then breaks has perhaps not arrived."""
    trial.system.wait_until_ready()
    before = _checks(trial)
    trial.patients.race([trial.patients.slot(120 + n) for n in range(5)])
    eventually(lambda: _checks(trial) == before + 5)  # a check that has begun is counted
    trial.system.links["broker"].freeze(UP)
    found = [] if _pending(trial) else ["I0: the link froze too late"]
    eventually(lambda: not _pending(trial))
    eventlet.sleep(1)
    trial.system.links["broker"].reset()
    trial.system.links["broker"].restore()
    return found


FAULTS: list[Callable[[Campaign], list[str]]] = [
    poison,
    copies_of_requests,
    copies_of_events,
    deploy,
    replayed_twice,
    events_without_a_queue,
    events_without_an_answer,
]


def _take_off(channel: StdChannel) -> None:
    channel.exchange_unbind(NOTIFICATIONS.name, EXCHANGE.name, STATE_CHANGED)
    for queue in (EVENTS, WEBHOOK.name):
        channel.queue_delete(queue)


def _pending(trial: Campaign) -> int:
    return trial.system.database["bookings"].count_documents({"status": "pending"})


def _with_copies(
    trial: Campaign, service: str, queue: str, message: Callable[[dict[str, Any]], dict[str, Any]]
) -> list[str]:
    _send_copies(trial, queue, message)
    _release(service, trial)
    trial.system.wait_until_ready()
    found = trial.check()
    _send_copies(trial, queue, message)
    # A copy may cost a check, and the broker tells of what is in hand some seconds late.
    eventlet.sleep(LONGEST_CHECK_SECONDS + 1)
    return found


def _hold(service: str, trial: Campaign) -> None:
    for part in trial.system.parts_of(service):
        part.stop()


def _release(service: str, trial: Campaign) -> None:
    for part in trial.system.parts_of(service):
        part.start()


def _send_copies(
    trial: Campaign, queue: str, message: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    bodies = [message(each) for each in trial.system.database["bookings"].find()] * COPIES
    trial.chance.shuffle(bodies)
    for body in bodies:
        put(
            trial.system.node.uri, queue, json.dumps(body).encode(), content_type="application/json"
        )


def _request(booking: dict[str, Any]) -> dict[str, Any]:
    return {"bookingId": booking["_id"], "date": to_wire(booking["date"]), "version": 1}


def _event(booking: dict[str, Any]) -> dict[str, Any]:
    step = booking["history"][-1]
    return {
        "eventId": f"{booking['_id']}:{booking['version']}",
        "bookingId": booking["_id"],
        "version": booking["version"],
        "status": step["to"],
        "previousStatus": step["from"],
        "reason": step["reason"],
        "date": to_wire(booking["date"]),
        "occurredAt": to_wire(step["at"]),
    }


def _checks(trial: Campaign) -> int:
    file = trial.system.fault_files / "checks"
    return file.stat().st_size if file.exists() else 0
