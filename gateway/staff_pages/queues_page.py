"""The staff's page of live figures: what lies in the queues, and what waits in the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, current_app

from clinic.domain.clock import now
from clinic.errors import BrokerUnavailable, DatabaseUnavailable
from clinic.messaging.queue_statistics import QueueMonitor, QueueStatistics
from clinic.outbox.outbox import Outbox
from gateway.auth.staff_sessions import HOME
from gateway.staff_pages.staff_rendering import staff_page
from gateway.web.rendering import hours

queues = Blueprint("staff_queues", __name__, url_prefix=f"{HOME}/queues")

#: A message that has waited for longer wants to be looked at.
LATE_SECONDS = 60
#: More bookings than this are "more than".
OVERDUE_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the database says: messages not sent and the age of the oldest, bookings that ought to
    be decided, and the relays that live and that have died."""

    messages: int
    oldest_seconds: float
    overdue: int
    living: int
    dead: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """The key of a text, and what fills its holes."""

    key: str
    values: dict[str, Any]


@queues.get("")
def show() -> Response:
    """Show what can be known: with the broker away the database's figures, and the other way
    round."""
    flows, waiting = _flows(), _waiting()
    return staff_page(
        "queues.html",
        here="queues",
        at=f"{now().astimezone(hours().zone):%H:%M:%S}",
        flows=flows,
        waiting=waiting,
        alarms=_alarms(flows, waiting),
        late_seconds=LATE_SECONDS,
        overdue_limit=OVERDUE_LIMIT,
    )


def _flows() -> list[QueueStatistics] | None:
    """None while the broker is away."""
    queues: QueueMonitor = current_app.config["QUEUES"]
    try:
        return queues.flows()
    except BrokerUnavailable:
        return None


def _waiting() -> Waiting | None:
    """None while the database is away."""
    outbox: Outbox = current_app.config["BOOKINGS"].outbox
    try:
        messages, oldest_seconds = outbox.relays.count_pending()
        living, dead = outbox.relays.count_live_and_stale()
        overdue = outbox.count_overdue(OVERDUE_LIMIT)
    except DatabaseUnavailable:
        return None
    return Waiting(messages, oldest_seconds, overdue, living, dead)


def _alarms(flows: list[QueueStatistics] | None, waiting: Waiting | None) -> list[Alarm]:
    """What wants attention."""
    found = [alarm for flow in flows or () for alarm in _of_a_flow(flow)]
    if waiting and waiting.oldest_seconds > LATE_SECONDS:
        found.append(Alarm("alarm_late", {"count": int(waiting.oldest_seconds)}))
    if waiting and waiting.overdue:
        found.append(Alarm("alarm_overdue", {"count": waiting.overdue}))
    return found


def _of_a_flow(flow: QueueStatistics) -> Iterator[Alarm]:
    name = flow.requests.name
    if flow.is_deserted:
        yield Alarm("alarm_deserted", {"queue": name})
    if flow.dead.messages:
        count = flow.dead.messages
        yield Alarm("alarm_dead", {"count": count, "queue": flow.dead.name})
    for each in (flow.requests, flow.dead):
        if each.messages is None:
            yield Alarm("alarm_missing", {"queue": each.name})
