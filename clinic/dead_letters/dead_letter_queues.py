"""Messages that were given up: looked at, sent round again, or dropped, by a person."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from clinic.config import Settings
from clinic.dead_letters.dead_letter import DeadLetter
from clinic.domain.retry_policy import ATTEMPT_HEADER, REDRIVEN_HEADER
from clinic.errors import BrokerUnavailable
from clinic.messaging import topology
from clinic.messaging.amqp_message import AmqpMessage
from clinic.messaging.broker_session import ANSWER_SECONDS, BrokerSession, broker_session
from clinic.messaging.publisher_confirms import PublisherConfirms
from clinic.messaging.topology import WORK_QUEUES, WorkQueue

_OF_THE_PAST = (ATTEMPT_HEADER, "x-queue", "x-cause", "x-cause-detail", "x-parked-at", "x-letter")
#: With less time left nothing new is begun, so that what was found can still be told.
_RESERVE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class DeadLetterSnapshot:
    """Letters of one queue, oldest first, and how many lay there with those that were left."""

    work: WorkQueue
    depth: int
    letters: list[DeadLetter]


class DeadLetterQueues:
    """The dead-letter queues of one broker, during one look. Every method may raise
    BrokerUnavailable."""

    def __init__(self, look: BrokerSession, declared: Collection[WorkQueue]) -> None:
        self._look = look
        with look.asking() as connection:
            self._channel = connection.default_channel
            self._channel.auto_decode = False
            # Neither tiers nor the webhook's binding: who only looks does not know of them.
            topology.declare(self._channel, works=declared)
            self._confirms = PublisherConfirms(connection.channel())

    @classmethod
    @contextmanager
    def opened(cls, settings: Settings, seconds: float = math.inf) -> Iterator[Self]:
        """Connect for `seconds` at most; letters that were only looked at are back in their queues
        afterwards. Raises: BrokerUnavailable."""
        with broker_session(settings.amqp_uri, seconds) as look:
            yield cls(look, topology.declared_by(settings))

    @property
    def has_time(self) -> bool:
        return self._look.seconds_left > _RESERVE_SECONDS

    def piles(self, limit: int | None = None) -> list[DeadLetterSnapshot]:
        """Take the letters that lie there now, each once, `limit` of each queue at most; fewer
        when the time is over.

        The broker doesn't keep the order of what was looked at and put back.
        """
        return [self._pile(work, limit) for work in WORK_QUEUES]

    def waiting(self) -> list[DeadLetter]:
        """Take all of them."""
        return [letter for pile in self.piles() for letter in pile.letters]

    def _pile(self, work: WorkQueue, limit: int | None) -> DeadLetterSnapshot:
        depth = self._depth(work)
        letters = []
        for letter in self.taken(work, depth if limit is None else min(depth, limit)):
            letters.append(letter)
            if not self.has_time:
                break
        return DeadLetterSnapshot(work, max(depth, len(letters)), sorted(letters, key=_age_order))

    def taken(self, work: WorkQueue, count: int | None = None) -> Iterator[DeadLetter]:
        """Take one after the other, at most as many as lie there now."""
        for _ in range(self._depth(work) if count is None else count):
            with self._look.asking():
                message = self._channel.basic_get(work.dead_letter)
            if message is None:
                break
            yield DeadLetter(work, self._channel.message_to_python(message))

    def _depth(self, work: WorkQueue) -> int:
        with self._look.asking():
            found = self._channel.queue_declare(work.dead_letter, passive=True)
        return int(found.message_count)

    def replay(self, letter: DeadLetter) -> None:
        """Send it round again as if it were new.

        Whoever dies between the two steps leaves a copy behind; consumers bear duplicates.
        """
        times = {REDRIVEN_HEADER: letter.replayed + 1}
        copy = AmqpMessage.copy_of(letter.message, letter.work.name, times)
        with self._look.asking() as connection:
            self._confirms.publish([copy.without_headers(_OF_THE_PAST)])
            seconds = min(ANSWER_SECONDS, self._look.seconds_left)
            if self._confirms.wait(connection, seconds):
                raise BrokerUnavailable(f"refused for {letter.work.name}")
            letter.message.ack()

    def drop(self, letter: DeadLetter) -> None:
        with self._look.asking():
            letter.message.ack()
        self._depth(letter.work)  # an answer to this one says that the ack has arrived


def _age_order(letter: DeadLetter) -> tuple[str, str]:
    return letter.parked_at, letter.id
