"""A dead letter. Its headers and body are untrusted: anyone who can publish may write them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kombu.message import Message

from clinic.contracts.messages import BookingRequested, BookingStateChanged, decode
from clinic.domain.clock import to_wire
from clinic.domain.retry_policy import ATTEMPT_HEADER, REPLAY_COUNT_HEADER
from clinic.errors import PoisonMessage
from clinic.messaging.frame_checks import DEATHS_HEADER
from clinic.messaging.headers import (
    DEAD_LETTER_ID_HEADER,
    DEAD_LETTERED_AT_HEADER,
    ERROR_CODE_HEADER,
    ERROR_MESSAGE_HEADER,
)
from clinic.messaging.received_message import raw_body, unreadable_reason
from clinic.messaging.topology import BOOKING_REQUESTS, WorkQueue

#: Maximum number of characters shown of untrusted text.
EXCERPT_LENGTH = 200
#: A higher replay count is not plausible.
_MAX_REPLAYS = 1_000_000

_ID = re.compile(r"[0-9a-f]{12}")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")


@dataclass(frozen=True)
class DeadLetter:
    """A fetched dead letter. It returns to its queue unless it is replayed or dropped."""

    work: WorkQueue
    message: Message

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits, unique in its queue and stable between fetches."""
        value = self.message.headers.get(DEAD_LETTER_ID_HEADER)
        if isinstance(value, str) and _ID.fullmatch(value):
            return value
        content = self.body or unreadable_reason(self.message).encode()
        return hashlib.sha256(content).hexdigest()[:12]

    @property
    def body(self) -> bytes:
        return raw_body(self.message)

    @property
    def error_code(self) -> str:
        """An error code, or RabbitMQ's reason, such as "delivery_limit", if it dead-lettered it."""
        if unreadable_reason(self.message):
            return "rejected"
        value = self.message.headers.get(ERROR_CODE_HEADER) or self._death.get("reason")
        return value if isinstance(value, str) and _CODE.fullmatch(value) else "unknown"

    @property
    def error_message(self) -> str:
        value = self.message.headers.get(ERROR_MESSAGE_HEADER)
        return _excerpt(unreadable_reason(self.message) or _text(value))

    @property
    def can_be_replayed(self) -> bool:
        """False if its body was too large to be read."""
        return bool(self.body or not unreadable_reason(self.message))

    @property
    def dead_lettered_at(self) -> str:
        value = self.message.headers.get(DEAD_LETTERED_AT_HEADER)
        dead_at = self._death.get("time")
        if not value and isinstance(dead_at, datetime):
            return to_wire(dead_at.replace(tzinfo=UTC))
        return _excerpt(_text(value))

    @property
    def _death(self) -> Mapping[str, Any]:
        """RabbitMQ's record of dead-lettering; empty if a service dead-lettered the message."""
        deaths = self.message.headers.get(DEATHS_HEADER)
        first = deaths[0] if isinstance(deaths, list) and deaths else None
        return first if isinstance(first, dict) else {}

    @property
    def attempt(self) -> str:
        return _excerpt(_text(self.message.headers.get(ATTEMPT_HEADER, 1)))

    @property
    def replay_count(self) -> int:
        count = self.message.headers.get(REPLAY_COUNT_HEADER)
        return count if type(count) is int and 0 <= count < _MAX_REPLAYS else 0

    @property
    def booking_id(self) -> str | None:
        """The id of its booking, or None if the body is invalid."""
        kind = BookingRequested if self.work is BOOKING_REQUESTS else BookingStateChanged
        try:
            return kind.from_body(decode(self.body)).booking_id
        except PoisonMessage:
            return None

    @property
    def excerpt(self) -> str:
        """The start of its body, with unprintable characters replaced."""
        return _excerpt(self.body[: 4 * EXCERPT_LENGTH].decode("utf-8", "replace"))

    @property
    def headers_text(self) -> str:
        """Its headers as JSON; values of other types as their Python `repr`."""
        headers = {str(name): value for name, value in self.message.headers.items()}
        try:
            return json.dumps(headers, default=repr, sort_keys=True)
        except (
            RecursionError,
            TypeError,
            ValueError,
        ):  # nested tables, or unsortable keys
            return json.dumps({name: _text(value) for name, value in headers.items()})

    def to_dict(self) -> dict[str, str]:
        """Return strings: {"id", "queue", "errorCode", "errorMessage", "attempt", "replayCount",
        "deadLetteredAt"}."""
        fields = {
            "id": self.id,
            "queue": self.work.dead_letter,
            "errorCode": self.error_code,
            "errorMessage": self.error_message,
            "attempt": self.attempt,
            "replayCount": self.replay_count,
            "deadLetteredAt": self.dead_lettered_at,
        }
        return {name: str(value) for name, value in fields.items()}


def _text(value: object) -> str:
    try:
        return "" if value is None else str(value)
    except RecursionError:
        return "…"


def _excerpt(text: str) -> str:
    """Truncate untrusted text; an unprintable character could garble the text around it."""
    shown = "".join(char if char.isprintable() else "�" for char in text[: EXCERPT_LENGTH + 1])
    return shown if len(shown) <= EXCERPT_LENGTH else shown[: EXCERPT_LENGTH - 1] + "…"
