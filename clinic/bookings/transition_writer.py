"""Writes transitions of bookings; concurrent transitions share a write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError, WriteError

from clinic.bookings import documents
from clinic.concurrency.batching import Batcher
from clinic.domain.booking import Status, Transition
from clinic.mongo.bulk_errors import bulk_write_errors
from clinic.mongo.client import Document, database_errors
from clinic.mongo.quota import QUOTA_KEY

#: Final statuses; a booking in one of them is no longer open.
_ENDS = frozenset({Status.REJECTED, Status.CANCELLED})
_CHOICE = ("service", "practitioner", "site")
#: Releases the quota unit of a booking that is no longer open.
_RELEASE_QUOTA: Document = {
    "$set": {
        QUOTA_KEY: {"$cond": [{"$in": ["$status", sorted(_ENDS)]}, "$$REMOVE", f"${QUOTA_KEY}"]}
    }
}


@dataclass(frozen=True, slots=True, eq=False)
class _PendingTransition:
    """`values` holds the new state {"fields", "row", "event"}, and the expected date and choice
    {"decidedOn", "decidedFor"}."""

    transition: Transition
    values: RawBSONDocument
    message_key: tuple[str, int]  #: identifies its outbox message

    @property
    def booking_id(self) -> str:
        return self.transition.booking_id

    @property
    def expected_state(self) -> Document:
        """The state that the stored booking must have; otherwise another writer was first."""
        return {
            "status": self.transition.change.previous,
            "version": self.transition.version - 1,
        }

    @property
    def keys(self) -> frozenset[str]:
        """Two transitions that share a key can't share an update."""
        return frozenset((self.booking_id, *self.transition.claims))


class TransitionWriter:
    """`timeout_seconds` bounds each write, but not the wait for earlier writes: a deadline of the
    leader would fail the whole queue, although a long queue makes progress.
    """

    def __init__(self, bookings: Collection[Document], timeout_seconds: float) -> None:
        self._bookings = bookings
        self._timeout_seconds = timeout_seconds
        self._batcher: Batcher[_PendingTransition, bool] = Batcher(self._run)

    def write(self, transition: Transition, event: Document) -> bool:
        """Apply the transition if the booking is unchanged since the decision; else return False.

        `event` is its outbox message. Raises: DuplicateKeyError, DatabaseUnavailable.
        """
        # Encoded by its own caller, so that an encoding error fails no other transition.
        values = RawBSONDocument(bson.encode(_values(transition, event)))
        return self._batcher.submit(_PendingTransition(transition, values, _message_key(event)))

    def _run(self, batch: Sequence[_PendingTransition]) -> Sequence[bool | WriteError]:
        with database_errors(self._timeout_seconds):
            compatible = _compatible(batch)
            applied = self._write_together(compatible) if len(compatible) > 1 else set()
            rest = [pending for pending in batch if pending not in applied]
            errors = self._write_each(rest, applied) if rest else {}
        return [errors.get(pending, pending in applied) for pending in batch]

    def _write_together(self, batch: Sequence[_PendingTransition]) -> set[_PendingTransition]:
        """Write all in one update, which halves the cost. Return the applied transitions."""
        ids = [pending.booking_id for pending in batch]
        query = {"_id": {"$in": ids}, **batch[0].expected_state}
        try:
            modified = self._bookings.update_many(query, _update(batch)).modified_count
        except DuplicateKeyError:
            return self._applied(batch)  # the update stopped at the first taken seat
        return set(batch) if modified == len(batch) else self._applied(batch)

    def _write_each(
        self, batch: Sequence[_PendingTransition], applied: set[_PendingTransition]
    ) -> dict[_PendingTransition, WriteError]:
        """Add the applied transitions to `applied`; return the write errors of the others."""
        errors: dict[int, WriteError] = {}
        updates = [
            UpdateOne({"_id": pending.booking_id, **pending.expected_state}, _update([pending]))
            for pending in batch
        ]
        try:
            modified = self._bookings.bulk_write(updates, ordered=False).modified_count
        except BulkWriteError as error:
            modified, errors = (error.details or {})["nModified"], bulk_write_errors(error)
        rest = [pending for index, pending in enumerate(batch) if index not in errors]
        # The result counts the modified bookings, but does not name them.
        applied |= set(rest) if modified == len(rest) else self._applied(rest if modified else ())
        return {batch[index]: error for index, error in errors.items()}

    def _applied(self, batch: Iterable[_PendingTransition]) -> set[_PendingTransition]:
        """Select the transitions whose outbox messages are stored in their bookings."""
        ids = sorted({pending.booking_id for pending in batch})
        found = self._bookings.find({"_id": {"$in": ids}}, {"outbox": True}) if ids else ()
        keys = {_message_key(message) for booking in found for message in booking["outbox"]}
        return {pending for pending in batch if pending.message_key in keys}


def _compatible(batch: Sequence[_PendingTransition]) -> list[_PendingTransition]:
    """Select the transitions that can share an update with the first."""
    compatible: list[_PendingTransition] = []
    keys: set[str] = set()
    for pending in batch:
        if pending.expected_state == batch[0].expected_state and keys.isdisjoint(pending.keys):
            compatible.append(pending)
            keys |= pending.keys
    return compatible


def _values(transition: Transition, event: Document) -> Document:
    change = transition.change
    fields: Document = {
        "status": change.status.value,
        "reason": change.reason,
        "version": transition.version,
        "updatedAt": change.at,
        "attention": None,  # a transition resolves a manual review
    }
    if transition.claims:
        # A rescheduling changes the date in the same update that replaces the claims.
        fields |= {"date": transition.date, "end": transition.end, "claims": transition.claims}
        fields |= documents.choice_to_document(transition.choice)
    elif change.previous is Status.CONFIRMED:
        fields["claims"] = []
    wanted = transition.decided_for
    return {
        "decidedOn": transition.decided_on,
        "decidedFor": {
            "service": wanted.service,
            "practitioner": wanted.practitioner,
            "site": wanted.site,
        },
        "fields": fields,
        "row": documents.history_entry_to_document(change),
        "event": event,
    }


def _update(batch: Sequence[_PendingTransition]) -> list[Document]:
    """Return one update pipeline that gives each booking the values of its own transition."""
    ids, values = [pending.booking_id for pending in batch], [pending.values for pending in batch]
    own = {"$arrayElemAt": [{"$literal": values}, {"$indexOfArray": [{"$literal": ids}, "$_id"]}]}
    # A decision removes its request from the outbox; events may still be unsent.
    is_decision = batch[0].transition.change.previous is Status.PENDING
    kept = [] if is_decision else ["$outbox"]
    appended = {
        "history": {"$concatArrays": ["$history", ["$$transition.row"]]},
        "outbox": {"$concatArrays": [*kept, ["$$transition.event"]]},
    }
    changed = {"$mergeObjects": ["$$ROOT", "$$transition.fields", appended]}
    booking = {"$cond": [_is_as_decided(batch), changed, "$$ROOT"]}
    replacement = {"$let": {"vars": {"transition": own}, "in": booking}}
    is_any_ended = any(pending.transition.change.status in _ENDS for pending in batch)
    return [{"$replaceWith": replacement}, *([_RELEASE_QUOTA] if is_any_ended else [])]


def _is_as_decided(batch: Sequence[_PendingTransition]) -> Document:
    """Return the condition that the booking has the date and choice that were decided on.

    An optimistic decision has not read the booking: a forged message must not change its date,
    service, practitioner or site. Every booking with a choice has a service.
    """
    has_choice = any(pending.transition.decided_for.service for pending in batch)
    names = _CHOICE if has_choice else _CHOICE[:1]
    same = (
        {"$eq": [{"$ifNull": [f"${name}", None]}, f"$$transition.decidedFor.{name}"]}
        for name in names
    )
    return {"$and": [{"$eq": ["$date", "$$transition.decidedOn"]}, *same]}


def _message_key(message: Document) -> tuple[str, int]:
    return message["relay"], message["number"]
