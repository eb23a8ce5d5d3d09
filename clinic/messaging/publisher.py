"""Publishes batches of messages with confirms. Never reuses a connection after an error."""

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
#: The time for the broker to notify the consumers of a deleted queue. If the queue is declared
#: again sooner, RabbitMQ 3.10 keeps them attached but delivers nothing to them.
ROUTE_SECONDS = 1

_BROKER_ERRORS = (AMQPError, OperationalError, OSError)

Result = TypeVar("Result")


class Publisher:
    """One connection, opened on first use; safe to share between threads or greenthreads.

    `declare` is called with the channel of every new connection, so that queues lost by a broker
    exist again before messages are sent to them. With `heartbeat_seconds` the owner must call
    `keep_alive`.
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
        """Whether the last operation on the broker succeeded."""
        return self._confirms is not None

    def publish(self, messages: Sequence[AmqpMessage]) -> list[AmqpMessage]:
        """Publish and wait for all confirms. Return the messages that were nacked or returned.

        Raises: BrokerUnavailable. Any message may have arrived nevertheless, so consumers must be
        idempotent.
        """
        called_at = time.monotonic()
        with self._lock:
            if self._failed_at > called_at:
                raise BrokerUnavailable("the broker failed while this call was waiting")
            return self._deliver(messages)

    def publish_one(self, message: AmqpMessage) -> None:
        """Raises: BrokerUnavailable, also if the message is nacked or returned."""
        if self.publish([message]):
            raise BrokerUnavailable(f"nacked or returned by {message.routing_key}")

    def depth(self, queue: str) -> int:
        """Count the ready messages in a queue. Raises: BrokerUnavailable."""

        def count(_confirms: PublisherConfirms) -> int:
            channel = self._connection.default_channel
            return int(channel.queue_declare(queue, passive=True).message_count)

        with self._lock:
            return self._run(count)

    def keep_alive(self) -> None:
        """Exchange heartbeats with the broker, or connect. Call it every second.

        Raises: BrokerUnavailable.
        """
        with self._lock:
            self._run(self._exchange_heartbeats)

    def close(self) -> None:
        with self._lock:
            self._discard()

    def _deliver(self, messages: Sequence[AmqpMessage]) -> list[AmqpMessage]:
        """Send on the open connection; retry once on a new connection."""
        if self._confirms is None:
            return self._send(messages)
        try:
            nacked = self._send(messages)
        except BrokerUnavailable:
            logger.info("broker connection lost, reconnecting")
            return self._send(messages)
        if nacked and self._confirms.had_unroutable:
            self._discard()  # a new connection declares the missing queue
            time.sleep(ROUTE_SECONDS)
            return self._send(nacked)
        return nacked

    def _send(self, messages: Sequence[AmqpMessage]) -> list[AmqpMessage]:
        def publish_and_wait(confirms: PublisherConfirms) -> list[AmqpMessage]:
            confirms.publish(messages)
            return confirms.wait(self._connection, self._timeout_seconds)

        return self._run(publish_and_wait)

    def _exchange_heartbeats(self, _confirms: PublisherConfirms) -> None:
        try:
            self._connection.drain_events(timeout=0.001)
        except TimeoutError:
            self._connection.heartbeat_check()

    def _run(self, action: Callable[[PublisherConfirms], Result]) -> Result:
        try:
            return action(self._confirms or self._connect())
        except _BROKER_ERRORS as error:
            self._discard()
            self._connection.maybe_switch_next()  # an unusable node may accept connections
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
        """Close the socket without a close handshake, which would block on a frozen broker."""
        self._confirms = None
        self._connection.collect()
