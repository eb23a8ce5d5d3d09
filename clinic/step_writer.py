"""Steps of bookings on their way into the database; those that come at once share a write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, WriteError

from clinic.database import database_errors
from clinic.document import Document
from clinic.group_commit import GroupCommit
from clinic.write_faults import write_faults


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    booking_id: str
    update: UpdateOne
    mark: tuple[str, int]  #: of its outbox entry, and of no other


class StepWriter:
    """`answer_seconds` bounds each write, and not the wait for those before it: a line that is long
    moves on, where a bound of its leader's own would fail all of it.
    """

    def __init__(self, bookings: Collection[Document], answer_seconds: float) -> None:
        self._bookings = bookings
        self._answer_seconds = answer_seconds
        self._group: GroupCommit[_Step, bool] = GroupCommit(self._run)

    def write(self, before: Document, update: Document, outgoing: Document) -> bool:
        """Update the booking that is as in `before`; False when there is none.

        `outgoing` is the outbox entry that `update` adds. Raises: DuplicateKeyError,
        DatabaseUnavailable.
        """
        # Encoded by its own writer, so that what can't be encoded fails nobody else.
        encoded = UpdateOne(_encoded(before), _encoded(update))
        return self._group.submit(_Step(before["_id"], encoded, _mark(outgoing)))

    def _run(self, steps: Sequence[_Step]) -> Sequence[bool | WriteError]:
        with database_errors(self._answer_seconds):
            matched, faults = self._send(steps)
            rest = [step for place, step in enumerate(steps) if place not in faults]
            # The answer counts what was matched, and does not say which.
            taken = set(rest) if matched == len(rest) else self._taken(rest if matched else ())
        return [faults.get(place, step in taken) for place, step in enumerate(steps)]

    def _send(self, steps: Sequence[_Step]) -> tuple[int, dict[int, WriteError]]:
        """How many updates found their booking as it should be, and those that were refused."""
        try:
            result = self._bookings.bulk_write([step.update for step in steps], ordered=False)
        except BulkWriteError as error:
            return (error.details or {})["nMatched"], write_faults(error)
        return result.matched_count, {}

    def _taken(self, steps: Iterable[_Step]) -> set[_Step]:
        """Pick the steps whose outbox entries are in their bookings."""
        ids = sorted({step.booking_id for step in steps})
        found = self._bookings.find({"_id": {"$in": ids}}, {"outbox": True}) if ids else ()
        marks = {_mark(entry) for booking in found for entry in booking["outbox"]}
        return {step for step in steps if step.mark in marks}


def _mark(entry: Document) -> tuple[str, int]:
    return entry["relay"], entry["number"]


def _encoded(part: Document) -> RawBSONDocument:
    return RawBSONDocument(bson.encode(part))
