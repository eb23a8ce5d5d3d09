"""Campaign: wrong messages amid good ones, copies in any order, a deploy in the middle of the work,
and dead letters that are replayed twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
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
from tests.faults.campaign import Campaign, running_campaign
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
    with running_campaign(
        "bad messages", directory, seed, AVAILABILITY_DELAY_SECONDS=delay
    ) as campaign:
        for fault in FAULTS:
            campaign.note(fault.__name__, [*fault(campaign), *campaign.check()])
    return campaign.outcome


def poison(campaign: Campaign) -> list[str]:
    """What nobody can read is dead-lettered, and what came before and after it is done."""
    load = eventlet.spawn(campaign.patients.rush, 10, PER_SECOND)
    for body in POISON:
        for queue in (REQUESTS, EVENTS):
            put(campaign.system.node.uri, queue, body, content_type="application/json")
            eventlet.sleep(0.2)
    load.wait()
    dead_lettered = {DEAD_REQUESTS: len(POISON), DEAD_EVENTS: len(POISON)}
    campaign.allowed = replace(campaign.allowed, dead_letters=dead_lettered)
    found = campaign.check()
    drop(campaign.system)
    campaign.allowed = replace(campaign.allowed, dead_letters={})
    return found


def copies_of_requests(campaign: Campaign) -> list[str]:
    """Both workers check the same booking at the same time, and later once more. Some of what asks
    for it is forged, and asks for another day."""
    _hold("worker", campaign)
    campaign.patients.race([campaign.patients.slot(n // 6) for n in range(BOOKINGS)])
    _send_copies(campaign, REQUESTS, _forged)
    return _with_copies(campaign, "worker", REQUESTS, _request)


def copies_of_events(campaign: Campaign) -> list[str]:
    """Both notifiers hear of the same step at the same time, and later once more."""
    _hold("notifier", campaign)
    campaign.patients.race([campaign.patients.slot(30 + n // 6) for n in range(BOOKINGS)])
    eventually(lambda: not _pending(campaign))
    return _with_copies(campaign, "notifier", EVENTS, _event)


def deploy(campaign: Campaign) -> list[str]:
    """SIGTERM ends all processes at once, after the checks in their hands; none is run twice."""
    before = _checks(campaign)
    campaign.patients.race([campaign.patients.slot(60 + n) for n in range(BOOKINGS)])
    eventually(lambda: _checks(campaign) == before + BOOKINGS)
    found = [] if _pending(campaign) else ["I0: the deploy came too late"]
    stops = [eventlet.spawn(part.stop) for part in campaign.system.services]
    codes = [stop.wait() for stop in stops]
    for part in campaign.system.services:
        part.start()
    campaign.system.wait_until_ready()
    found += campaign.check()
    again = _checks(campaign) - before - BOOKINGS
    found += [f"I13: the processes ended with {codes}"] if any(codes) else []
    return found + ([f"I13: {again} checks were run twice"] if again else [])


def replayed_twice(campaign: Campaign) -> list[str]:
    """Two people replay the same dead letters at once, and then somebody does it again."""
    (campaign.system.fault_files / CHECK_FAILS).touch()
    booked = campaign.patients.race([campaign.patients.slot(90 + n) for n in range(10)])
    eventually(lambda: depth(campaign.system.node.uri, DEAD_REQUESTS) == 10)
    (campaign.system.fault_files / CHECK_FAILS).unlink()
    replays = [replay(campaign.system), replay(campaign.system)]
    codes = [replay.wait() for replay in replays]
    wanted = {"_id": {"$in": [each["id"] for each in booked]}, "status": "confirmed"}
    bookings = campaign.system.database["bookings"]
    eventually(lambda: bookings.count_documents(wanted) == len(booked))
    codes.append(replay(campaign.system).wait())
    return [f"I16: a replay ended with {codes}"] if any(codes) else []


def events_without_a_queue(campaign: Campaign) -> list[str]:
    """Nobody listens to the steps of a booking, and the broker would drop them without a word."""
    _hold("notifier", campaign)
    with Connection(campaign.system.node.uri) as connection:
        _take_off(connection.default_channel)
    campaign.patients.race([campaign.patients.slot(110 + n) for n in range(5)])
    eventually(lambda: not _pending(campaign))
    eventlet.sleep(3)
    _release("notifier", campaign)
    campaign.system.wait_until_ready()
    return []


def events_without_an_answer(campaign: Campaign) -> list[str]:
    """What was sent on a link that then breaks has perhaps not arrived."""
    campaign.system.wait_until_ready()
    before = _checks(campaign)
    campaign.patients.race([campaign.patients.slot(120 + n) for n in range(5)])
    eventually(lambda: _checks(campaign) == before + 5)  # a check that has begun is counted
    campaign.system.links["broker"].freeze(UP)
    found = [] if _pending(campaign) else ["I0: the link froze too late"]
    eventually(lambda: not _pending(campaign))
    eventlet.sleep(1)
    campaign.system.links["broker"].reset()
    campaign.system.links["broker"].restore()
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


def _pending(campaign: Campaign) -> int:
    return campaign.system.database["bookings"].count_documents({"status": "pending"})


def _with_copies(
    campaign: Campaign,
    service: str,
    queue: str,
    message: Callable[[dict[str, Any]], dict[str, Any]],
) -> list[str]:
    _send_copies(campaign, queue, message)
    _release(service, campaign)
    campaign.system.wait_until_ready()
    found = campaign.check()
    _send_copies(campaign, queue, message)
    # A copy may cost a check, and the broker tells of what is in hand some seconds late.
    eventlet.sleep(LONGEST_CHECK_SECONDS + 1)
    return found


def _hold(service: str, campaign: Campaign) -> None:
    for part in campaign.system.parts_of(service):
        part.stop()


def _release(service: str, campaign: Campaign) -> None:
    for part in campaign.system.parts_of(service):
        part.start()


def _send_copies(
    campaign: Campaign, queue: str, message: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    bodies = [message(each) for each in campaign.system.database["bookings"].find()] * COPIES
    campaign.rng.shuffle(bodies)
    for body in bodies:
        put(
            campaign.system.node.uri,
            queue,
            json.dumps(body).encode(),
            content_type="application/json",
        )


def _request(booking: dict[str, Any]) -> dict[str, Any]:
    return {"bookingId": booking["_id"], "date": to_wire(booking["date"]), "version": 1}


def _forged(booking: dict[str, Any]) -> dict[str, Any]:
    return _request(booking | {"date": booking["date"] + timedelta(days=1)})


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


def _checks(campaign: Campaign) -> int:
    file = campaign.system.fault_files / "checks"
    return file.stat().st_size if file.exists() else 0
