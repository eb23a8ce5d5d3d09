"""What is read of a message from the broker: its body, and the headers that may travel on."""

from __future__ import annotations

from typing import Any

from kombu.message import Message

from clinic.contracts.messages import decode
from clinic.errors import UnreadableMessage
from clinic.messaging.frame_checks import DEATHS_HEADER, UNREADABLE_HEADER

#: Headers that the broker writes on delivery, and that mean nothing on another message.
_DELIVERY_HEADERS = frozenset(
    {"x-delivery-count", DEATHS_HEADER, "x-first-death-exchange", "x-first-death-queue"}
    | {"x-first-death-reason", "x-last-death-exchange", "x-last-death-queue", "x-last-death-reason"}
)
_REASON_LENGTH = 200
_MAX_NAME_LENGTH = 100
_MAX_TEXT_LENGTH = 500
#: With as many of the longest ones there is still room in a frame for those that are added.
_MAX_HEADERS = 40


def decode_message(message: Message) -> dict[str, Any]:
    """Read the body as a JSON object.

    Raises: UnreadableMessage, PoisonMessage, without quoting the content.
    """
    if reason := unreadable_reason(message):
        raise UnreadableMessage(reason)
    return decode(raw_body(message))


def unreadable_reason(message: Message) -> str:
    """Say why a message can't be used at all; empty for one that can be looked into."""
    return str(message.headers.get(UNREADABLE_HEADER, ""))[:_REASON_LENGTH]


def raw_body(message: Message) -> bytes:
    """Return the body as it travelled; its channel must have `auto_decode` off."""
    body = message.body
    return body.encode() if isinstance(body, str) else bytes(body)


def portable_headers(message: Message) -> dict[str, Any]:
    """Return the headers that a copy of the message keeps: short texts, whole numbers and truths.

    py-amqp decodes others which it can't encode again, or not so that RabbitMQ accepts them; and
    many or long ones would not fit into the copy's frame with what is added.
    """
    kept = {name: value for name, value in message.headers.items() if _is_portable(name, value)}
    return dict(list(kept.items())[:_MAX_HEADERS])


def _is_portable(name: object, value: object) -> bool:
    if not isinstance(name, str) or len(name) > _MAX_NAME_LENGTH or name in _DELIVERY_HEADERS:
        return False
    if isinstance(value, str):
        return len(value) <= _MAX_TEXT_LENGTH
    return isinstance(value, int) and -(2**31) < value < 2**31
