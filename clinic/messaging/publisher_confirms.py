"""Publisher confirms of one channel."""

from __future__ import annotations

import time
from collections.abc import Sequence

from amqp import Message
from amqp.exceptions import RecoverableConnectionError
from kombu import Connection
from kombu.transport.base import StdChannel

from clinic.messaging.amqp_message import AmqpMessage
from clinic.messaging.wire import framing


class PublisherConfirms:
    """Maps delivery tags to messages; py-amqp's own wait does not compare tags."""

    def __init__(self, channel: StdChannel) -> None:
        self._channel = channel
        self._last_tag = 0
        self._waiting: dict[int, AmqpMessage] = {}
        self._nacked: list[AmqpMessage] = []
        self.had_unroutable = False
        channel.auto_decode = False  # a returned message is identified by its bytes
        channel.confirm_select()
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)
        channel.events["basic_return"].add(self._on_return)

    def publish(self, messages: Sequence[AmqpMessage]) -> None:
        """Raises: any connection error; the outcome of all messages is then unknown."""
        connection = self._channel.connection
        if connection is None:
            raise RecoverableConnectionError("the channel is closed")
        for message in messages:
            self._last_tag += 1
            self._waiting[self._last_tag] = message
        data = framing.encode(messages, self._channel.channel_id, connection.frame_max)
        connection.transport.write(data)

    def wait(self, connection: Connection, timeout_seconds: float) -> list[AmqpMessage]:
        """Return the nacked or returned messages of all published since the last call.

        Raises: TimeoutError and any connection error; the outcome is then unknown.
        """
        deadline = time.monotonic() + timeout_seconds
        while self._waiting:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError("no confirm in time")
            connection.drain_events(timeout=remaining)
        nacked, self._nacked = self._nacked, []
        return nacked

    def _on_ack(self, tag: int, multiple: bool) -> None:
        for acked in self._tags(tag, multiple):
            del self._waiting[acked]

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self._nacked += [self._waiting.pop(nacked) for nacked in self._tags(tag, multiple)]

    def _on_return(
        self, _error: Exception, exchange: str, routing_key: str, message: Message
    ) -> None:
        """Record an unroutable message. A positive confirm follows it."""
        self.had_unroutable = True
        returned = (exchange, routing_key, message.body)
        for waiting in self._waiting.values():
            if (waiting.exchange, waiting.routing_key, waiting.body) == returned:
                self._nacked.append(waiting)
                return

    def _tags(self, tag: int, multiple: bool) -> list[int]:
        return [known for known in self._waiting if known == tag or (multiple and known < tag)]
