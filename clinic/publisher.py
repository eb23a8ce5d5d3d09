"""Publishes with confirms, many messages at a time, and trusts no connection that saw an error."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from amqp import Message
from amqp.exceptions import AMQPError
from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.transport.base import StdChannel

from clinic.errors import BrokerUnavailable
from clinic.outgoing import Outgoing

logger = logging.getLogger(__name__)

_BROKER_ERRORS = (AMQPError, OperationalError, OSError)


class Publisher:
    """One connection, opened when first needed; safe to share between threads or greenthreads.

    `declare` is called with the channel of every new connection, so that queues which vanished
    with a broker are there again before anything is sent to them.
    """

    def __init__(
        self,
        amqp_uri: str,
        declare: Callable[[StdChannel], None],
        *,
        connect_timeout_seconds: float = 2,
        confirm_timeout_seconds: float = 5,
    ) -> None:
        # Writes to a frozen broker must fail too, not only reads.
        bounded = {"write_timeout": confirm_timeout_seconds}
        self._connection = Connection(
            amqp_uri,
            connect_timeout=connect_timeout_seconds,
            heartbeat=10,
            transport_options=bounded,
        )
        self._declare = declare
        self._confirm_timeout_seconds = confirm_timeout_seconds
        self._confirms: _Confirms | None = None
        self._lock = threading.Lock()

    @property
    def is_connected(self) -> bool:
        """Whether the last contact with the broker went well."""
        return self._confirms is not None

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return once the broker has taken every message. Raises: BrokerUnavailable.

        After an error any of them may have arrived all the same, so consumers must bear
        duplicates. A connection that had idled may be dead without anybody knowing: a failure on
        it is tried once more on a new one.
        """
        with self._lock:
            if self._confirms is not None:
                try:
                    self._send(messages)
                except BrokerUnavailable:
                    logger.info("the broker's connection had died, trying a new one")
                else:
                    return
            self._send(messages)

    def keep_alive(self) -> None:
        """Answer the broker's heartbeats, or connect. Call it every second.

        Raises: BrokerUnavailable.
        """
        with self._lock:
            self._guarded(self._beat)

    def close(self) -> None:
        with self._lock:
            self._discard()

    def _send(self, messages: Sequence[Outgoing]) -> None:
        self._guarded(lambda confirms: self._publish_and_wait(confirms, messages))

    def _publish_and_wait(self, confirms: _Confirms, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            confirms.publish(message)
        confirms.wait(self._connection, self._confirm_timeout_seconds)

    def _beat(self, _confirms: _Confirms) -> None:
        try:
            self._connection.drain_events(timeout=0.001)
        except TimeoutError:
            self._connection.heartbeat_check()

    def _guarded(self, action: Callable[[_Confirms], None]) -> None:
        try:
            action(self._confirms or self._connect())
        except _BROKER_ERRORS as error:
            self._discard()
            raise BrokerUnavailable(f"{type(error).__name__} from the broker") from error

    def _connect(self) -> _Confirms:
        last_host = max(len(self._connection.alt) - 1, 0)
        self._connection.ensure_connection(max_retries=last_host, interval_start=0, interval_step=0)
        channel = self._connection.default_channel
        self._declare(channel)
        self._confirms = _Confirms(channel)
        return self._confirms

    def _discard(self) -> None:
        """Drop the socket without a farewell, which would block on a broker that is frozen."""
        self._confirms = None
        self._connection.collect()


class _Confirms:
    """The broker's answers on one channel. py-amqp's own wait does not compare delivery tags."""

    def __init__(self, channel: StdChannel) -> None:
        self._channel = channel
        self._last_tag = 0
        self._waiting: set[int] = set()
        self._refused: list[str] = []
        channel.confirm_select()
        channel.events["basic_ack"].add(self._settle)
        channel.events["basic_nack"].add(self._refuse)
        channel.events["basic_return"].add(self._return)

    def publish(self, message: Outgoing) -> None:
        self._last_tag += 1
        self._waiting.add(self._last_tag)
        self._channel.basic_publish(
            message.to_amqp(), message.exchange, message.routing_key, mandatory=True
        )

    def wait(self, connection: Connection, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while self._waiting:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError("no confirm in time")
            connection.drain_events(timeout=remaining)
        if self._refused:
            raise OperationalError(", ".join(self._refused))

    def _settle(self, tag: int, multiple: bool) -> None:
        settled = {known for known in self._waiting if known <= tag} if multiple else {tag}
        self._waiting -= settled

    def _refuse(self, tag: int, multiple: bool) -> None:
        self._refused.append("nacked")
        self._settle(tag, multiple)

    def _return(self, error: Exception, exchange: str, routing_key: str, _message: Message) -> None:
        self._refused.append(f"no route from {exchange!r} by {routing_key!r}")
