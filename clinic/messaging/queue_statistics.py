"""How much lies in the queues of the house, and who consumes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amqp.exceptions import NotFound
from kombu.transport.base import StdChannel

from clinic.concurrency.batching import Batcher
from clinic.config import Settings
from clinic.errors import BrokerUnavailable
from clinic.messaging.broker_session import SESSION_TIMEOUT_SECONDS, BrokerSession, broker_session
from clinic.messaging.topology import (
    BOOKING_REQUESTS,
    EMAIL,
    PLAIN_RETRY_SECONDS,
    WEBHOOK,
    WorkQueue,
)


@dataclass(frozen=True, slots=True)
class QueueCount:
    """One queue at one moment; without numbers if there is no such queue."""

    name: str
    messages: int | None = None
    consumers: int | None = None


@dataclass(frozen=True, slots=True)
class QueueStatistics:
    """A work queue with its retry queues, by their delay in seconds, and its dead letters.

    `is_on` says whether somebody ought to consume it.
    """

    requests: QueueCount
    retries: dict[int, QueueCount]
    dead: QueueCount
    is_on: bool

    @property
    def is_deserted(self) -> bool:
        """Whether nobody takes what somebody ought to take."""
        return not self.requests.consumers and bool(self.is_on or self.requests.messages)


class QueueMonitor:
    """The queues of one broker. They are only asked for, never declared: a session changes nothing.

    Safe to share between threads: who comes while somebody looks shares the session after that.
    """

    def __init__(self, settings: Settings) -> None:
        self._amqp_uri = settings.amqp_uri
        self._delays = _delays(settings)
        self._is_on = {BOOKING_REQUESTS: True, EMAIL: True, WEBHOOK: settings.has_webhook}
        self._looks: Batcher[None, list[QueueStatistics]] = Batcher(self._answer)

    def flows(self) -> list[QueueStatistics]:
        """Raises: BrokerUnavailable."""
        return self._looks.submit(None)

    def _answer(
        self, askers: Sequence[None]
    ) -> Sequence[list[QueueStatistics] | BrokerUnavailable]:
        """One session for all of them, also when it fails."""
        try:
            with broker_session(self._amqp_uri, SESSION_TIMEOUT_SECONDS) as session:
                flows = [self._flow(session, work) for work in self._delays]
        except BrokerUnavailable as error:
            return [error] * len(askers)
        return [flows] * len(askers)

    def _flow(self, session: BrokerSession, work: WorkQueue) -> QueueStatistics:
        tiers = {delay: _count(session, work.retry_name(delay)) for delay in self._delays[work]}
        return QueueStatistics(
            requests=_count(session, work.name),
            # Another process may know of no webhook, and have made none of its tiers.
            retries={delay: tier for delay, tier in tiers.items() if tier.messages is not None},
            dead=_count(session, work.dead_letter),
            is_on=self._is_on[work],
        )


def _delays(settings: Settings) -> dict[WorkQueue, list[int]]:
    """The delays of each work queue's tiers, in order, as `topology.declare` makes them."""
    given = {
        BOOKING_REQUESTS: settings.retry_delays_seconds,
        EMAIL: settings.retry_delays_seconds,
        WEBHOOK: settings.webhook_retry.delays_seconds,
    }
    return {work: sorted({PLAIN_RETRY_SECONDS, *delays}) for work, delays in given.items()}


def _count(session: BrokerSession, queue: str) -> QueueCount:
    with session.deadline() as connection:
        channel: StdChannel = connection.channel()  # the broker closes it if there is no such queue
        try:
            found = channel.queue_declare(queue, passive=True)
        except NotFound:
            return QueueCount(queue)
        channel.close()
    return QueueCount(queue, int(found.message_count), int(found.consumer_count))
