"""Logs clients that exceed a limit."""

from __future__ import annotations

import threading

from cachetools import TTLCache

from gateway.http.client_address import client_key
from gateway.http.security_log import SecurityEvent, log_security_event

_PERIOD_SECONDS = 60
_CLIENTS = 1024


class BreachLog:
    """Logs each client and limit once a minute, so that requests can't flood the log."""

    def __init__(self) -> None:
        self._logged: TTLCache[tuple[str, str], bool] = TTLCache(_CLIENTS, _PERIOD_SECONDS)
        self._lock = threading.Lock()

    def add(self, limit: str) -> None:
        """Record that the client of this request has exceeded that limit."""
        key = (client_key(), limit)
        with self._lock:
            is_known = key in self._logged
            self._logged.setdefault(key, True)
        if not is_known:
            log_security_event(SecurityEvent.RATE_LIMITED)
