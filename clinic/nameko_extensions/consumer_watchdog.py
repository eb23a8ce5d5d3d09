"""Detects a consumer to which the broker no longer delivers."""

from __future__ import annotations

import time
from collections.abc import Callable

#: The interval between queue checks; two in a row with waiting messages trigger a reconnect.
LOOK_SECONDS = 10.0
#: Without deliveries for this long the consumer reconnects, whatever the queue contains.
RENEW_SECONDS = 600.0


class ConsumerWatchdog:
    """Triggers when an idle consumer receives nothing although messages wait, or for too long.

    If a quorum queue is deleted and declared again at once, RabbitMQ 3.10 keeps its consumers,
    counts messages as delivered to them, and delivers none.
    """

    def __init__(self, look_seconds: float | None = None, renew_seconds: float | None = None):
        self._look_seconds = LOOK_SECONDS if look_seconds is None else look_seconds
        self._renew_seconds = RENEW_SECONDS if renew_seconds is None else renew_seconds
        self.begin()

    def begin(self) -> None:
        """Reset after a delivery or for a new consumer."""
        self._since = self._looked = time.monotonic()
        self._is_suspected = False

    def is_certain(self, is_idle: bool, count_waiting: Callable[[], int]) -> bool:
        """Return whether to reconnect. Calls `count_waiting`, a broker request, occasionally."""
        now = time.monotonic()
        if not is_idle:
            self.begin()
            return False
        if now - self._since >= self._renew_seconds:
            return True
        if now - self._looked < self._look_seconds:
            return False
        self._looked = now
        was_suspected, self._is_suspected = self._is_suspected, count_waiting() > 0
        return was_suspected and self._is_suspected
