"""The simulated availability check: as slow and unreliable as a third-party system."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from clinic.errors import CheckUnavailable


@dataclass(frozen=True, slots=True)
class AvailabilityCheck:
    """Takes `shortest` to `longest` seconds and fails with probability `failure_rate`."""

    shortest: float
    longest: float
    failure_rate: float = 0.0

    def run(self) -> None:
        """Raises: CheckUnavailable."""
        # Under eventlet's patch this yields to the other checks in flight.
        time.sleep(random.uniform(self.shortest, self.longest))
        if random.random() < self.failure_rate:
            raise CheckUnavailable("the availability check gave no answer")
