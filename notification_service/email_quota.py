"""How many e-mails strangers may have the clinic send to one address.

Whoever asks for an appointment chooses the address. Until somebody has used the code of an e-mail,
which proves that the mailbox was read, that address receives no more than the limit in a rolling
day of the e-mails that requests of patients cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic.booking import Booking, Status
from clinic.clock import now
from clinic.confirmed_addresses import ConfirmedAddresses
from clinic.document import Document
from clinic.inserts import Inserts
from clinic.messages import BookingStateChanged
from clinic.quota import QUOTA_KEY, address_hash, free_key, held_by, quota_index, random_key

PERIOD = timedelta(days=1)

_PATIENT = "patient"
_DECISIONS = frozenset({Status.CONFIRMED, Status.REJECTED})
_HELD_FIELDS = {QUOTA_KEY: True, "createdAt": True}


class EmailQuota:
    """A row of the delivery log holds a unit of the quota of its address from its insert on, for a
    day. Several processes agree by the unique index on the units."""

    def __init__(self, database: Database[dict[str, Any]], limit: int) -> None:
        self._rows = database["notifications"]
        self._inserts = Inserts(self._rows)
        self._confirmed = ConfirmedAddresses(database)
        self._limit = limit
        self._has_index = False

    def insert(self, row: Document, suppressed: Document, holder: str) -> bool:
        """Insert a row that holds a unit of the address with that hash, or else `suppressed`.

        Returns whether the e-mail may be sent. Raises: DuplicateKeyError when there is such a row.
        """
        self._ensure_index()
        key = random_key(holder, self._limit)
        while not self._insert_holding(row | {QUOTA_KEY: key}):
            held = list(self._rows.find(held_by(holder), _HELD_FIELDS))
            if self._confirmed.contains(holder):
                self._inserts.insert(row)
                return True
            another = self._another_key(held, holder)
            if another is None:
                self._inserts.insert(suppressed)
                return False
            key = another
        return True

    def _insert_holding(self, row: Document) -> bool:
        """False when another row holds the unit. Raises: DuplicateKeyError for the row itself."""
        try:
            self._inserts.insert(row)
        except DuplicateKeyError as error:
            if QUOTA_KEY not in (error.details or {}).get("keyPattern", {}):
                raise
            return False
        return True

    def _another_key(self, held: Sequence[Document], holder: str) -> str | None:
        a_day_ago = now() - PERIOD
        old = [each["_id"] for each in held if each["createdAt"] <= a_day_ago]
        if old:
            self._rows.update_many({"_id": {"$in": old}}, {"$unset": {QUOTA_KEY: ""}})
        taken = {each[QUOTA_KEY] for each in held if each["_id"] not in old}
        return free_key(holder, self._limit, taken)

    def _ensure_index(self) -> None:
        if not self._has_index:
            self._rows.create_indexes([quota_index("one_email_per_quota_unit")])
            self._has_index = True


def limited_address(booking: Booking, event: BookingStateChanged) -> str | None:
    """Return the hash of the address if the step that it is told of was caused by a patient.

    What the clinic does itself is always told: nobody may use up the quota of a patient so that she
    hears nothing of an appointment that was called off.
    """
    step = booking.history[event.version - 1]
    is_decision = step.previous is Status.PENDING and step.status in _DECISIONS
    cause = booking.history[0] if is_decision else step
    return address_hash(booking.patient_email) if cause.by == _PATIENT else None
