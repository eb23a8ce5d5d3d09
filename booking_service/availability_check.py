"""The simulated check of availability, as slow and as unreliable as a foreign system would be."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from clinic.errors import CheckUnavailable


@dataclass(frozen=True, slots=True)
class AvailabilityCheck:
    """Takes between `shortest` and `longest` seconds; fails at `failure_rate`, from 0 to 1."""

    shortest: float
    longest: float
    failure_rate: float = 0.0

    def run(self) -> None:
        """Raises: CheckUnavailable."""
        # Under eventlet's patch this yields to the other checks in flight.
        time.sleep(random.uniform(self.shortest, self.longest))
        if random.random() < self.failure_rate:
            raise CheckUnavailable("the availability check gave no answer")
