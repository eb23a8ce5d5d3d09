"""Reads a received message: its body and the headers that a copy may keep."""

from __future__ import annotations

from typing import Any

from kombu.message import Message

from clinic.contracts.messages import decode
from clinic.errors import UnreadableMessage
from clinic.messaging.frame_checks import DEATHS_HEADER, UNREADABLE_HEADER

#: Headers that the broker adds on delivery; meaningless on another message.
_DELIVERY_HEADERS = frozenset(
    {"x-delivery-count", DEATHS_HEADER, "x-first-death-exchange", "x-first-death-queue"}
    | {"x-first-death-reason", "x-last-death-exchange", "x-last-death-queue", "x-last-death-reason"}
)
_REASON_LENGTH = 200
_MAX_NAME_LENGTH = 100
_MAX_TEXT_LENGTH = 500
#: This many headers of maximum length still leave room in a frame for added ones.
_MAX_HEADERS = 40


def decode_message(message: Message) -> dict[str, Any]:
    """Parse the body as a JSON object.

    Raises: UnreadableMessage, PoisonMessage; neither quotes the content.
    """
    if reason := unreadable_reason(message):
        raise UnreadableMessage(reason)
    return decode(raw_body(message))


def unreadable_reason(message: Message) -> str:
    """Return why a message is unreadable; "" for a readable one."""
    return str(message.headers.get(UNREADABLE_HEADER, ""))[:_REASON_LENGTH]


def raw_body(message: Message) -> bytes:
    """Return the undecoded body; its channel must have `auto_decode` off."""
    body = message.body
    return body.encode() if isinstance(body, str) else bytes(body)


def portable_headers(message: Message) -> dict[str, Any]:
    """Return the headers that a copy keeps: short strings, integers and booleans.

    py-amqp decodes other types that it can't encode again, or encodes them so that RabbitMQ
    rejects them. Too many or too long headers would not fit into the copy's frame.
    """
    kept = {name: value for name, value in message.headers.items() if _is_portable(name, value)}
    return dict(list(kept.items())[:_MAX_HEADERS])


def _is_portable(name: object, value: object) -> bool:
    if not isinstance(name, str) or len(name) > _MAX_NAME_LENGTH or name in _DELIVERY_HEADERS:
        return False
    if isinstance(value, str):
        return len(value) <= _MAX_TEXT_LENGTH
    return isinstance(value, int) and -(2**31) < value < 2**31
