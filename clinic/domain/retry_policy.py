"""How many attempts a message gets, and the delays between them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clinic.errors import PoisonMessage

#: The number of this attempt. Counted here, because RabbitMQ 4 no longer counts `x-death` on
#: republished messages. Absent on the first attempt.
ATTEMPT_HEADER = "x-attempt"
#: How often the message was replayed from the dead-letter queue.
REPLAY_COUNT_HEADER = "x-replay-count"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`max_attempts` in total; the delay starts at `ttl_seconds` and doubles each time."""

    max_attempts: int
    ttl_seconds: int

    def delay_seconds(self, attempt: int) -> int:
        """Return the delay after the failed attempt number `attempt`, counted from 1."""
        return int(self.ttl_seconds * 2 ** (attempt - 1))

    @property
    def delays_seconds(self) -> list[int]:
        """List all delays; at least one, because transient errors are delayed too."""
        return [self.delay_seconds(attempt) for attempt in range(1, max(self.max_attempts, 2))]

    def attempt(self, headers: Mapping[str, Any]) -> int:
        """Return the number of this attempt. Raises: PoisonMessage for an invalid header."""
        attempt = headers.get(ATTEMPT_HEADER, 1)
        if type(attempt) is not int or attempt < 1:
            raise PoisonMessage(f"{ATTEMPT_HEADER} is not a positive integer")
        return attempt
