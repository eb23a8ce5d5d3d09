"""How far each relay has come: one small document for each, instead of a mark on each message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.database import Database

from clinic.domain.clock import now
from clinic.mongo.client import OPERATION_TIMEOUT_SECONDS, Document, database_errors

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All entries up to `sent_through` are sent. What is not was written after `since`."""

    relay_id: str
    sent_through: int
    since: datetime
    waiting: int = 0
    oldest_at: datetime | None = None


class RelayRegistry:
    """The relays of all processes. Every method may raise DatabaseUnavailable.

    Who has not been heard of for `silence_seconds` has died, and another inherits what it had to
    send. Should it live after all, messages are sent twice, which consumers bear.
    """

    def __init__(self, database: Database[dict[str, Any]], silence_seconds: float) -> None:
        self._relays = database["relays"]
        self._silence = timedelta(seconds=silence_seconds)

    def note(self, progress: Checkpoint, *, is_leaving: bool = False) -> None:
        """Write down how far a relay is, and that it lives. What one that leaves has not sent is
        there to be inherited at once."""
        if is_leaving and not progress.waiting:
            self.forget(progress.relay_id)
            return
        alive_at = _LONG_AGO if is_leaving else now()
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            self._relays.update_one(
                {"_id": progress.relay_id},
                {"$set": _layout(progress) | {"aliveAt": alive_at}, "$unset": {"heir": True}},
                upsert=True,
            )

    def forget(self, relay_id: str) -> None:
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            self._relays.delete_one({"_id": relay_id})

    def inherit(self, heir: str) -> Checkpoint | None:
        """Take over from one that has fallen silent; None when there is none, or another was
        quicker. It stays silent for the others as long as it is kept."""
        silent = {"_id": {"$ne": heir}, "aliveAt": {"$lte": now() - self._silence}}
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            found = self._relays.find_one(silent)
            if found is None:
                return None
            unchanged = {"_id": found["_id"], "aliveAt": found["aliveAt"]}
            taken = {"$set": {"aliveAt": now(), "heir": heir}}
            is_mine = self._relays.update_one(unchanged, taken).matched_count
        return _progress(found) if is_mine else None

    def keep(self, heir: str, relay_ids: Sequence[str]) -> None:
        """Go on being the heir of these."""
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            mine = {"_id": {"$in": list(relay_ids)}, "heir": heir}
            self._relays.update_many(mine, {"$set": {"aliveAt": now()}})

    def bury(self, heir: str, relay_ids: Sequence[str]) -> None:
        """Forget those whose messages are sent, unless they live after all."""
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            self._relays.delete_many({"_id": {"$in": list(relay_ids)}, "heir": heir})

    def waiting(self) -> tuple[int, float]:
        """Count what is not sent, and say how many seconds the oldest has waited; 0 for nothing."""
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            found = list(self._relays.find({"waiting": {"$gt": 0}}))
        ages = [(now() - each["oldestAt"]).total_seconds() for each in found if each["oldestAt"]]
        return sum(each["waiting"] for each in found), max(ages, default=0.0)

    def signs(self) -> tuple[int, int]:
        """Count the relays that give signs of life, and those that have died and left something."""
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            found = list(self._relays.find({}, {"aliveAt": True, "heir": True}))
        since = now() - self._silence
        alive = sum("heir" not in each and each["aliveAt"] > since for each in found)
        return alive, len(found) - alive


def _layout(progress: Checkpoint) -> Document:
    return {
        "sentThrough": progress.sent_through,
        "since": progress.since,
        "waiting": progress.waiting,
        "oldestAt": progress.oldest_at,
    }


def _progress(document: Document) -> Checkpoint:
    return Checkpoint(
        relay_id=document["_id"],
        sent_through=document["sentThrough"],
        since=document["since"],
        waiting=document["waiting"],
        oldest_at=document["oldestAt"],
    )
