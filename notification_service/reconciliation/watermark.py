"""The time up to which all notifications of a channel have an outcome."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic.mongo.client import database_errors


class Watermark:
    """An instant, shared by all notifiers of a channel, that only advances.

    Every method may raise DatabaseUnavailable. If an advance is not stored, the next run repeats
    checks.
    """

    def __init__(self, database: Database[dict[str, Any]], channel: str) -> None:
        self._watermarks = database["reconciliations"]
        self._channel = channel
        self._known: datetime | None = None

    def read(self) -> datetime | None:
        with database_errors():
            stored = self._watermarks.find_one({"_id": self._channel})
        self._known = stored["until"] if stored else None
        return self._known

    def delete(self) -> None:
        with database_errors():
            self._watermarks.delete_one({"_id": self._channel})
        self._known = None

    def advance(self, until: datetime) -> None:
        if self._known is not None and until <= self._known:
            return
        # Two notifiers may insert the first one concurrently: the next run writes again.
        with database_errors(), suppress(DuplicateKeyError):
            advanced = {"$max": {"until": until}}
            self._watermarks.update_one({"_id": self._channel}, advanced, upsert=True)
            self._known = until
