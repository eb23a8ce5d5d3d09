"""The broker's answers to what was published on one channel."""

from __future__ import annotations

import time
from collections.abc import Sequence

from amqp import Message
from kombu import Connection
from kombu.transport.base import StdChannel

from clinic.messaging.amqp_message import AmqpMessage

_PERSISTENT = 2


class PublisherConfirms:
    """Keeps which message has which delivery tag; py-amqp's own wait does not compare them."""

    def __init__(self, channel: StdChannel) -> None:
        self._channel = channel
        self._last_tag = 0
        self._waiting: dict[int, AmqpMessage] = {}
        self._refused: list[AmqpMessage] = []
        self.had_unroutable = False
        channel.auto_decode = False  # a returned message is told by its bytes
        channel.confirm_select()
        channel.events["basic_ack"].add(self._settle)
        channel.events["basic_nack"].add(self._refuse)
        channel.events["basic_return"].add(self._return)

    def publish(self, messages: Sequence[AmqpMessage]) -> None:
        """Raises: whatever the connection raises; nothing is known of any of them then."""
        for message in messages:
            self._last_tag += 1
            self._waiting[self._last_tag] = message
            self._channel.basic_publish(
                _to_amqp(message), message.exchange, message.routing_key, mandatory=True
            )

    def wait(self, connection: Connection, timeout_seconds: float) -> list[AmqpMessage]:
        """Return what was refused of all that was published since the last call.

        Raises: TimeoutError and whatever the connection raises; nothing is known then.
        """
        deadline = time.monotonic() + timeout_seconds
        while self._waiting:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError("no confirm in time")
            connection.drain_events(timeout=remaining)
        refused, self._refused = self._refused, []
        return refused

    def _settle(self, tag: int, multiple: bool) -> None:
        for settled in self._tags(tag, multiple):
            del self._waiting[settled]

    def _refuse(self, tag: int, multiple: bool) -> None:
        self._refused += [self._waiting.pop(settled) for settled in self._tags(tag, multiple)]

    def _return(self, _error: Exception, exchange: str, routing_key: str, message: Message) -> None:
        """Note a message without a route. Its confirm follows, and says that it was taken."""
        self.had_unroutable = True
        lost = (exchange, routing_key, message.body)
        for waiting in self._waiting.values():
            if (waiting.exchange, waiting.routing_key, waiting.body) == lost:
                self._refused.append(waiting)
                return

    def _tags(self, tag: int, multiple: bool) -> list[int]:
        return [known for known in self._waiting if known == tag or (multiple and known < tag)]


def _to_amqp(message: AmqpMessage) -> Message:
    return Message(
        message.body,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        application_headers=dict(message.headers),
        delivery_mode=_PERSISTENT,
        priority=0,
    )
