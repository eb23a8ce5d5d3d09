"""An outgoing message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from kombu.message import Message as Received

from clinic.messaging.received_message import portable_headers, raw_body


@dataclass(frozen=True, slots=True)
class AmqpMessage:
    """A message to publish; `body` is sent unchanged."""

    exchange: str
    routing_key: str
    body: bytes
    headers: Mapping[str, Any] = field(default_factory=dict)
    content_type: str = "application/json"
    content_encoding: str = "utf-8"

    @classmethod
    def copy_of(cls, message: Received, queue: str, headers: Mapping[str, Any]) -> Self:
        """Copy a received message for a queue: the same body, with `headers` added."""
        return cls(
            exchange="",
            routing_key=queue,
            body=raw_body(message),
            headers=portable_headers(message) | dict(headers),
            content_type=message.content_type or "application/octet-stream",
            content_encoding=message.content_encoding or "binary",
        )

    def without_headers(self, names: Sequence[str]) -> Self:
        kept = {name: value for name, value in self.headers.items() if name not in names}
        return replace(self, headers=kept)
