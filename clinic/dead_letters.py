"""Messages that were given up: looked at, sent round again, or dropped, by a person."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from kombu import Connection
from kombu.message import Message

from clinic import topology
from clinic.clock import to_wire
from clinic.config import Settings
from clinic.outgoing import Outgoing, original_bytes
from clinic.publisher import Publisher, connect_once
from clinic.retry import ATTEMPT_HEADER, REPLAYED_HEADER
from clinic.topology import WORK_QUEUES, WorkQueue

_CONNECT_SECONDS = 5
_OF_THE_PAST = (ATTEMPT_HEADER, "x-queue", "x-cause", "x-cause-detail", "x-parked-at", "x-letter")


@dataclass(frozen=True)
class Letter:
    """A dead letter in hand: it goes back to its queue unless it is replayed or dropped."""

    work: WorkQueue
    message: Message

    @property
    def id(self) -> str:
        """Twelve characters that tell it from others, the same whenever it is looked at."""
        given = self.message.headers.get("x-letter")
        return str(given) if given else hashlib.sha256(self.body).hexdigest()[:12]

    @property
    def body(self) -> bytes:
        return original_bytes(self.message)

    @property
    def cause(self) -> str:
        """A code; "delivery_limit" and the like where RabbitMQ itself gave the message up."""
        return str(self.message.headers.get("x-cause") or self._death.get("reason", "unknown"))

    @property
    def parked_at(self) -> str:
        given = self.message.headers.get("x-parked-at")
        died_at = self._death.get("time")
        if not given and isinstance(died_at, datetime):
            return to_wire(died_at.replace(tzinfo=UTC))
        return str(given or "")

    @property
    def _death(self) -> Mapping[str, Any]:
        """What RabbitMQ noted when it gave the message up; nothing where a service did."""
        deaths: Sequence[Mapping[str, Any]] = self.message.headers.get("x-death") or [{}]
        return deaths[0]

    @property
    def replayed(self) -> int:
        times = self.message.headers.get(REPLAYED_HEADER)
        return times if type(times) is int else 0

    def described(self) -> dict[str, str]:
        """{"id", "queue", "cause", "detail", "attempt", "replayed", "parkedAt"}.

        As texts: whoever can publish may have put anything into the headers.
        """
        headers = self.message.headers
        told = {
            "id": self.id,
            "queue": self.work.dead_letter,
            "cause": self.cause,
            "detail": headers.get("x-cause-detail") or "",
            "attempt": headers.get(ATTEMPT_HEADER, 1),
            "replayed": self.replayed,
            "parkedAt": self.parked_at,
        }
        return {name: str(value) for name, value in told.items()}


class DeadLetters:
    """The dead-letter queues of one broker, seen over one connection."""

    def __init__(self, connection: Connection, publisher: Publisher) -> None:
        self._channel = connection.default_channel
        self._channel.auto_decode = False
        self._publisher = publisher

    @classmethod
    @contextmanager
    def opened(cls, settings: Settings) -> Iterator[Self]:
        """Connect; letters that were only looked at are back in their queues afterwards."""
        declare = topology.declarer(settings)
        publisher = Publisher(settings.amqp_uri, declare)
        with Connection(settings.amqp_uri, connect_timeout=_CONNECT_SECONDS) as connection:
            connect_once(connection)
            declare(connection.default_channel)
            try:
                yield cls(connection, publisher)
            finally:
                publisher.close()

    def waiting(self) -> list[Letter]:
        """Take the letters that lie there now, each once, oldest first in each queue.

        The broker doesn't keep the order of what was looked at and put back.
        """
        taken = [sorted(self._take(work), key=_age_order) for work in WORK_QUEUES]
        return [letter for letters in taken for letter in letters]

    def _take(self, work: WorkQueue) -> Iterator[Letter]:
        count = self._channel.queue_declare(work.dead_letter, passive=True).message_count
        for _ in range(count):
            message = self._channel.basic_get(work.dead_letter)
            if message is None:
                break
            yield Letter(work, self._channel.message_to_python(message))

    def replay(self, letter: Letter) -> None:
        """Send it round again as if it were new. Raises: BrokerUnavailable.

        Whoever dies between the two steps leaves a copy behind; consumers bear duplicates.
        """
        times = {REPLAYED_HEADER: letter.replayed + 1}
        copy = Outgoing.copy_of(letter.message, letter.work.name, times)
        self._publisher.publish_one(copy.without_headers(_OF_THE_PAST))
        letter.message.ack()

    def drop(self, letter: Letter) -> None:
        letter.message.ack()


def _age_order(letter: Letter) -> tuple[str, str]:
    return letter.parked_at, letter.id
