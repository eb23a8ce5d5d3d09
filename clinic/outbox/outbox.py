"""The transactional outbox: each message is stored in the document of its booking."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from pymongo.database import Database

from clinic.domain.booking import Status
from clinic.domain.clock import now
from clinic.errors import (
    ClaimTaken,
    ConcurrentModification,
    IdempotencyKeyUsed,
    TooManyOpenBookings,
)
from clinic.mongo.client import (
    OPERATION_TIMEOUT_SECONDS,
    SCAN_TIMEOUT_SECONDS,
    Document,
    database_errors,
)
from clinic.outbox.outbox_message import OutboxMessage
from clinic.outbox.pending_messages import PendingMessages
from clinic.outbox.relay_registry import Checkpoint, RelayRegistry

#: Matches bookings with events; a new booking has only its request.
HAS_TRANSITIONS: Document = {"version": {"$gt": 1}}
#: Clocks differ, and a transition has the time of its decision but is stored later.
_CLOCK_SKEW_ALLOWANCE = timedelta(seconds=60)


class Outbox:
    """Writes and reads the outbox messages of bookings, for one process.

    Each message has the id of the relay that sends it and a sequence number of that relay. Sent
    messages are not marked: the relay stores one checkpoint. Events stay as a record. A decision
    removes its request; until then the request is republished after `republish_seconds`, in case
    the broker has lost it.
    """

    def __init__(
        self,
        database: Database[dict[str, Any]],
        heartbeat_timeout_seconds: float = 10,
        republish_seconds: float = 600,
        limit: int = 20_000,
    ) -> None:
        self._bookings = database["bookings"]
        self._republish_after = timedelta(seconds=republish_seconds)
        self._is_registered = False
        self.relay_id = secrets.token_hex(8)
        self.relays = RelayRegistry(database, heartbeat_timeout_seconds)
        self.pending = PendingMessages(limit, heartbeat_timeout_seconds)

    @contextmanager
    def writing(self, message: OutboxMessage) -> Iterator[Document]:
        """Yield the message's document, which the caller stores within the block.

        Raises: DatabaseUnavailable.
        """
        if not self._is_registered:
            self.save_checkpoint()  # so that recovery finds our messages if we die
        number = self.pending.register(message)
        try:
            yield message.to_document(self.relay_id, number)
            self.pending.mark_stored(number)
        except (IdempotencyKeyUsed, ClaimTaken, ConcurrentModification, TooManyOpenBookings):
            self.pending.discard([number])
            raise
        except BaseException:
            self.pending.mark_in_doubt(number)
            raise

    def save_checkpoint(self, *, is_leaving: bool = False) -> None:
        """Store the checkpoint of this process's relay. Raises: DatabaseUnavailable."""
        self.relays.save_checkpoint(self._checkpoint(), is_leaving=is_leaving)
        self._is_registered = not is_leaving  # a later write registers it again

    def resolve_in_doubt(self) -> None:
        """Look up writes whose outcome is unknown. Raises: DatabaseUnavailable."""
        in_doubt = self.pending.take_in_doubt()
        try:
            stored = self._find_stored(in_doubt) if in_doubt else set()
            self.pending.record_missing(sorted(in_doubt.keys() - stored))
            for number in sorted(stored):
                self.pending.mark_stored(number)
        except BaseException:
            for number in in_doubt:
                self.pending.mark_in_doubt(number)
            raise

    def claim_overdue(self, limit: int) -> list[OutboxMessage]:
        """Claim undecided requests published more than `republish_seconds` ago, so that only this
        process republishes them.

        Raises: DatabaseUnavailable.
        """
        long_ago = {"$lte": now() - self._republish_after}
        # An index covers the first two.
        overdue = {
            "status": Status.PENDING.value,
            "createdAt": long_ago,
            "lastRequestedAt": long_ago,
        }
        claim = secrets.token_hex(8)
        with database_errors(SCAN_TIMEOUT_SECONDS):
            found = self._bookings.find(overdue, {"_id": True}).limit(limit)
            ids = [booking["_id"] for booking in found]
            if not ids:
                return []
            fields = {"lastRequestedAt": now(), "claim": claim}
            self._bookings.update_many({"_id": {"$in": ids}, **overdue}, {"$set": fields})
            claimed = {"_id": {"$in": ids}, "claim": claim}
            return [
                OutboxMessage.of_document(booking["_id"], message)
                for booking in self._bookings.find(claimed, {"outbox": True})
                for message in booking["outbox"]
            ]

    def count_overdue(self, limit: int) -> int:
        """Count the bookings undecided for more than `republish_seconds`, up to `limit`.

        Raises: DatabaseUnavailable.
        """
        overdue = {
            "status": Status.PENDING.value,
            "createdAt": {"$lte": now() - self._republish_after},
        }
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            return len(list(self._bookings.find(overdue, {"_id": True}).limit(limit)))

    def find_unsent(self, relay: Checkpoint) -> list[OutboxMessage]:
        """Find the messages that a relay has not sent. Raises: DatabaseUnavailable."""
        with database_errors(SCAN_TIMEOUT_SECONDS):
            found = list(self._scan(relay))
        unsent: dict[int, OutboxMessage] = {}
        for booking in found:
            for stored in booking["outbox"]:
                if stored["relay"] == relay.relay_id and stored["number"] > relay.committed_offset:
                    message = OutboxMessage.of_document(booking["_id"], stored)
                    unsent.setdefault(stored["number"], message)
        return list(unsent.values())

    def _scan(self, relay: Checkpoint) -> Iterator[Document]:
        """Yield the bookings with an unsent message: first the requests, then the events."""
        since = {"$gte": relay.scan_from}
        is_unsent = {"relay": relay.relay_id, "number": {"$gt": relay.committed_offset}}
        has_unsent = {"outbox": {"$elemMatch": is_unsent}}
        requests = {"createdAt": since, **has_unsent}
        yield from self._bookings.find(requests, {"outbox": True}).sort("createdAt", 1)
        events = {"updatedAt": since, **HAS_TRANSITIONS, **has_unsent}
        yield from self._bookings.find(events, {"outbox": True}).sort("updatedAt", 1)

    def _find_stored(self, messages: dict[int, OutboxMessage]) -> set[int]:
        """Return the sequence numbers of the stored messages."""
        ids = list({message.booking_id for message in messages.values()})
        with database_errors():
            found = list(self._bookings.find({"_id": {"$in": ids}}, {"outbox": True}))
        stored = [message for booking in found for message in booking["outbox"]]
        ours = {message["number"] for message in stored if message["relay"] == self.relay_id}
        return ours & messages.keys()

    def _checkpoint(self) -> Checkpoint:
        committed_offset = self.pending.committed_offset()
        oldest_at = self.pending.oldest_pending_at()
        scan_from = (oldest_at or now()) - _CLOCK_SKEW_ALLOWANCE
        return Checkpoint(self.relay_id, committed_offset, scan_from, len(self.pending), oldest_at)
