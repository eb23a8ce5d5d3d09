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

from clinic.clock import to_wire
from tests.amqp import depth, put
from tests.bookings import all_in_hand
from tests.conftest import eventually
from tests.faults.campaign import Campaign, campaign
from tests.faults.outcome import Outcome
from tests.faults.sabotage.points import CHECK_FAILS
from tests.faults.staff import replay
from tests.proxy import UP

REQUESTS, EVENTS = "booking_requests", "notification_service.email"
DEAD_REQUESTS = "booking_dead_letter"
COPIES = 3
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
    with campaign("bad messages", directory, seed, AVAILABILITY_DELAY_SECONDS="1-2") as trial:
        for fault in FAULTS:
            trial.note(fault.__name__, [*fault(trial), *trial.check()])
    return trial.outcome


def poison(trial: Campaign) -> list[str]:
    """What nobody can read is parked, and what came before and after it is done."""
    load = eventlet.spawn(trial.patients.rush, 10, PER_SECOND)
    for body in POISON:
        for queue in (REQUESTS, EVENTS):
            put(trial.house.node.uri, queue, body, content_type="application/json")
            eventlet.sleep(0.2)
    load.wait()
    trial.allowed = replace(trial.allowed, dead_letters=len(POISON))
    parked = eventually(lambda: depth(trial.house.node.uri, DEAD_REQUESTS) == len(POISON))
    return [] if parked else ["I9: poison was not parked"]


def copies_of_requests(trial: Campaign) -> list[str]:
    """Both workers check the same booking at the same time, and later once more."""
    _hold("worker", trial)
    trial.patients.race([trial.patients.slot(n // 6) for n in range(BOOKINGS)])
    _send_copies(trial, REQUESTS, _request)
    _release("worker", trial)
    trial.house.wait_until_ready()
    trial.check()
    _send_copies(trial, REQUESTS, _request)
    return []


def copies_of_events(trial: Campaign) -> list[str]:
    """Both notifiers hear of the same step at the same time, and later once more."""
    _hold("notifier", trial)
    trial.patients.race([trial.patients.slot(30 + n // 6) for n in range(BOOKINGS)])
    pending = {"status": "pending"}
    eventually(lambda: not trial.house.database["bookings"].count_documents(pending))
    _send_copies(trial, EVENTS, _event)
    _release("notifier", trial)
    trial.house.wait_until_ready()
    trial.check()
    _send_copies(trial, EVENTS, _event)
    return []


def deploy(trial: Campaign) -> list[str]:
    """SIGTERM ends a worker after the checks in its hand, and no check is run a second time."""
    before = _checks(trial)
    trial.patients.race([trial.patients.slot(60 + n) for n in range(BOOKINGS)])
    eventually(lambda: all_in_hand(trial.house.database, trial.house.node.uri))
    codes = []
    for name in ("worker.1", "notifier.1", "worker.2", "notifier.2", "gateway"):
        codes.append(trial.house.parts[name].stop())
        trial.house.parts[name].start()
    trial.house.wait_until_ready()
    trial.check()
    again = _checks(trial) - before - BOOKINGS
    found = [f"I13: the processes ended with {codes}"] if any(codes) else []
    return found + ([f"I13: {again} checks were run twice"] if again else [])


def replayed_twice(trial: Campaign) -> list[str]:
    """Two people replay the same dead letters at once, and then somebody does it again."""
    (trial.house.traps / CHECK_FAILS).touch()
    already = depth(trial.house.node.uri, DEAD_REQUESTS)
    booked = trial.patients.race([trial.patients.slot(90 + n) for n in range(10)])
    eventually(lambda: depth(trial.house.node.uri, DEAD_REQUESTS) == already + 10)
    (trial.house.traps / CHECK_FAILS).unlink()
    replays = [replay(trial.house), replay(trial.house)]
    codes = [replay.wait() for replay in replays]
    wanted = {"_id": {"$in": [each["id"] for each in booked]}, "status": "confirmed"}
    bookings = trial.house.database["bookings"]
    eventually(lambda: bookings.count_documents(wanted) == len(booked))
    codes.append(replay(trial.house).wait())
    return [f"I16: a replay ended with {codes}"] if any(codes) else []


def events_without_a_queue(trial: Campaign) -> list[str]:
    """Nobody listens to the steps of a booking, and the broker would drop them without a word."""
    _hold("notifier", trial)
    with Connection(trial.house.node.uri) as connection:
        connection.default_channel.queue_delete(EVENTS)
    trial.patients.race([trial.patients.slot(110 + n) for n in range(5)])
    pending = {"status": "pending"}
    eventually(lambda: not trial.house.database["bookings"].count_documents(pending))
    eventlet.sleep(3)
    _release("notifier", trial)
    trial.house.wait_until_ready()
    return []


def events_without_an_answer(trial: Campaign) -> list[str]:
    """What was sent on a link that then breaks has perhaps not arrived."""
    trial.house.wait_until_ready()
    trial.patients.race([trial.patients.slot(120 + n) for n in range(5)])
    eventually(lambda: all_in_hand(trial.house.database, trial.house.node.uri))
    trial.house.links["broker"].freeze(UP)
    pending = {"status": "pending"}
    eventually(lambda: not trial.house.database["bookings"].count_documents(pending))
    eventlet.sleep(1)
    trial.house.links["broker"].reset()
    trial.house.links["broker"].restore()
    return []


FAULTS: list[Callable[[Campaign], list[str]]] = [
    poison,
    copies_of_requests,
    copies_of_events,
    deploy,
    replayed_twice,
    events_without_a_queue,
    events_without_an_answer,
]


def _hold(service: str, trial: Campaign) -> None:
    for part in trial.house.services:
        if part.name.startswith(service):
            part.stop()


def _release(service: str, trial: Campaign) -> None:
    for part in trial.house.services:
        if part.name.startswith(service):
            part.start()


def _send_copies(
    trial: Campaign, queue: str, message: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    bodies = [message(each) for each in trial.house.database["bookings"].find()] * COPIES
    trial.chance.shuffle(bodies)
    for body in bodies:
        put(trial.house.node.uri, queue, json.dumps(body).encode(), content_type="application/json")


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
    file = trial.house.traps / "checks"
    return file.stat().st_size if file.exists() else 0
