"""The delivery log: one record per event and channel, which prevents duplicate notifications."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError

from clinic.concurrency.batching import Batcher
from clinic.contracts.messages import BookingStateChanged
from clinic.domain.clock import now
from clinic.errors import DatabaseUnavailable, LeaseHeld
from clinic.mongo.batch_insert import BatchInserter
from clinic.mongo.client import database_errors
from clinic.observability.metrics import NOTIFICATIONS, POSSIBLE_DUPLICATES
from notification_service.email.email_quota import EmailQuota

logger = logging.getLogger(__name__)


class ChannelName(StrEnum):
    EMAIL = "email"
    REMINDER = "reminder"  #: sent by e-mail, but with its own records
    WEBHOOK = "webhook"


class State(StrEnum):
    SENDING = "sending"  #: under a lease
    POSTPONED = "postponed"  #: not sent, free for the next attempt
    SENT = "sent"
    FAILED = "failed"  #: dead-lettered; sent again only by a replay or resend
    SUPERSEDED = "superseded"  #: a later event of the booking was sent first
    NO_ADDRESS = "no_address"  #: the patient has no e-mail address
    SUPPRESSED = "suppressed"  #: over the quota of its address; sent only by a resend


_OPEN_STATES = (State.SENDING.value, State.POSTPONED.value)
_DUPLICATE_KEY = 11000
#: An event that is lost more often probably crashes its notifiers; RabbitMQ dead-letters it.
MAX_REPUBLISHES = 3
#: Attempts of `record_outcome_with_retry`.
MAX_OUTCOME_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """The state of a notification."""

    state: State
    lease_until: datetime
    ambiguous: int = 0  #: attempts that may have sent a duplicate

    @property
    def is_final(self) -> bool:
        return self.state not in _OPEN_STATES

    def is_stale(self, idle_since: datetime) -> bool:
        """Return whether it has no outcome and its lease expired by `idle_since`."""
        return not self.is_final and self.lease_until <= idle_since


#: Attempts and resends. The latter fences off a slow sender after a manual resend.
FencingToken = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send. `tries` counts the claims; only the latest may record an outcome.

    `resends` counts the manual resends, `resent_at` is the time of the last.
    """

    event: BookingStateChanged
    tries: int
    resends: int = 0
    resent_at: datetime | None = None

    @property
    def wanted_since(self) -> datetime:
        return self.resent_at or self.event.occurred_at

    @property
    def fence(self) -> FencingToken:
        return self.tries, self.resends


@dataclass(frozen=True, slots=True)
class _OutcomeUpdate:
    """The outcome to record under `key`, if the record still has the fencing token."""

    key: str
    fence: FencingToken
    state: State


class DeliveryLog:
    """The deliveries of one channel. Every method may raise DatabaseUnavailable.

    `lease_seconds` exceeds the longest send. After a crash during a send, the next attempt waits
    that long.
    """

    def __init__(
        self,
        database: Database[dict[str, Any]],
        channel: str,
        lease_seconds: float,
        quota: EmailQuota | None = None,
    ) -> None:
        self._rows = database["notifications"]
        self._inserts = BatchInserter(self._rows)
        self._outcomes: Batcher[_OutcomeUpdate, None] = Batcher(self._record_outcomes)
        self._quota = quota
        self.channel = channel
        self._lease = timedelta(seconds=lease_seconds)

    def claim(
        self, event: BookingStateChanged, *, is_replay: bool = False, limited: str | None = None
    ) -> Claim | None:
        """Claim the right to send; return None if the event has an outcome. Raises: LeaseHeld.

        With `is_replay`, a failed notification is claimed again. `limited` is the hash of the
        address whose quota it uses; if the quota is used up, it is suppressed.
        """
        with database_errors():
            try:
                may_be_sent = self._insert(event, limited)
            except DuplicateKeyError:
                return self._claim_again(event, is_replay)
        claim = Claim(event, tries=1)
        if may_be_sent:
            return claim
        self.record_outcome(claim, State.SUPPRESSED)
        logger.warning("e-mail suppressed", extra={"event_id": event.event_id})
        return None

    def is_superseded(self, event: BookingStateChanged, present: int) -> bool:
        """Return whether a later event, up to the booking's version `present`, has been sent.

        Keys derived from versions need no index by booking, which would slow down each claim.
        Raises: LeaseHeld while another event is being sent, so that e-mails arrive in order.
        """
        versions = [version for version in range(2, present + 1) if version != event.version]
        keys = [key_of(event.booking_id, version, self.channel) for version in versions]
        fields = {"state": True, "wasSent": True, "leaseUntil": True}
        with database_errors():
            rows = list(self._rows.find({"_id": {"$in": keys}}, fields))
        # During a resend an event still counts as sent.
        sent = {row["_id"] for row in rows if row["state"] == State.SENT or row.get("wasSent")}
        if sent.intersection(keys[max(event.version - 2, 0) :]):
            return True
        at = now()
        if any(row["state"] == State.SENDING and row["leaseUntil"] > at for row in rows):
            raise LeaseHeld("another event of this booking is being sent")
        return False

    def record_outcome(self, claim: Claim, state: State) -> None:
        """Record the outcome of a claim, unless it has been claimed again since.

        A postponed claim may still fail.
        """
        self._outcomes.submit(_OutcomeUpdate(self._key(claim.event), claim.fence, state))

    def record_outcome_with_retry(self, claim: Claim, state: State) -> None:
        """Record an outcome, with retries: an e-mail without a recorded outcome is sent twice."""
        for attempt in range(1, MAX_OUTCOME_ATTEMPTS + 1):
            try:
                return self.record_outcome(claim, state)
            except DatabaseUnavailable:
                if attempt == MAX_OUTCOME_ATTEMPTS:
                    raise
                time.sleep(attempt)
        return None

    def find_records(self, events: Sequence[BookingStateChanged]) -> dict[str, DeliveryRecord]:
        """Return the existing records of these events, by event id."""
        by_key = {self._key(event): event.event_id for event in events}
        fields = {"state": True, "leaseUntil": True, "ambiguous": True}
        with database_errors():
            found = list(self._rows.find({"_id": {"$in": list(by_key)}}, fields)) if by_key else []
        return {by_key[row["_id"]]: _record_from_document(row) for row in found}

    def claim_for_republish(
        self, events: Sequence[BookingStateChanged], idle_since: datetime
    ) -> list[BookingStateChanged]:
        """Claim the right to republish stale events, so that no other process does.

        Creates missing records. The claim expires when its record becomes stale again.
        """
        by_key = {self._key(event): event for event in events}
        claim_id = secrets.token_hex(8)
        stale = {
            "_id": {"$in": list(by_key)},
            "state": {"$in": _OPEN_STATES},
            "leaseUntil": {"$lte": idle_since},
            "reclaims": {"$lt": MAX_REPUBLISHES},
        }
        with database_errors():
            self._insert_missing(events)
            # An expired lease blocks no notifier; it only records the time of the claim.
            claim = {"leaseUntil": now(), "reclaim": claim_id}
            self._rows.update_many(stale, {"$set": claim, "$inc": {"reclaims": 1}})
            found = list(self._rows.find({"_id": {"$in": list(by_key)}, "reclaim": claim_id}))
        return [by_key[row["_id"]] for row in found]

    def _record_outcomes(self, outcomes: Sequence[_OutcomeUpdate]) -> Sequence[None]:
        keys: dict[tuple[FencingToken, State], list[str]] = {}
        for outcome in outcomes:
            keys.setdefault((outcome.fence, outcome.state), []).append(outcome.key)
        with database_errors():
            for (fence, state), same in keys.items():
                self._record_same_outcome(same, fence, state)
        return [None] * len(outcomes)

    def _record_same_outcome(self, keys: Sequence[str], fence: FencingToken, state: State) -> None:
        tries, resends = fence
        claimed = {
            "_id": {"$in": keys},
            "state": {"$in": _OPEN_STATES},
            "tries": tries,
            "resends": resends or None,  # absent before the first resend
        }
        outcome = {"state": state.value, "updatedAt": now()}
        result = self._rows.update_many(claimed, {"$set": outcome})
        NOTIFICATIONS.labels(self.channel, state.value).inc(result.matched_count)

    def _insert(self, event: BookingStateChanged, limited: str | None) -> bool:
        """Return whether it may be sent. Raises: DuplicateKeyError if the event has a record."""
        row = self._new_row(event)
        if limited is None or self._quota is None:
            self._inserts.insert(row)
            return True
        return self._quota.insert(row, limited)

    def _insert_missing(self, events: Sequence[BookingStateChanged]) -> None:
        # No attempt was made since the event.
        idle = {"state": State.POSTPONED.value, "tries": 0}
        rows = [self._new_row(event) | idle | {"leaseUntil": event.occurred_at} for event in events]
        try:
            self._rows.insert_many(rows, ordered=False)
        except BulkWriteError as error:
            errors = (error.details or {}).get("writeErrors", [])
            if not errors or any(item["code"] != _DUPLICATE_KEY for item in errors):
                raise DatabaseUnavailable(type(error).__name__) from error

    def _claim_again(self, event: BookingStateChanged, is_replay: bool) -> Claim | None:
        unsent = [State.POSTPONED.value, *([State.FAILED.value] if is_replay else [])]
        if claim := self._take(event, {"state": {"$in": unsent}}):
            return claim
        expired = {"state": State.SENDING.value, "leaseUntil": {"$lte": now()}}
        if claim := self._take(event, expired, ambiguous=1):
            # The previous holder may have sent it. All copies have the same message id.
            POSSIBLE_DUPLICATES.labels(self.channel).inc()
            return claim
        row = self._rows.find_one({"_id": self._key(event)}, {"state": True})
        if row and row["state"] == State.SENDING.value:
            raise LeaseHeld("another process is sending this notification")
        NOTIFICATIONS.labels(self.channel, "duplicate").inc()
        return None

    def _take(
        self, event: BookingStateChanged, condition: dict[str, Any], ambiguous: int = 0
    ) -> Claim | None:
        at = now()
        lease = {"state": State.SENDING.value, "leaseUntil": at + self._lease, "updatedAt": at}
        row = self._rows.find_one_and_update(
            {"_id": self._key(event), **condition},
            {"$set": lease, "$inc": {"tries": 1, "ambiguous": ambiguous}},
            return_document=ReturnDocument.AFTER,
        )
        if row is None:
            return None
        return Claim(event, row["tries"], row.get("resends", 0), row.get("resentAt"))

    def _new_row(self, event: BookingStateChanged) -> dict[str, Any]:
        return {
            "_id": self._key(event),
            "bookingId": event.booking_id,
            "version": event.version,
            "channel": self.channel,
            "state": State.SENDING.value,
            "leaseUntil": now() + self._lease,
            "tries": 1,
            "reclaims": 0,
            "createdAt": now(),
        }

    def _key(self, event: BookingStateChanged) -> str:
        return key_of(event.booking_id, event.version, self.channel)


def key_of(booking_id: str, version: int, channel: str) -> str:
    """Return the `_id` of a record. There is no other index."""
    return f"{booking_id}:{version}:{channel}"


def _record_from_document(row: dict[str, Any]) -> DeliveryRecord:
    return DeliveryRecord(State(row["state"]), row["leaseUntil"], row.get("ambiguous", 0))
