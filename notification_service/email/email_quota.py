"""How many e-mails strangers may have the clinic send to one address.

Whoever asks for an appointment chooses the address. Until somebody has used the code of an e-mail,
which proves that the mailbox was read, that address receives no more than the limit in a rolling
day of the e-mails that requests of patients cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError, WriteError

from clinic.bookings.confirmed_addresses import ConfirmedAddresses
from clinic.concurrency.batching import Batcher
from clinic.contracts.messages import BookingStateChanged
from clinic.domain.booking import Booking, Status
from clinic.domain.clock import now
from clinic.mongo.bulk_errors import bulk_write_errors
from clinic.mongo.client import Document, database_errors
from clinic.mongo.quota import address_hash, free_key, random_key

PERIOD = timedelta(days=1)

_PATIENT = "patient"
_DECISIONS = frozenset({Status.CONFIRMED, Status.REJECTED})


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """A new row of the delivery log, and the unit of the quota that it takes."""

    row: RawBSONDocument
    unit: RawBSONDocument


#: What the row and the unit were refused for.
_Faults = tuple[WriteError | None, WriteError | None]


class EmailQuota:
    """A unit is a document beside the rows: {"_id": "<hash>/<number>", "row", "takenAt"}.

    It goes with its row in one insert, so that a usual e-mail costs no operation more, and an index
    on the rows, which would make each outcome dearer, is not needed.
    """

    def __init__(self, database: Database[dict[str, Any]], limit: int) -> None:
        self._rows = database["notifications"]
        self._pairs: Batcher[_Pair, _Faults] = Batcher(self._insert_pairs)
        self._confirmed = ConfirmedAddresses(database)
        self._limit = limit

    def insert(self, row: Document, holder: str) -> bool:
        """Insert a row and take a unit of the address with that hash.

        Returns whether there was one, or need not be. Raises: DuplicateKeyError when there is such
        a row already, DatabaseUnavailable.
        """
        unit = _unit(random_key(holder, self._limit), row)
        pair = _Pair(RawBSONDocument(bson.encode(row)), RawBSONDocument(bson.encode(unit)))
        row_fault, unit_fault = self._pairs.submit(pair)
        if row_fault:
            if unit_fault is None:
                self._rows.delete_one(unit)  # an event that comes again takes no other
            raise row_fault
        if unit_fault is None:
            return True
        if not isinstance(unit_fault, DuplicateKeyError):
            raise unit_fault
        return self._confirmed.contains(holder) or self._take_another(row, holder)

    def _take_another(self, row: Document, holder: str) -> bool:
        """False when all units are taken. Each round finds that others took some meanwhile."""
        while True:
            a_day_ago = now() - PERIOD
            taken = list(self._rows.find({"_id": {"$gte": f"{holder}/", "$lt": f"{holder}0"}}))
            old = [each for each in taken if each["takenAt"] <= a_day_ago]
            if old and self._take_over(old[0], row):
                return True
            if old:
                continue
            key = free_key(holder, self._limit, {each["_id"] for each in taken})
            if key is None:
                return False
            if self._take(key, row):
                return True

    def _take(self, key: str, row: Document) -> bool:
        try:
            self._rows.insert_one(_unit(key, row))
        except DuplicateKeyError:
            return False
        return True

    def _take_over(self, old: Document, row: Document) -> bool:
        mine = {"$set": {"row": row["_id"], "takenAt": now()}}
        return self._rows.update_one(old, mine).modified_count == 1

    def _insert_pairs(self, pairs: Sequence[_Pair]) -> Sequence[_Faults]:
        documents = [each for pair in pairs for each in (pair.row, pair.unit)]
        faults: dict[int, WriteError] = {}
        try:
            with database_errors():
                self._rows.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            faults = bulk_write_errors(error)
        return [(faults.get(2 * n), faults.get(2 * n + 1)) for n in range(len(pairs))]


def limited_address(booking: Booking, event: BookingStateChanged) -> str | None:
    """Return the hash of the address if the step that it is told of was caused by a patient.

    What the clinic does itself is always told: nobody may use up the quota of a patient so that she
    hears nothing of an appointment that was called off.
    """
    step = booking.history[event.version - 1]
    is_decision = step.previous is Status.PENDING and step.status in _DECISIONS
    cause = booking.history[0] if is_decision else step
    return address_hash(booking.patient_email) if cause.by == _PATIENT else None


def _unit(key: str, row: Document) -> Document:
    return {"_id": key, "row": row["_id"], "takenAt": now()}
