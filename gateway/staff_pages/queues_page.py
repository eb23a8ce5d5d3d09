"""The staff page with live statistics of queues and outbox."""

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

#: Age of the oldest message that raises a warning.
LATE_SECONDS = 60
#: Counting stops here; the page then shows "more than".
OVERDUE_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class OutboxStatistics:
    """Unsent messages and the age of the oldest, bookings overdue for a decision, and relays with
    and without a recent heartbeat."""

    messages: int
    oldest_seconds: float
    overdue: int
    living: int
    dead: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """A message key, and the values of its placeholders."""

    key: str
    values: dict[str, Any]


@queues.get("")
def show() -> Response:
    """Show what is known: without the broker, the statistics of the database, and vice versa."""
    flows, outbox = _queue_statistics(), _outbox_statistics()
    return staff_page(
        "queues.html",
        active_tab="queues",
        at=f"{now().astimezone(hours().zone):%H:%M:%S}",
        flows=flows,
        outbox=outbox,
        alarms=_alarms(flows, outbox),
        late_seconds=LATE_SECONDS,
        overdue_limit=OVERDUE_LIMIT,
    )


def _queue_statistics() -> list[QueueStatistics] | None:
    """Return None while the broker is unavailable."""
    queues: QueueMonitor = current_app.config["QUEUES"]
    try:
        return queues.flows()
    except BrokerUnavailable:
        return None


def _outbox_statistics() -> OutboxStatistics | None:
    """Return None while the database is unavailable."""
    outbox: Outbox = current_app.config["BOOKINGS"].outbox
    try:
        messages, oldest_seconds = outbox.relays.count_pending()
        living, dead = outbox.relays.count_live_and_stale()
        overdue = outbox.count_overdue(OVERDUE_LIMIT)
    except DatabaseUnavailable:
        return None
    return OutboxStatistics(messages, oldest_seconds, overdue, living, dead)


def _alarms(flows: list[QueueStatistics] | None, outbox: OutboxStatistics | None) -> list[Alarm]:
    alarms = [alarm for flow in flows or () for alarm in _queue_alarms(flow)]
    if outbox and outbox.oldest_seconds > LATE_SECONDS:
        alarms.append(Alarm("alarm_late", {"count": int(outbox.oldest_seconds)}))
    if outbox and outbox.overdue:
        alarms.append(Alarm("alarm_overdue", {"count": outbox.overdue}))
    return alarms


def _queue_alarms(flow: QueueStatistics) -> Iterator[Alarm]:
    name = flow.requests.name
    if flow.is_deserted:
        yield Alarm("alarm_deserted", {"queue": name})
    if flow.dead.messages:
        count = flow.dead.messages
        yield Alarm("alarm_dead", {"count": count, "queue": flow.dead.name})
    for queue in (flow.requests, flow.dead):
        if queue.messages is None:
            yield Alarm("alarm_missing", {"queue": queue.name})
