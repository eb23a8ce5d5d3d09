"""Limits that clients reach, in the log."""

from __future__ import annotations

import threading

from cachetools import TTLCache

from gateway.http.client_address import client_key
from gateway.http.security_log import SecurityEvent, log_security_event

_PERIOD_SECONDS = 60
_CLIENTS = 1024


class BreachLog:
    """Logs a client that reaches a limit once a minute: its log must not grow as it asks."""

    def __init__(self) -> None:
        self._logged: TTLCache[tuple[str, str], bool] = TTLCache(_CLIENTS, _PERIOD_SECONDS)
        self._lock = threading.Lock()

    def add(self, limit: str) -> None:
        """Note that the client of this request has reached that limit."""
        who = (client_key(), limit)
        with self._lock:
            is_known = who in self._logged
            self._logged.setdefault(who, True)
        if not is_known:
            log_security_event(SecurityEvent.RATE_LIMITED)
