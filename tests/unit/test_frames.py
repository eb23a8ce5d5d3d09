"""Our frames against those of py-amqp, which is the reference."""

from __future__ import annotations

from typing import Any

import pytest
from amqp import Message
from amqp.method_framing import frame_writer
from amqp.serialization import dumps

from clinic.messaging.amqp_message import AmqpMessage
from clinic.messaging.wire import framing

CHANNEL = 1
FRAME_MAX = 4096


class _Transport:
    def __init__(self) -> None:
        self.written = b""

    def write(self, data: Any) -> None:
        self.written += bytes(data)


class _Connection:
    frame_max = FRAME_MAX
    bytes_sent = 0


def of_py_amqp(message: AmqpMessage) -> bytes:
    transport = _Transport()
    content = Message(
        message.body,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        delivery_mode=2,
        priority=0,
        application_headers=dict(message.headers),
    )
    arguments = dumps("Bssbb", (0, message.exchange, message.routing_key, True, False))
    frame_writer(_Connection(), transport)(1, CHANNEL, (60, 40), arguments, content)
    return transport.written


MESSAGES = [
    AmqpMessage("", "booking_requests", b'{"bookingId":"1"}'),
    AmqpMessage(
        "booking_service.events", "booking_state_changed", b"{}", {"nameko.request_id": "r"}
    ),
    AmqpMessage("", "q", "ñ€".encode(), {"list": ["a.b.c"], "number": 7, "none": None, "on": True}),
    AmqpMessage("", "q", b"", content_type="text/plain", content_encoding="binary"),
    AmqpMessage("", "q", b"x" * (FRAME_MAX - 8)),
    AmqpMessage("", "q", b"x" * (3 * FRAME_MAX)),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_written_as_py_amqp_writes_it(message: AmqpMessage) -> None:
    assert framing.encode([message], CHANNEL, FRAME_MAX) == of_py_amqp(message)


def test_many_messages_follow_each_other() -> None:
    expected = b"".join(map(of_py_amqp, MESSAGES))
    assert framing.encode(MESSAGES, CHANNEL, FRAME_MAX) == expected
