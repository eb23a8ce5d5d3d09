"""A plain AMQP client that uses none of the system's code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from amqp.exceptions import InternalError, NotFound
from kombu import Connection
from kombu.message import Message

#: No such queue yet; or RabbitMQ 3.10 was asked in the instant between its name and its process.
_NOT_THERE_YET = (NotFound, InternalError)


def depth(uri: str, queue: str) -> int:
    """Count the messages ready in a queue; 0 where there is no such queue yet."""
    with Connection(uri) as connection:
        try:
            return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
        except _NOT_THERE_YET:
            return 0


def consumers(uri: str, queue: str) -> int:
    """Count who consumes a queue; 0 where there is no such queue yet."""
    with Connection(uri) as connection:
        try:
            return int(connection.default_channel.queue_declare(queue, passive=True).consumer_count)
        except _NOT_THERE_YET:
            return 0


def take(uri: str, queue: str) -> Message | None:
    """Take one message out of a queue for good."""
    with Connection(uri) as connection:
        try:
            message = connection.default_channel.basic_get(queue)
        except _NOT_THERE_YET:
            return None
        if message is None:
            return None
        message = connection.default_channel.message_to_python(message)
        message.ack()
        return message


def put(uri: str, queue: str, body: bytes, **properties: Any) -> None:
    """Publish bytes straight into a queue, with whatever properties are asked for."""
    with Connection(uri, transport_options={"confirm_publish": True}) as connection:
        channel = connection.default_channel
        message = channel.prepare_message(body, **properties)
        channel.basic_publish(message, exchange="", routing_key=queue)


def body_of(message: Message) -> Any:
    return json.loads(message.body)


@contextmanager
def subscriber(uri: str, exchange: str, routing_key: str = "") -> Iterator[Any]:
    """Bind a queue of one's own to an exchange; yields a function that empties it."""
    with Connection(uri) as connection:
        channel = connection.default_channel
        queue = channel.queue_declare(exclusive=True).queue
        channel.queue_bind(queue, exchange, routing_key)

        def received() -> list[Message]:
            messages = []
            while (message := channel.basic_get(queue, no_ack=True)) is not None:
                messages.append(channel.message_to_python(message))
            return messages

        yield received
