"""The dead-letter queues, which operators inspect, replay or drop."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from clinic.config import Settings
from clinic.dead_letters.dead_letter import DeadLetter
from clinic.domain.retry_policy import ATTEMPT_HEADER, REPLAY_COUNT_HEADER
from clinic.errors import BrokerUnavailable
from clinic.messaging import topology
from clinic.messaging.amqp_message import AmqpMessage
from clinic.messaging.broker_session import ANSWER_SECONDS, BrokerSession, broker_session
from clinic.messaging.headers import (
    DEAD_LETTER_ID_HEADER,
    DEAD_LETTERED_AT_HEADER,
    ERROR_CODE_HEADER,
    ERROR_MESSAGE_HEADER,
    ORIGINAL_QUEUE_HEADER,
)
from clinic.messaging.publisher_confirms import PublisherConfirms
from clinic.messaging.topology import WORK_QUEUES, WorkQueue

#: Headers added to a dead letter; removed from its replayed copy, which starts afresh.
_DEAD_LETTER_HEADERS = (
    ATTEMPT_HEADER,
    ORIGINAL_QUEUE_HEADER,
    ERROR_CODE_HEADER,
    ERROR_MESSAGE_HEADER,
    DEAD_LETTERED_AT_HEADER,
    DEAD_LETTER_ID_HEADER,
)
#: No new operation starts with less time left, so that the result can still be returned.
_RESERVE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class DeadLetterSnapshot:
    """Dead letters of one queue, oldest first. `depth` includes those not fetched."""

    work: WorkQueue
    depth: int
    dead_letters: list[DeadLetter]


class DeadLetterQueues:
    """Dead-letter queues in one broker session. Every method may raise BrokerUnavailable."""

    def __init__(self, session: BrokerSession, declared: Collection[WorkQueue]) -> None:
        self._session = session
        with session.deadline() as connection:
            self._channel = connection.default_channel
            self._channel.auto_decode = False
            # No retry queues and no webhook binding: their settings are unknown here.
            topology.declare(self._channel, works=declared)
            self._confirms = PublisherConfirms(connection.channel())

    @classmethod
    @contextmanager
    def opened(cls, settings: Settings, seconds: float = math.inf) -> Iterator[Self]:
        """Connect for at most `seconds`. On exit, dead letters neither replayed nor dropped return
        to their queues. Raises: BrokerUnavailable."""
        with broker_session(settings.amqp_uri, seconds) as session:
            yield cls(session, topology.declared_by(settings))

    @property
    def has_time(self) -> bool:
        return self._session.seconds_left > _RESERVE_SECONDS

    def snapshots(self, limit: int | None = None) -> list[DeadLetterSnapshot]:
        """Fetch at most `limit` present dead letters of each queue; fewer if the time runs out.

        The broker does not preserve the order of returned messages.
        """
        return [self._snapshot(work, limit) for work in WORK_QUEUES]

    def fetch_all(self) -> list[DeadLetter]:
        """Fetch all dead letters of all queues."""
        return [
            dead_letter for snapshot in self.snapshots() for dead_letter in snapshot.dead_letters
        ]

    def _snapshot(self, work: WorkQueue, limit: int | None) -> DeadLetterSnapshot:
        depth = self._depth(work)
        dead_letters = []
        for dead_letter in self.fetch(work, depth if limit is None else min(depth, limit)):
            dead_letters.append(dead_letter)
            if not self.has_time:
                break
        return DeadLetterSnapshot(
            work, max(depth, len(dead_letters)), sorted(dead_letters, key=_age_order)
        )

    def fetch(self, work: WorkQueue, count: int | None = None) -> Iterator[DeadLetter]:
        """Fetch one at a time, at most `count` or as many as are in the queue now."""
        for _ in range(self._depth(work) if count is None else count):
            with self._session.deadline():
                message = self._channel.basic_get(work.dead_letter)
            if message is None:
                break
            yield DeadLetter(work, self._channel.message_to_python(message))

    def _depth(self, work: WorkQueue) -> int:
        with self._session.deadline():
            found = self._channel.queue_declare(work.dead_letter, passive=True)
        return int(found.message_count)

    def replay(self, dead_letter: DeadLetter) -> None:
        """Publish a dead letter to its queue again, as a new message.

        A crash before the ack leaves a duplicate; consumers are idempotent.
        """
        count = {REPLAY_COUNT_HEADER: dead_letter.replay_count + 1}
        copy = AmqpMessage.copy_of(dead_letter.message, dead_letter.work.name, count)
        with self._session.deadline() as connection:
            self._confirms.publish([copy.without_headers(_DEAD_LETTER_HEADERS)])
            seconds = min(ANSWER_SECONDS, self._session.seconds_left)
            if self._confirms.wait(connection, seconds):
                raise BrokerUnavailable(f"nacked or returned by {dead_letter.work.name}")
            dead_letter.message.ack()

    def drop(self, dead_letter: DeadLetter) -> None:
        with self._session.deadline():
            dead_letter.message.ack()
        self._depth(dead_letter.work)  # its reply proves that the ack has arrived


def _age_order(dead_letter: DeadLetter) -> tuple[str, str]:
    return dead_letter.dead_lettered_at, dead_letter.id
