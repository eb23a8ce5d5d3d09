"""Message and consumer counts of all queues."""

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
    """The counts of one queue; None if it does not exist."""

    name: str
    messages: int | None = None
    consumers: int | None = None


@dataclass(frozen=True, slots=True)
class QueueStatistics:
    """A work queue with its retry queues, by their delay in seconds, and its dead letters.

    `is_on` says whether it should have consumers.
    """

    requests: QueueCount
    retries: dict[int, QueueCount]
    dead: QueueCount
    is_on: bool

    @property
    def is_deserted(self) -> bool:
        """Whether it has no consumers but needs one."""
        return not self.requests.consumers and bool(self.is_on or self.requests.messages)


class QueueMonitor:
    """Reads the queues of one broker. Queues are declared passively: a session changes nothing.

    Safe to share between threads: callers that arrive during a session share the next one.
    """

    def __init__(self, settings: Settings) -> None:
        self._amqp_uri = settings.amqp_uri
        self._delays = _delays(settings)
        self._is_on = {BOOKING_REQUESTS: True, EMAIL: True, WEBHOOK: settings.has_webhook}
        self._reads: Batcher[None, list[QueueStatistics]] = Batcher(self._read)

    def flows(self) -> list[QueueStatistics]:
        """Raises: BrokerUnavailable."""
        return self._reads.submit(None)

    def _read(self, callers: Sequence[None]) -> Sequence[list[QueueStatistics] | BrokerUnavailable]:
        """Read once for all callers; an error is shared too."""
        try:
            with broker_session(self._amqp_uri, SESSION_TIMEOUT_SECONDS) as session:
                flows = [self._flow(session, work) for work in self._delays]
        except BrokerUnavailable as error:
            return [error] * len(callers)
        return [flows] * len(callers)

    def _flow(self, session: BrokerSession, work: WorkQueue) -> QueueStatistics:
        tiers = {delay: _count(session, work.retry_name(delay)) for delay in self._delays[work]}
        return QueueStatistics(
            requests=_count(session, work.name),
            # The other processes may have no webhook configured and declare none of its tiers.
            retries={delay: tier for delay, tier in tiers.items() if tier.messages is not None},
            dead=_count(session, work.dead_letter),
            is_on=self._is_on[work],
        )


def _delays(settings: Settings) -> dict[WorkQueue, list[int]]:
    """Return the sorted delays of each work queue's tiers, as `topology.declare` declares them."""
    configured = {
        BOOKING_REQUESTS: settings.retry_delays_seconds,
        EMAIL: settings.retry_delays_seconds,
        WEBHOOK: settings.webhook_retry.delays_seconds,
    }
    return {work: sorted({PLAIN_RETRY_SECONDS, *delays}) for work, delays in configured.items()}


def _count(session: BrokerSession, queue: str) -> QueueCount:
    with session.deadline() as connection:
        channel: StdChannel = connection.channel()  # the broker closes it if the queue is missing
        try:
            found = channel.queue_declare(queue, passive=True)
        except NotFound:
            return QueueCount(queue)
        channel.close()
    return QueueCount(queue, int(found.message_count), int(found.consumer_count))
