"""Staff sessions that were signed out. A signed cookie stays valid until it expires, so MongoDB
keeps the ended ones until then, for all processes and across restarts."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic.mongo.client import OPERATION_TIMEOUT_SECONDS, database_errors


class EndedSessions:
    """Raises: DatabaseUnavailable from every method."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._ended = database["ended_staff_sessions"]

    def add(self, session_id: str, expires_at: datetime) -> None:
        """End a session; idempotent. MongoDB deletes the record when the cookie expires."""
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            self._ended.create_index(
                [("expiresAt", ASCENDING)], name="expiry", expireAfterSeconds=0
            )
            with suppress(DuplicateKeyError):  # ended twice at the same time
                self._ended.replace_one({"_id": session_id}, {"expiresAt": expires_at}, upsert=True)

    def has(self, session_id: str) -> bool:
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            return self._ended.find_one({"_id": session_id}) is not None
