"""Up to where the notifications of a channel are known to have an outcome."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic.mongo.client import database_errors


class Watermark:
    """One instant, shared by all notifiers of a channel; it only advances.

    Every method may raise DatabaseUnavailable. An advance that was not stored costs another check.
    """

    def __init__(self, database: Database[dict[str, Any]], channel: str) -> None:
        self._marks = database["reconciliations"]
        self._channel = channel
        self._known: datetime | None = None

    def read(self) -> datetime | None:
        with database_errors():
            mark = self._marks.find_one({"_id": self._channel})
        self._known = mark["until"] if mark else None
        return self._known

    def delete(self) -> None:
        with database_errors():
            self._marks.delete_one({"_id": self._channel})
        self._known = None

    def advance(self, until: datetime) -> None:
        if self._known is not None and until <= self._known:
            return
        # Two notifiers may write the first one at once: the next run writes again.
        with database_errors(), suppress(DuplicateKeyError):
            self._marks.update_one({"_id": self._channel}, {"$max": {"until": until}}, upsert=True)
            self._known = until
