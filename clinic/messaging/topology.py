"""Every exchange and queue of the house, declared in one place by whoever connects.

Names and arguments are part of the contract. Queue arguments can't be changed on a live broker
(406), so a retry queue carries its delay in its name and every queue is a quorum queue from the
first day.
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
STATE_CHANGED = "booking_state_changed"

#: A retry queue of this delay has the documented plain name; others carry their delay.
PLAIN_RETRY_SECONDS = 10

#: Deliveries, not attempts: a message that takes its process down this often is dead-lettered.
_DELIVERY_LIMIT = 20
#: RabbitMQ 4 drops a message after 20 deliveries unless told otherwise, and a person may look at
#: a dead letter more often than that; 3.x knows no "unlimited".
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
        """The queue to consume from. Its own dead-lettering catches what kills its consumers."""
        arguments = {"x-delivery-limit": _DELIVERY_LIMIT}
        return _quorum(self.name, arguments, exchange=self.source, dead_letter_to=self.dead_letter)

    def queues(self, delays_seconds: Iterable[int]) -> list[Queue]:
        """All queues in an order in which each finds its dead-letter target declared."""
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
#: Hangs on the fanout only while the webhook is on; see `declare`.
WEBHOOK = WorkQueue(
    "notification_service.webhook",
    "notification_service.webhook.retry",
    "notification_service.webhook.dead_letter",
)
WORK_QUEUES = (BOOKING_REQUESTS, EMAIL, WEBHOOK)
_OF_NOTIFICATIONS = frozenset({EMAIL, WEBHOOK})


def declarer(settings: Settings) -> Callable[[StdChannel], None]:
    """Return what declares everything on a new channel, as the settings say."""
    return partial(
        declare,
        delays_seconds=settings.retry_delays_seconds,
        webhook_delays_seconds=settings.webhook_delays_seconds,
        works=declared_by(settings),
    )


def declared_by(settings: Settings) -> list[WorkQueue]:
    """The work queues that a process of these settings declares."""
    chosen = settings.declared_queues
    return [work for work in WORK_QUEUES if chosen is None or work.name in chosen]


def declare(
    channel: StdChannel,
    delays_seconds: Iterable[int] = (),
    webhook_delays_seconds: Iterable[int] | None = None,
    works: Collection[WorkQueue] = WORK_QUEUES,
) -> None:
    """Declare `works` and their exchanges, idempotently. Delays add retry tiers to the plain one.

    Queues come before anything can reach the fanout, so that no event meets one without queues and
    is dropped, or one with a queue too few. The webhook's queue is always there, so that its dead
    letters can be looked at. It is bound if `webhook_delays_seconds` is not None, and never
    unbound here: a process that was not told of the webhook must not take it away from one that
    was.
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
    """Take the webhook's queue off the fanout: bound and read by nobody, it would grow for ever.

    What is in it stays.
    """
    declare(channel, works=_OF_NOTIFICATIONS)  # one that is not there can't be unbound
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
