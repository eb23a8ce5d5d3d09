"""Limits the e-mails that strangers can cause the clinic to send to one address.

Anyone can request an appointment for any address. Using the code of an e-mail proves access to the
mailbox. Until then, patients' requests cause at most `limit` e-mails to that address in any 24
hours.
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

from clinic.concurrency.batching import Batcher
from clinic.contracts.messages import BookingStateChanged
from clinic.domain.booking import Booking, Status
from clinic.domain.clock import now
from clinic.mongo.bulk_errors import bulk_write_errors
from clinic.mongo.client import Document, database_errors
from clinic.mongo.confirmed_addresses import ConfirmedAddresses
from clinic.mongo.quota import address_hash, free_key, random_key

PERIOD = timedelta(days=1)

_PATIENT = "patient"
_DECISIONS = frozenset({Status.CONFIRMED, Status.REJECTED})


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """A new row of the delivery log and the quota unit that it takes."""

    row: RawBSONDocument
    unit: RawBSONDocument


#: The write errors of the row and of the unit.
_Errors = tuple[WriteError | None, WriteError | None]


class EmailQuota:
    """A unit is a document in the same collection: {"_id": "<hash>/<number>", "row", "takenAt"}.

    One insert writes both row and unit, so most e-mails need no further operation. The quota needs
    no index on the rows, which would slow down recording outcomes.
    """

    def __init__(self, database: Database[dict[str, Any]], limit: int) -> None:
        self._rows = database["notifications"]
        self._pairs: Batcher[_Pair, _Errors] = Batcher(self._insert_pairs)
        self._confirmed = ConfirmedAddresses(database)
        self._limit = limit

    def insert(self, row: Document, holder: str) -> bool:
        """Insert a row and take a unit of the address with the hash `holder`.

        Return whether a unit was free or the address is confirmed. Raises: DuplicateKeyError if the
        row exists, DatabaseUnavailable.
        """
        unit = _unit(random_key(holder, self._limit), row)
        pair = _Pair(RawBSONDocument(bson.encode(row)), RawBSONDocument(bson.encode(unit)))
        row_error, unit_error = self._pairs.submit(pair)
        if row_error:
            if unit_error is None:
                self._rows.delete_one(unit)  # a redelivered event takes no second unit
            raise row_error
        if unit_error is None:
            return True
        if not isinstance(unit_error, DuplicateKeyError):
            raise unit_error
        return self._confirmed.contains(holder) or self._take_another(row, holder)

    def _take_another(self, row: Document, holder: str) -> bool:
        """Return False if all units are taken. Retries if others take units meanwhile."""
        while True:
            a_day_ago = now() - PERIOD
            taken = list(self._rows.find({"_id": {"$gte": f"{holder}/", "$lt": f"{holder}0"}}))
            old = [unit for unit in taken if unit["takenAt"] <= a_day_ago]
            if old and self._take_over(old[0], row):
                return True
            if old:
                continue
            key = free_key(holder, self._limit, {unit["_id"] for unit in taken})
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
        renewed = {"$set": {"row": row["_id"], "takenAt": now()}}
        return self._rows.update_one(old, renewed).modified_count == 1

    def _insert_pairs(self, pairs: Sequence[_Pair]) -> Sequence[_Errors]:
        documents = [document for pair in pairs for document in (pair.row, pair.unit)]
        errors: dict[int, WriteError] = {}
        try:
            with database_errors():
                self._rows.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            errors = bulk_write_errors(error)
        return [(errors.get(2 * n), errors.get(2 * n + 1)) for n in range(len(pairs))]


def limited_address(booking: Booking, event: BookingStateChanged) -> str | None:
    """Return the hash of the address if a patient caused the transition, otherwise None.

    Changes by the clinic are not limited: nobody may use up a patient's quota so that the patient
    is not notified of a cancelled appointment.
    """
    change = booking.history[event.version - 1]
    is_decision = change.previous is Status.PENDING and change.status in _DECISIONS
    cause = booking.history[0] if is_decision else change
    if booking.patient_email is None or cause.by != _PATIENT:
        return None
    return address_hash(booking.patient_email)


def _unit(key: str, row: Document) -> Document:
    return {"_id": key, "row": row["_id"], "takenAt": now()}
