"""Notices a consumer that its broker has forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Between two looks at the queue; the second one that finds messages waiting decides.
LOOK_SECONDS = 10.0
#: A silence after which the consumer begins anew, whatever the queue looks like.
RENEW_SECONDS = 600.0


class ConsumerWatchdog:
    """Nothing is in hand and nothing comes, though messages wait; or nothing comes for long.

    RabbitMQ 3.10 does that to the consumers of a quorum queue which is deleted and at once declared
    again: it takes them over, counts messages as delivered to them, and delivers none.
    """

    def __init__(self, look_seconds: float | None = None, renew_seconds: float | None = None):
        self._look_seconds = LOOK_SECONDS if look_seconds is None else look_seconds
        self._renew_seconds = RENEW_SECONDS if renew_seconds is None else renew_seconds
        self.begin()

    def begin(self) -> None:
        """Note that a message has come, or that the consumer is new."""
        self._since = self._looked = time.monotonic()
        self._is_suspected = False

    def is_certain(self, is_idle: bool, count_waiting: Callable[[], int]) -> bool:
        """Say whether to begin anew. `count_waiting` is asked of the broker once in a while."""
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
