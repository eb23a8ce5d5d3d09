"""Counts invalid keys, tokens and codes per client, in the memory of this process.

Only failures count, and after the check: a valid credential works despite any number of failures
from its address, which may be a shared proxy's. Keys and codes are too long to be guessed over
HTTP; the limit keeps the log short and alerts the operator.
"""

from __future__ import annotations

import math
import time
from typing import Any

from flask import Flask, current_app
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from werkzeug.exceptions import TooManyRequests

from gateway.http.client_address import client_key
from gateway.http.security_log import SecurityEvent, log_security_event
from gateway.limits.breach_log import BreachLog


class FailedAttempts:
    """Limits the failures of each client; a `rate` of None disables it."""

    def __init__(self, rate: str | None) -> None:
        self._limits = parse_many(rate) if rate else []
        self._counts = SlidingWindowCounterRateLimiter(MemoryStorage())

    def count(self, client: str) -> None:
        """Raises: TooManyRequests when the client exceeds the rate."""
        for limit in self._limits:
            if not self._counts.hit(limit, client):
                raise TooManyRequests(retry_after=self._seconds_left(limit, client))

    def _seconds_left(self, limit: RateLimitItem, client: str) -> int:
        free_at = self._counts.get_window_stats(limit, client).reset_time
        return max(1, math.ceil(free_at - time.time()))


def register(app: Flask, rate: str | None) -> None:
    app.config.update(FAILED_ATTEMPTS=FailedAttempts(rate), FAILED_ATTEMPTS_BREACHES=BreachLog())


def count_failed_attempt(event: SecurityEvent, **fields: Any) -> None:
    """Count and log an invalid credential. Raises: TooManyRequests."""
    attempts: FailedAttempts = current_app.config["FAILED_ATTEMPTS"]
    try:
        attempts.count(client_key())
    except TooManyRequests:
        current_app.config["FAILED_ATTEMPTS_BREACHES"].add("failed attempts")
        raise
    log_security_event(event, **fields)
