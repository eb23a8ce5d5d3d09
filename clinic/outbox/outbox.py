"""Messages that a booking has to send, kept inside its document, where they can't get lost."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain
from typing import Any

from pymongo.database import Database

from clinic.concurrency.fibers import aside
from clinic.domain.booking import Status
from clinic.domain.clock import now
from clinic.errors import ConcurrentModification, IdempotencyKeyUsed, SeatTaken, TooManyOpenBookings
from clinic.mongo.client import (
    OPERATION_TIMEOUT_SECONDS,
    SCAN_TIMEOUT_SECONDS,
    Document,
    database_errors,
)
from clinic.outbox.outbox_message import OutboxMessage
from clinic.outbox.pending_messages import PendingMessages
from clinic.outbox.relay_registry import Checkpoint, RelayRegistry

#: Bookings that have taken a step; the others have nobody told of anything.
HAS_TRANSITIONS: Document = {"version": {"$gt": 1}}
#: A step carries the time at which it was decided on, and is written some moments later.
_CLOCK_SKEW_ALLOWANCE = timedelta(seconds=60)


class Outbox:
    """The entries of all bookings, as one process writes and reads them.

    Each names the relay that is to send it, and its number there. That one was sent is written
    nowhere: the relay notes how far it is. Events stay; a request goes with the decision, and is
    sent again after `resend_seconds`, should the broker have lost it.
    """

    def __init__(
        self,
        database: Database[dict[str, Any]],
        grace_seconds: float = 10,
        resend_seconds: float = 600,
        limit: int = 20_000,
    ) -> None:
        self._bookings = database["bookings"]
        self._resend = timedelta(seconds=resend_seconds)
        self._is_noted = False
        self.relay_id = secrets.token_hex(8)
        self.relays = RelayRegistry(database, grace_seconds)
        self.backlog = PendingMessages(limit, grace_seconds)

    @contextmanager
    def writing(self, entry: OutboxMessage) -> Iterator[Document]:
        """Yield the entry as the document that is to be stored within the block.

        Raises: DatabaseUnavailable.
        """
        if not self._is_noted:
            aside(self.note)  # so that an heir finds what we write, should we die
        number = self.backlog.begin(entry)
        try:
            yield entry.to_document(self.relay_id, number)
            self.backlog.ready(number)
        except (IdempotencyKeyUsed, SeatTaken, ConcurrentModification, TooManyOpenBookings):
            self.backlog.settle([number])
            raise
        except BaseException:
            self.backlog.doubt(number)
            raise

    def note(self, *, is_leaving: bool = False) -> None:
        """Write down how far the relay of this process is. Raises: DatabaseUnavailable."""
        self.relays.note(self._progress(), is_leaving=is_leaving)
        self._is_noted = not is_leaving  # whatever is written all the same is noted anew

    def clear_doubts(self) -> None:
        """Find out what was stored of that of which nobody knows. Raises: DatabaseUnavailable."""
        doubtful = self.backlog.take_doubtful()
        try:
            stored = self._numbers(doubtful) if doubtful else set()
            self.backlog.miss(sorted(doubtful.keys() - stored))
            for number in sorted(stored):
                self.backlog.ready(number)
        except BaseException:
            for number in doubtful:
                self.backlog.doubt(number)
            raise

    def claim_overdue(self, limit: int) -> list[OutboxMessage]:
        """Take requests that were sent long ago, so that no other sweep sends them again too.

        Raises: DatabaseUnavailable.
        """
        long_ago = {"$lte": now() - self._resend}
        # There is an index on the former two.
        overdue = {"status": Status.PENDING.value, "createdAt": long_ago, "askedAt": long_ago}
        claim = secrets.token_hex(8)
        with database_errors(SCAN_TIMEOUT_SECONDS):
            ids = [each["_id"] for each in self._bookings.find(overdue, {"_id": True}).limit(limit)]
            if not ids:
                return []
            marks = {"askedAt": now(), "claim": claim}
            self._bookings.update_many({"_id": {"$in": ids}, **overdue}, {"$set": marks})
            mine = {"_id": {"$in": ids}, "claim": claim}
            return [
                OutboxMessage.of_document(found["_id"], entry)
                for found in self._bookings.find(mine, {"outbox": True})
                for entry in found["outbox"]
            ]

    def count_overdue(self, limit: int) -> int:
        """Count the bookings that are not decided so long after they were made, up to `limit`.

        Raises: DatabaseUnavailable.
        """
        overdue = {
            "status": Status.PENDING.value,
            "createdAt": {"$lte": now() - self._resend},
        }
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            return len(list(self._bookings.find(overdue, {"_id": True}).limit(limit)))

    def left_by(self, dead: Checkpoint) -> list[OutboxMessage]:
        """Find what a relay has left unsent. Raises: DatabaseUnavailable."""
        with database_errors(SCAN_TIMEOUT_SECONDS):
            return list(self._find_left(dead))

    def _find_left(self, dead: Checkpoint) -> Iterator[OutboxMessage]:
        since = {"$gte": dead.since}
        unsent = {"relay": dead.relay_id, "number": {"$gt": dead.sent_through}}
        left = {"outbox": {"$elemMatch": unsent}}
        seen = set()
        requests = self._bookings.find({"createdAt": since, **left}, {"outbox": True})
        events = self._bookings.find(
            {"updatedAt": since, **HAS_TRANSITIONS, **left}, {"outbox": True}
        )
        for found in chain(requests.sort("createdAt", 1), events.sort("updatedAt", 1)):
            for entry in found["outbox"]:
                number = entry["number"] if entry["relay"] == dead.relay_id else 0
                if number > dead.sent_through and number not in seen:
                    seen.add(number)
                    yield OutboxMessage.of_document(found["_id"], entry)

    def _numbers(self, entries: dict[int, OutboxMessage]) -> set[int]:
        """Look which of these are stored."""
        ids = list({entry.booking_id for entry in entries.values()})
        with database_errors():
            found = list(self._bookings.find({"_id": {"$in": ids}}, {"outbox": True}))
        mine = [each for booking in found for each in booking["outbox"]]
        return {each["number"] for each in mine if each["relay"] == self.relay_id} & entries.keys()

    def _progress(self) -> Checkpoint:
        sent_through = self.backlog.sent_through()
        oldest_at = self.backlog.oldest_at()
        since = (oldest_at or now()) - _CLOCK_SKEW_ALLOWANCE
        return Checkpoint(self.relay_id, sent_through, since, len(self.backlog), oldest_at)
