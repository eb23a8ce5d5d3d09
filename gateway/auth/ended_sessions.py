"""The staff's sessions that were ended before their time. A signed cookie stays good until its end,
so what was signed out is remembered until then, for all processes and across restarts."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic.mongo.client import OPERATION_TIMEOUT_SECONDS, database_errors


class EndedSessions:
    """Every method may raise DatabaseUnavailable."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._ended = database["ended_staff_sessions"]

    def add(self, session_id: str, expires_at: datetime) -> None:
        """End a session; again changes nothing. MongoDB drops it when its cookie has expired."""
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            self._ended.create_index(
                [("expiresAt", ASCENDING)], name="expiry", expireAfterSeconds=0
            )
            with suppress(DuplicateKeyError):  # ended twice at once
                self._ended.replace_one({"_id": session_id}, {"expiresAt": expires_at}, upsert=True)

    def has(self, session_id: str) -> bool:
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            return self._ended.find_one({"_id": session_id}) is not None
