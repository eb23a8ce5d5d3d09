"""Steps of bookings on their way into the database; those that come at once share a write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

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

#: Of a booking that is not open any more.
_ENDS = frozenset({Status.REJECTED, Status.CANCELLED})
#: Its address may have another.
_RELEASE_QUOTA: Document = {
    "$set": {
        QUOTA_KEY: {"$cond": [{"$in": ["$status", sorted(_ENDS)]}, "$$REMOVE", f"${QUOTA_KEY}"]}
    }
}


@dataclass(frozen=True, slots=True, eq=False)
class _PendingTransition:
    """`values` holds what the booking becomes: {"fields", "row", "event"}, and the date that it has
    now: {"decidedOn"}."""

    transition: Transition
    values: RawBSONDocument
    mark: tuple[str, int]  #: of its outbox entry, and of no other

    @property
    def booking_id(self) -> str:
        return self.transition.booking_id

    @property
    def before(self) -> Document:
        """What the booking has to be like, or somebody else has moved it first."""
        return {
            "status": self.transition.change.previous,
            "version": self.transition.version - 1,
        }

    @property
    def place(self) -> tuple[Any, ...]:
        """What no two steps of one update may share."""
        seat = self.transition.seat
        return (self.booking_id,) if seat is None else (self.transition.date, seat)


class TransitionWriter:
    """`answer_seconds` bounds each write, and not the wait for those before it: a line that is long
    moves on, where a bound of its leader's own would fail all of it.
    """

    def __init__(self, bookings: Collection[Document], answer_seconds: float) -> None:
        self._bookings = bookings
        self._answer_seconds = answer_seconds
        self._group: Batcher[_PendingTransition, bool] = Batcher(self._run)

    def write(self, transition: Transition, event: Document) -> bool:
        """Take the step, if the booking is as it was when that was decided; False if it is not.

        `event` is the outbox entry that goes with it. Raises: DuplicateKeyError,
        DatabaseUnavailable.
        """
        # Encoded by its own writer, so that what can't be encoded fails nobody else.
        values = RawBSONDocument(bson.encode(_values(transition, event)))
        return self._group.submit(_PendingTransition(transition, values, _message_key(event)))

    def _run(self, steps: Sequence[_PendingTransition]) -> Sequence[bool | WriteError]:
        with database_errors(self._answer_seconds):
            alike = _compatible(steps)
            taken = self._write_together(alike) if len(alike) > 1 else set()
            rest = [step for step in steps if step not in taken]
            faults = self._write_each(rest, taken) if rest else {}
        return [faults.get(step, step in taken) for step in steps]

    def _write_together(self, steps: Sequence[_PendingTransition]) -> set[_PendingTransition]:
        """Take what can be taken in one update, which costs half of one for each."""
        ids = [step.booking_id for step in steps]
        query = {"_id": {"$in": ids}, **steps[0].before}
        try:
            moved = self._bookings.update_many(query, _update(steps)).modified_count
        except DuplicateKeyError:
            return self._taken(steps)  # it has stopped at the first seat that is gone
        return set(steps) if moved == len(steps) else self._taken(steps)

    def _write_each(
        self, steps: Sequence[_PendingTransition], taken: set[_PendingTransition]
    ) -> dict[_PendingTransition, WriteError]:
        """Add to `taken` what can be taken; return what the others were refused for."""
        faults: dict[int, WriteError] = {}
        updates = [
            UpdateOne({"_id": step.booking_id, **step.before}, _update([step])) for step in steps
        ]
        try:
            moved = self._bookings.bulk_write(updates, ordered=False).modified_count
        except BulkWriteError as error:
            moved, faults = (error.details or {})["nModified"], bulk_write_errors(error)
        rest = [step for place, step in enumerate(steps) if place not in faults]
        # The answer counts what was moved, and does not say which.
        taken |= set(rest) if moved == len(rest) else self._taken(rest if moved else ())
        return {steps[place]: fault for place, fault in faults.items()}

    def _taken(self, steps: Iterable[_PendingTransition]) -> set[_PendingTransition]:
        """Pick the steps whose outbox entries are in their bookings."""
        ids = sorted({step.booking_id for step in steps})
        found = self._bookings.find({"_id": {"$in": ids}}, {"outbox": True}) if ids else ()
        marks = {_message_key(entry) for booking in found for entry in booking["outbox"]}
        return {step for step in steps if step.mark in marks}


def _compatible(steps: Sequence[_PendingTransition]) -> list[_PendingTransition]:
    """Pick those that can share an update with the first."""
    places: dict[tuple[Any, ...], _PendingTransition] = {}
    for step in steps:
        if step.before == steps[0].before:
            places.setdefault(step.place, step)
    return list({step.booking_id: step for step in places.values()}.values())


def _values(transition: Transition, event: Document) -> Document:
    change = transition.change
    fields: Document = {
        "status": change.status.value,
        "reason": change.reason,
        "version": transition.version,
        "updatedAt": change.at,
        "attention": None,  # what the system could not decide, somebody has
    }
    if transition.seat is not None:
        # The date changes when a booking is rescheduled, in the update that takes the new seat.
        fields |= {"date": transition.date, "slot": transition.date, "seat": transition.seat}
    return {
        "decidedOn": transition.decided_on,
        "fields": fields,
        "row": documents.history_entry_to_document(change),
        "event": event,
    }


def _update(steps: Sequence[_PendingTransition]) -> list[Document]:
    """Write the update of bookings that are alike, each with the values of its own step."""
    ids, values = [step.booking_id for step in steps], [step.values for step in steps]
    mine = {"$arrayElemAt": [{"$literal": values}, {"$indexOfArray": [{"$literal": ids}, "$_id"]}]}
    # The request for a decision has served its purpose; an event may not have been sent yet.
    is_decision = steps[0].transition.change.previous is Status.PENDING
    kept = [] if is_decision else ["$outbox"]
    grown = {
        "history": {"$concatArrays": ["$history", ["$$step.row"]]},
        "outbox": {"$concatArrays": [*kept, ["$$step.event"]]},
    }
    moved = {"$mergeObjects": ["$$ROOT", "$$step.fields", grown]}
    # Who decides may not have read the booking: a message that is forged can't move its date.
    is_as_decided = {"$eq": ["$date", "$$step.decidedOn"]}
    booking = {"$cond": [is_as_decided, moved, "$$ROOT"]}
    written: list[Document] = [{"$replaceWith": {"$let": {"vars": {"step": mine}, "in": booking}}}]
    is_any_ended = any(step.transition.change.status in _ENDS for step in steps)
    return [*written, _RELEASE_QUOTA] if is_any_ended else written


def _message_key(entry: Document) -> tuple[str, int]:
    return entry["relay"], entry["number"]
