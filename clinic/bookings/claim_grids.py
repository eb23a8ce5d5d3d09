"""The grid of a schedule's claims, on which all processes must agree.

A claim for half an hour and a claim for twenty minutes don't meet in the index. Therefore a change
of `CLINIC_SLOT_MINUTES` makes the grid finer, and the claims of future bookings are rewritten
before anything is claimed on it. A grid never becomes coarser.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from math import gcd
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic.domain.booking import Status
from clinic.domain.catalogue import MAX_OCCUPIED
from clinic.domain.clock import now
from clinic.domain.time_cells import CELL_MINUTES, claim_keys
from clinic.errors import ClaimGridChanging
from clinic.mongo.client import SCAN_TIMEOUT_SECONDS, Document, database_errors

logger = logging.getLogger(__name__)

#: How long a process may use what it has read.
REFRESH_SECONDS = 5.0
#: After this long, no other process writes a claim on the previous grid: it has read the new one,
#: and its last write has ended.
SETTLE = timedelta(seconds=20)

_FIELDS = dict.fromkeys(("version", "date", "end", "claims"), True)


class ClaimGrids:
    """Every method may raise DatabaseUnavailable."""

    def __init__(self, database: Database[dict[str, Any]], settle: timedelta = SETTLE) -> None:
        self._grids = database["claim_grids"]
        self._bookings = database["bookings"]
        self._settle = settle
        self._read: dict[str, tuple[int, float]] = {}

    def minutes(self, clinic: str, schedule: str, wanted: int) -> int:
        """Return the grid for claims on the schedule: `wanted` or a divisor of it.

        Raises: ClaimGridChanging while it becomes finer.
        """
        key = f"{clinic}/{schedule}"
        minutes, until = self._read.get(key, (0, 0.0))
        if time.monotonic() < until and wanted % minutes == 0:
            return minutes
        read_at = time.monotonic()
        minutes = self._agree(clinic, schedule, wanted)
        self._read[key] = (minutes, read_at + REFRESH_SECONDS)
        return minutes

    def _agree(self, clinic: str, schedule: str, wanted: int) -> int:
        with database_errors(SCAN_TIMEOUT_SECONDS):
            grid = self._stored(f"{clinic}/{schedule}", wanted)
            if wanted % grid["minutes"]:
                grid = self._refine(grid, wanted)
            if not grid["isApplied"]:
                self._apply(clinic, schedule, grid)
        return int(grid["minutes"])

    def _stored(self, key: str, wanted: int) -> Document:
        first = {"minutes": wanted, "changedAt": now(), "isApplied": True}
        if found := self._grids.find_one({"_id": key}):
            return found
        try:
            self._grids.insert_one({"_id": key, **first})
        except DuplicateKeyError:  # another process was first
            return self._grids.find_one({"_id": key}) or {"_id": key, **first}
        return {"_id": key, **first}

    def _refine(self, grid: Document, wanted: int) -> Document:
        finer = {
            "minutes": gcd(grid["minutes"], wanted),
            "changedAt": now(),
            "isApplied": False,
        }
        self._grids.update_one({"_id": grid["_id"], "minutes": grid["minutes"]}, {"$set": finer})
        return self._grids.find_one({"_id": grid["_id"]}) or grid | finer

    def _apply(self, clinic: str, schedule: str, grid: Document) -> None:
        """Rewrite the claims of future bookings. Several processes may do it at the same time, and
        one that dies leaves the rest to another.

        Raises: ClaimGridChanging while others may still claim on the previous grid.
        """
        if now() - grid["changedAt"] < self._settle:
            raise ClaimGridChanging("other processes may still use the previous grid")
        recent = {"$gt": now() - MAX_OCCUPIED}
        confirmed = {"clinic": clinic, "status": Status.CONFIRMED.value, "date": recent}
        for booking in self._bookings.find(confirmed, _FIELDS):
            finer = _on_grid(booking, schedule, grid["minutes"])
            if finer != booking["claims"]:
                self._rewrite(booking, finer)
        self._grids.update_one(
            {"_id": grid["_id"], "minutes": grid["minutes"]}, {"$set": {"isApplied": True}}
        )
        logger.info("claims rewritten on a finer grid", extra={"code": schedule})

    def _rewrite(self, booking: Document, claims: list[str]) -> None:
        unchanged = {"_id": booking["_id"], "version": booking["version"], "claims": {"$ne": []}}
        try:
            self._bookings.update_one(unchanged, {"$set": {"claims": claims}})
        except DuplicateKeyError:
            # Only clocks that differ by more than `SETTLE` make this possible.
            logger.error("appointments overlap", extra={"booking_id": booking["_id"]})
            attention = {"code": "appointments_overlap", "at": now()}
            self._bookings.update_one({"_id": booking["_id"]}, {"$set": {"attention": attention}})


def _on_grid(booking: Document, schedule: str, minutes: int) -> list[str]:
    """Return the booking's claims, those on the schedule in cells of `minutes`."""
    claims: list[str] = booking["claims"]
    duration = (booking["end"] - booking["date"]) // timedelta(minutes=1)
    cell_minutes = duration // max(len(claims), 1)
    finer: list[str] = []
    for claim in claims:
        owner, seat, cell = claim.split("/")
        if owner == schedule and cell_minutes > minutes:
            first, last = int(cell), int(cell) + cell_minutes // CELL_MINUTES
            finer += claim_keys(schedule, int(seat), range(first, last, minutes // CELL_MINUTES))
        else:
            finer.append(claim)
    return finer
