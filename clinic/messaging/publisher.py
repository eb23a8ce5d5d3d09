"""Publishes with confirms, many messages at a time, and trusts no connection that saw an error."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from amqp.exceptions import AMQPError
from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.transport.base import StdChannel

from clinic.errors import BrokerUnavailable
from clinic.messaging.amqp_message import AmqpMessage
from clinic.messaging.connection import connect_once, set_socket_timeout
from clinic.messaging.publisher_confirms import PublisherConfirms

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 2
#: What a broker is given to tell the consumers of a deleted queue that it is gone. RabbitMQ 3.10
#: takes them over, and delivers nothing to them, if it is declared again before that.
ROUTE_SECONDS = 1

_BROKER_ERRORS = (AMQPError, OperationalError, OSError)

Result = TypeVar("Result")


class Publisher:
    """One connection, opened when first needed; safe to share between threads or greenthreads.

    `declare` is called with the channel of every new connection, so that queues which vanished
    with a broker are there again before anything is sent to them. `heartbeat_seconds` obliges the
    owner to call `keep_alive`.
    """

    def __init__(
        self,
        amqp_uri: str,
        declare: Callable[[StdChannel], None],
        *,
        timeout_seconds: float = 5,
        heartbeat_seconds: int = 0,
    ) -> None:
        self._connection = Connection(
            amqp_uri, connect_timeout=CONNECT_SECONDS, heartbeat=heartbeat_seconds
        )
        self._declare = declare
        self._timeout_seconds = timeout_seconds
        self._confirms: PublisherConfirms | None = None
        self._failed_at = 0.0
        self._lock = threading.Lock()

    @property
    def is_connected(self) -> bool:
        """Whether the last contact with the broker went well."""
        return self._confirms is not None

    def publish(self, messages: Sequence[AmqpMessage]) -> list[AmqpMessage]:
        """Return once the broker has answered for every message, with those that it refused.

        Raises: BrokerUnavailable. Any of them may have arrived all the same, so consumers must
        bear duplicates.
        """
        asked_at = time.monotonic()
        with self._lock:
            if self._failed_at > asked_at:
                raise BrokerUnavailable("it failed whoever was first in this line")
            return self._deliver(messages)

    def publish_one(self, message: AmqpMessage) -> None:
        """Raises: BrokerUnavailable, also when the broker refuses the message."""
        if self.publish([message]):
            raise BrokerUnavailable(f"refused for {message.routing_key}")

    def depth(self, queue: str) -> int:
        """Count the messages that wait in a queue. Raises: BrokerUnavailable."""

        def count(_confirms: PublisherConfirms) -> int:
            channel = self._connection.default_channel
            return int(channel.queue_declare(queue, passive=True).message_count)

        with self._lock:
            return self._guarded(count)

    def keep_alive(self) -> None:
        """Answer the broker's heartbeats, or connect. Call it every second.

        Raises: BrokerUnavailable.
        """
        with self._lock:
            self._guarded(self._beat)

    def close(self) -> None:
        with self._lock:
            self._discard()

    def _deliver(self, messages: Sequence[AmqpMessage]) -> list[AmqpMessage]:
        """Send on the open connection; what that can't do, once more on a new one."""
        if self._confirms is None:
            return self._send(messages)
        try:
            refused = self._send(messages)
        except BrokerUnavailable:
            logger.info("the broker's connection had died, trying a new one")
            return self._send(messages)
        if refused and self._confirms.had_unroutable:
            self._discard()  # a new connection declares the queue that is missing
            time.sleep(ROUTE_SECONDS)
            return self._send(refused)
        return refused

    def _send(self, messages: Sequence[AmqpMessage]) -> list[AmqpMessage]:
        def publish_and_wait(confirms: PublisherConfirms) -> list[AmqpMessage]:
            confirms.publish(messages)
            return confirms.wait(self._connection, self._timeout_seconds)

        return self._guarded(publish_and_wait)

    def _beat(self, _confirms: PublisherConfirms) -> None:
        try:
            self._connection.drain_events(timeout=0.001)
        except TimeoutError:
            self._connection.heartbeat_check()

    def _guarded(self, action: Callable[[PublisherConfirms], Result]) -> Result:
        try:
            return action(self._confirms or self._connect())
        except _BROKER_ERRORS as error:
            self._discard()
            self._connection.maybe_switch_next()  # a node may let us in and be of no use
            self._failed_at = time.monotonic()
            raise BrokerUnavailable(f"{type(error).__name__} from the broker") from error

    def _connect(self) -> PublisherConfirms:
        connect_once(self._connection)
        set_socket_timeout(self._connection, self._timeout_seconds)
        channel = self._connection.default_channel
        self._declare(channel)
        self._confirms = PublisherConfirms(channel)
        return self._confirms

    def _discard(self) -> None:
        """Drop the socket without a farewell, which would wait on a broker that is frozen."""
        self._confirms = None
        self._connection.collect()
