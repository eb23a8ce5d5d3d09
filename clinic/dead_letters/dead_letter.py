"""A dead letter. Anybody who can publish may have written its headers and its body."""

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

#: Characters of a foreign text that are shown.
EXCERPT_LENGTH = 200
#: Nobody has replayed a dead letter so often.
_MANY = 1_000_000

_ID = re.compile(r"[0-9a-f]{12}")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")


@dataclass(frozen=True)
class DeadLetter:
    """A fetched dead letter. It returns to its queue unless it is replayed or dropped."""

    work: WorkQueue
    message: Message

    @property
    def id(self) -> str:
        """Twelve characters, unique in its queue and the same whenever it is fetched."""
        given = self.message.headers.get(DEAD_LETTER_ID_HEADER)
        if isinstance(given, str) and _ID.fullmatch(given):
            return given
        seen = self.body or unreadable_reason(self.message).encode()
        return hashlib.sha256(seen).hexdigest()[:12]

    @property
    def body(self) -> bytes:
        return raw_body(self.message)

    @property
    def error_code(self) -> str:
        """A code; "delivery_limit" and the like where RabbitMQ itself dead-lettered the message."""
        if unreadable_reason(self.message):
            return "rejected"
        given = self.message.headers.get(ERROR_CODE_HEADER) or self._death.get("reason")
        return given if isinstance(given, str) and _CODE.fullmatch(given) else "unknown"

    @property
    def error_message(self) -> str:
        given = self.message.headers.get(ERROR_MESSAGE_HEADER)
        return _excerpt(unreadable_reason(self.message) or _text(given))

    @property
    def can_be_replayed(self) -> bool:
        """Whether it has all of its body: one that is too large was not read."""
        return bool(self.body or not unreadable_reason(self.message))

    @property
    def dead_lettered_at(self) -> str:
        given = self.message.headers.get(DEAD_LETTERED_AT_HEADER)
        dead_at = self._death.get("time")
        if not given and isinstance(dead_at, datetime):
            return to_wire(dead_at.replace(tzinfo=UTC))
        return _excerpt(_text(given))

    @property
    def _death(self) -> Mapping[str, Any]:
        """What RabbitMQ wrote when it dead-lettered the message; empty where a service did."""
        deaths = self.message.headers.get(DEATHS_HEADER)
        first = deaths[0] if isinstance(deaths, list) and deaths else None
        return first if isinstance(first, dict) else {}

    @property
    def attempt(self) -> str:
        return _excerpt(_text(self.message.headers.get(ATTEMPT_HEADER, 1)))

    @property
    def replay_count(self) -> int:
        times = self.message.headers.get(REPLAY_COUNT_HEADER)
        return times if type(times) is int and 0 <= times < _MANY else 0

    @property
    def booking_id(self) -> str | None:
        """The booking it is about, or None for a message that is not ours."""
        kind = BookingRequested if self.work is BOOKING_REQUESTS else BookingStateChanged
        try:
            return kind.from_body(decode(self.body)).booking_id
        except PoisonMessage:
            return None

    @property
    def excerpt(self) -> str:
        """The beginning of its body, without what can't be seen."""
        return _excerpt(self.body[: 4 * EXCERPT_LENGTH].decode("utf-8", "replace"))

    @property
    def headers_text(self) -> str:
        """Its headers as JSON, if it has any that can be written so; values of other types as
        Python shows them."""
        headers = {str(name): value for name, value in self.message.headers.items()}
        try:
            return json.dumps(headers, default=repr, sort_keys=True)
        except (
            RecursionError,
            TypeError,
            ValueError,
        ):  # tables in tables, or other keys
            return json.dumps({name: _text(value) for name, value in headers.items()})

    def to_dict(self) -> dict[str, str]:
        """As texts: {"id", "queue", "errorCode", "errorMessage", "attempt", "replayCount",
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
    """Cut a foreign text; a character that can't be seen could move what stands around it."""
    seen = "".join(each if each.isprintable() else "�" for each in text[: EXCERPT_LENGTH + 1])
    return seen if len(seen) <= EXCERPT_LENGTH else seen[: EXCERPT_LENGTH - 1] + "…"
