"""The checkpoint and heartbeat of each relay: one small document, instead of marking messages."""

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
    """All messages up to `committed_offset` are sent. All unsent messages were written at or after
    `scan_from`."""

    relay_id: str
    committed_offset: int
    scan_from: datetime
    pending_count: int = 0
    oldest_pending_at: datetime | None = None


class RelayRegistry:
    """The relays of all processes. Every method may raise DatabaseUnavailable.

    A relay without a heartbeat for `timeout_seconds` is presumed dead, and another process takes
    over its messages. If it is alive after all, they are sent twice; consumers are idempotent.
    """

    def __init__(self, database: Database[dict[str, Any]], timeout_seconds: float) -> None:
        self._relays = database["relays"]
        self._timeout = timedelta(seconds=timeout_seconds)

    def save_checkpoint(self, checkpoint: Checkpoint, *, is_leaving: bool = False) -> None:
        """Store a checkpoint and a heartbeat. With `is_leaving`, unsent messages can be taken over
        at once."""
        if is_leaving and not checkpoint.pending_count:
            self.deregister(checkpoint.relay_id)
            return
        heartbeat_at = _LONG_AGO if is_leaving else now()
        fields = _to_fields(checkpoint) | {"lastHeartbeatAt": heartbeat_at}
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            self._relays.update_one(
                {"_id": checkpoint.relay_id},
                {"$set": fields, "$unset": {"takenOverBy": True}},
                upsert=True,
            )

    def deregister(self, relay_id: str) -> None:
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            self._relays.delete_one({"_id": relay_id})

    def take_over(self, successor: str) -> Checkpoint | None:
        """Take over a relay whose heartbeat timed out, by compare-and-set. Return None if there is
        none or another process was first. While renewed, the relay looks alive to others."""
        stale = {
            "_id": {"$ne": successor},
            "lastHeartbeatAt": {"$lte": now() - self._timeout},
        }
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            found = self._relays.find_one(stale)
            if found is None:
                return None
            unchanged = {"_id": found["_id"], "lastHeartbeatAt": found["lastHeartbeatAt"]}
            taken = {"$set": {"lastHeartbeatAt": now(), "takenOverBy": successor}}
            is_ours = self._relays.update_one(unchanged, taken).matched_count
        return _from_document(found) if is_ours else None

    def renew_takeovers(self, successor: str, relay_ids: Sequence[str]) -> None:
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            ours = {"_id": {"$in": list(relay_ids)}, "takenOverBy": successor}
            self._relays.update_many(ours, {"$set": {"lastHeartbeatAt": now()}})

    def prune(self, successor: str, relay_ids: Sequence[str]) -> None:
        """Delete the relays that we took over, unless they are alive after all."""
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            ours = {"_id": {"$in": list(relay_ids)}, "takenOverBy": successor}
            self._relays.delete_many(ours)

    def count_pending(self) -> tuple[int, float]:
        """Return the number of unsent messages and the age of the oldest in seconds, or 0."""
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            found = list(self._relays.find({"pendingCount": {"$gt": 0}}))
        oldest = [relay["oldestPendingAt"] for relay in found if relay["oldestPendingAt"]]
        ages = [(now() - at).total_seconds() for at in oldest]
        return sum(relay["pendingCount"] for relay in found), max(ages, default=0.0)

    def count_live_and_stale(self) -> tuple[int, int]:
        """Return the number of live relays, and of those presumed dead with unsent messages."""
        fields = {"lastHeartbeatAt": True, "takenOverBy": True}
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            found = list(self._relays.find({}, fields))
        since = now() - self._timeout
        live = sum(
            "takenOverBy" not in relay and relay["lastHeartbeatAt"] > since for relay in found
        )
        return live, len(found) - live


def _to_fields(checkpoint: Checkpoint) -> Document:
    return {
        "committedOffset": checkpoint.committed_offset,
        "scanFrom": checkpoint.scan_from,
        "pendingCount": checkpoint.pending_count,
        "oldestPendingAt": checkpoint.oldest_pending_at,
    }


def _from_document(document: Document) -> Checkpoint:
    return Checkpoint(
        relay_id=document["_id"],
        committed_offset=document["committedOffset"],
        scan_from=document["scanFrom"],
        pending_count=document["pendingCount"],
        oldest_pending_at=document["oldestPendingAt"],
    )
