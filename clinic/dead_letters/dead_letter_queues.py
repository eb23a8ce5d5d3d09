"""The dead-letter queues: a person inspects, replays or drops what is in them."""

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

#: What a dead letter is marked with; its replayed copy begins anew.
_MARKS = (
    ATTEMPT_HEADER,
    ORIGINAL_QUEUE_HEADER,
    ERROR_CODE_HEADER,
    ERROR_MESSAGE_HEADER,
    DEAD_LETTERED_AT_HEADER,
    DEAD_LETTER_ID_HEADER,
)
#: With less time left nothing new is begun, so that the result can still be returned.
_RESERVE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class DeadLetterSnapshot:
    """Dead letters of one queue, oldest first. `depth` also counts those that were not fetched."""

    work: WorkQueue
    depth: int
    dead_letters: list[DeadLetter]


class DeadLetterQueues:
    """The dead-letter queues in one broker session. Every method may raise BrokerUnavailable."""

    def __init__(self, session: BrokerSession, declared: Collection[WorkQueue]) -> None:
        self._session = session
        with session.deadline() as connection:
            self._channel = connection.default_channel
            self._channel.auto_decode = False
            # Neither retry queues nor the webhook's binding: their settings are not known here.
            topology.declare(self._channel, works=declared)
            self._confirms = PublisherConfirms(connection.channel())

    @classmethod
    @contextmanager
    def opened(cls, settings: Settings, seconds: float = math.inf) -> Iterator[Self]:
        """Connect for at most `seconds`. What was neither replayed nor dropped then returns to its
        queue. Raises: BrokerUnavailable."""
        with broker_session(settings.amqp_uri, seconds) as session:
            yield cls(session, topology.declared_by(settings))

    @property
    def has_time(self) -> bool:
        return self._session.seconds_left > _RESERVE_SECONDS

    def snapshots(self, limit: int | None = None) -> list[DeadLetterSnapshot]:
        """Fetch what is there now, at most `limit` of each queue, and fewer when the time is over.

        The broker does not keep the order of messages that return.
        """
        return [self._snapshot(work, limit) for work in WORK_QUEUES]

    def fetch_all(self) -> list[DeadLetter]:
        """Fetch all of them."""
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
        """Fetch one after the other, at most as many as are there now."""
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
        """Publish it to its queue again, as if it were new.

        A crash before the ack leaves a copy behind; consumers are idempotent.
        """
        times = {REPLAY_COUNT_HEADER: dead_letter.replay_count + 1}
        copy = AmqpMessage.copy_of(dead_letter.message, dead_letter.work.name, times)
        with self._session.deadline() as connection:
            self._confirms.publish([copy.without_headers(_MARKS)])
            seconds = min(ANSWER_SECONDS, self._session.seconds_left)
            if self._confirms.wait(connection, seconds):
                raise BrokerUnavailable(f"refused for {dead_letter.work.name}")
            dead_letter.message.ack()

    def drop(self, dead_letter: DeadLetter) -> None:
        with self._session.deadline():
            dead_letter.message.ack()
        self._depth(dead_letter.work)  # an answer to this one says that the ack has arrived


def _age_order(dead_letter: DeadLetter) -> tuple[str, str]:
    return dead_letter.dead_lettered_at, dead_letter.id
