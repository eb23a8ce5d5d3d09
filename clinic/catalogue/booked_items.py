"""Counts the upcoming bookings that need an item of the catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from pymongo.collection import Collection as BookingCollection

from clinic.catalogue.schema.catalogue_schema import ItemKind
from clinic.domain.booking import Status
from clinic.domain.clock import now
from clinic.domain.time_cells import schedule_of
from clinic.mongo.client import SCAN_TIMEOUT_SECONDS, Document, database_errors

#: The statuses whose bookings still need what they name.
_OPEN = (Status.PENDING, Status.CONFIRMED)
#: The fields of a booking that name items of each kind.
_FIELDS = {
    ItemKind.SERVICE: ("service",),
    ItemKind.SCHEDULE: ("practitioner", "claims"),
    ItemKind.SITE: ("site",),
}


class BookedItems:
    """Reads the upcoming bookings of a clinic along the index `appointments`.

    The query names exactly the fields of the index: databases without an optimizer, such as the
    local one, would read the whole collection otherwise.
    """

    def __init__(self, bookings: BookingCollection[Document]) -> None:
        self._bookings = bookings

    def count(self, clinic: str, removed: Mapping[ItemKind, Collection[str]]) -> dict[str, int]:
        """Return the number of bookings of each removed item, as `sites/centro`, that has any.

        Raises: DatabaseUnavailable.
        """
        kinds = [kind for kind, ids in removed.items() if ids]
        counted: Counter[str] = Counter()
        if not kinds:
            return counted
        fields = {"_id": False} | {name: True for kind in kinds for name in _FIELDS[kind]}
        with database_errors(SCAN_TIMEOUT_SECONDS):
            for status in _OPEN:
                upcoming = {"clinic": clinic, "status": status.value, "date": {"$gt": now()}}
                for booking in self._bookings.find(upcoming, fields):
                    for kind in kinds:
                        found = _ids(kind, booking) & set(removed[kind])
                        counted.update(f"{kind.value}/{each}" for each in found)
        return dict(sorted(counted.items()))


def _ids(kind: ItemKind, booking: Mapping[str, Any]) -> set[str]:
    if kind is not ItemKind.SCHEDULE:
        return {booking.get(_FIELDS[kind][0]) or ""}
    claimed = {schedule_of(claim) for claim in booking.get("claims") or ()}
    return claimed | {booking.get("practitioner") or ""}
