"""All exchanges and queues; every connecting process declares them.

Names and arguments are part of the contract. The arguments of an existing queue can't be changed
(406), so a retry queue has its delay in its name, and every queue is a quorum queue.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial

from kombu import Exchange, Queue
from kombu.transport.base import StdChannel

from clinic.config import Settings

BOOKING_SERVICE = "booking_service"
NOTIFICATION_ADMIN = "notification_admin"
#: The RPC service of the catalogue, in the process of the booking service.
CATALOGUE = "catalogue"
STATE_CHANGED = "booking_state_changed"

#: The retry queue with this delay has the documented plain name; the names of others add it.
PLAIN_RETRY_SECONDS = 10

#: Deliveries, not attempts: a message that crashes its consumer this often is dead-lettered.
_DELIVERY_LIMIT = 20
#: RabbitMQ 4 drops a message after 20 deliveries by default, and each fetch of a dead letter counts
#: as a delivery. RabbitMQ 3 has no "unlimited".
_DEAD_LETTER_DELIVERY_LIMIT = 1_000_000

#: What nameko declares for `EventDispatcher` and `@event_handler("booking_service", ...)`.
EVENTS = Exchange(f"{BOOKING_SERVICE}.events", type="topic", durable=True)
NOTIFICATIONS = Exchange("booking_notifications", type="fanout", durable=True)


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """A queue of work with its retry tiers and its dead letters."""

    name: str
    retry: str
    dead_letter: str
    source: Exchange | None = None

    def retry_name(self, delay_seconds: int) -> str:
        if delay_seconds == PLAIN_RETRY_SECONDS:
            return self.retry
        return f"{self.retry}.{delay_seconds}s"

    def queue(self) -> Queue:
        """The queue to consume. The broker dead-letters messages that crash its consumers."""
        arguments = {"x-delivery-limit": _DELIVERY_LIMIT}
        return _quorum(self.name, arguments, exchange=self.source, dead_letter_to=self.dead_letter)

    def queues(self, delays_seconds: Iterable[int]) -> list[Queue]:
        """All queues, each after its dead-letter target."""
        limit = {"x-delivery-limit": _DEAD_LETTER_DELIVERY_LIMIT}
        tiers = [self._tier(delay) for delay in sorted({PLAIN_RETRY_SECONDS, *delays_seconds})]
        return [_quorum(self.dead_letter, limit), self.queue(), *tiers]

    def _tier(self, delay_seconds: int) -> Queue:
        ttl = {"x-message-ttl": delay_seconds * 1000}
        return _quorum(self.retry_name(delay_seconds), ttl, dead_letter_to=self.name)


BOOKING_REQUESTS = WorkQueue("booking_requests", "booking_retry", "booking_dead_letter")
EMAIL = WorkQueue(
    "notification_service.email",
    "notification_service.email.retry",
    "notification_service.email.dead_letter",
    source=NOTIFICATIONS,
)
#: Bound to the fanout only while the webhook is enabled; see `declare`.
WEBHOOK = WorkQueue(
    "notification_service.webhook",
    "notification_service.webhook.retry",
    "notification_service.webhook.dead_letter",
)
WORK_QUEUES = (BOOKING_REQUESTS, EMAIL, WEBHOOK)
_OF_NOTIFICATIONS = frozenset({EMAIL, WEBHOOK})


def declarer(settings: Settings) -> Callable[[StdChannel], None]:
    """Return a function that declares everything on a new channel, according to the settings."""
    return partial(
        declare,
        delays_seconds=settings.retry_delays_seconds,
        webhook_delays_seconds=settings.webhook_delays_seconds,
        works=declared_by(settings),
    )


def declared_by(settings: Settings) -> list[WorkQueue]:
    """Return the work queues that a process with these settings declares."""
    chosen = settings.declared_queues
    return [work for work in WORK_QUEUES if chosen is None or work.name in chosen]


def declare(
    channel: StdChannel,
    delays_seconds: Iterable[int] = (),
    webhook_delays_seconds: Iterable[int] | None = None,
    works: Collection[WorkQueue] = WORK_QUEUES,
) -> None:
    """Declare `works` and their exchanges, idempotently. Delays add retry tiers to the plain one.

    The fanout is bound to the events last: no event can reach it before its queues exist. The
    webhook's queue always exists, so that its dead letters can be inspected. It is bound if
    `webhook_delays_seconds` is not None, and never unbound here: a process without a configured
    webhook must not disable it for the others.
    """
    has_notifications = not _OF_NOTIFICATIONS.isdisjoint(works)
    if works:
        EVENTS(channel).declare()
    if has_notifications:
        NOTIFICATIONS(channel).declare()
    delays = list(delays_seconds)
    for work in works:
        for queue in work.queues(webhook_delays_seconds or () if work == WEBHOOK else delays):
            queue(channel).declare()
    if webhook_delays_seconds is not None and WEBHOOK in works:
        WEBHOOK.queue()(channel).bind_to(NOTIFICATIONS)
    if has_notifications:
        NOTIFICATIONS(channel).bind_to(EVENTS, routing_key=STATE_CHANGED)


def unbind_webhook(channel: StdChannel) -> None:
    """Unbind the webhook's queue: without a consumer, a bound queue would grow forever.

    Its messages remain.
    """
    declare(channel, works=_OF_NOTIFICATIONS)  # a missing queue can't be unbound
    WEBHOOK.queue()(channel).unbind_from(NOTIFICATIONS)


def _quorum(
    name: str,
    extra: dict[str, int],
    *,
    exchange: Exchange | None = None,
    dead_letter_to: str | None = None,
) -> Queue:
    arguments: dict[str, str | int] = {"x-queue-type": "quorum", "x-overflow": "reject-publish"}
    if dead_letter_to:
        arguments |= {
            "x-dead-letter-strategy": "at-least-once",
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": dead_letter_to,
        }
    return Queue(
        name,
        exchange=exchange,
        routing_key=name if exchange is None else "",
        durable=True,
        queue_arguments=arguments | extra,
    )
