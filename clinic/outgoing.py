"""A message on its way to the broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from kombu.message import Message as Received

#: Headers that the broker writes on delivery, and that mean nothing on another message.
_OF_ONE_DELIVERY = frozenset(
    {"x-delivery-count", "x-death", "x-first-death-exchange", "x-first-death-queue"}
    | {"compression"}  # kombu has unpacked it
    | {"x-first-death-reason", "x-last-death-exchange", "x-last-death-queue", "x-last-death-reason"}
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish; `body` is sent as it is."""

    exchange: str
    routing_key: str
    body: bytes
    headers: Mapping[str, Any] = field(default_factory=dict)
    content_type: str = "application/json"
    content_encoding: str = "utf-8"

    @classmethod
    def copy_of(cls, message: Received, queue: str, headers: Mapping[str, Any]) -> Self:
        """Copy a received message as it came, for a queue, with headers added."""
        kept = {
            name: value for name, value in message.headers.items() if name not in _OF_ONE_DELIVERY
        }
        return cls(
            exchange="",
            routing_key=queue,
            body=original_bytes(message),
            headers=kept | dict(headers),
            content_type=message.content_type or "application/octet-stream",
            content_encoding=message.content_encoding or "binary",
        )

    def without_headers(self, names: Sequence[str]) -> Self:
        kept = {name: value for name, value in self.headers.items() if name not in names}
        return replace(self, headers=kept)


def original_bytes(message: Received) -> bytes:
    """Return the body as it travelled; its channel must have `auto_decode` off."""
    body = message.body
    return body.encode() if isinstance(body, str) else bytes(body)
