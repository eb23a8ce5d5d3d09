"""How often a message is tried and how long it waits in between. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clinic.errors import PoisonMessage

#: The number of this run, counted by us: RabbitMQ 4 no longer counts `x-death` on republished
#: messages. Absent on a message that has not been tried yet.
ATTEMPT_HEADER = "x-attempt"
#: How often a person has sent the message round again after it was given up.
REPLAY_COUNT_HEADER = "x-replay-count"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`max_attempts` runs in all; `ttl_seconds` before the second, doubling before each next."""

    max_attempts: int
    ttl_seconds: int

    def delay_seconds(self, attempt: int) -> int:
        """Say how long to wait after the failed run number `attempt`, counted from 1."""
        return int(self.ttl_seconds * 2 ** (attempt - 1))

    @property
    def delays_seconds(self) -> list[int]:
        """List every delay this policy uses; at least one, since infrastructure faults wait too."""
        return [self.delay_seconds(attempt) for attempt in range(1, max(self.max_attempts, 2))]

    def attempt(self, headers: Mapping[str, Any]) -> int:
        """Read the number of this run. Raises: PoisonMessage when the header was tampered with."""
        attempt = headers.get(ATTEMPT_HEADER, 1)
        if type(attempt) is not int or attempt < 1:
            raise PoisonMessage(f"{ATTEMPT_HEADER} is not a positive integer")
        return attempt
