"""Checks the seats during the faults: a short violation may be gone at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import eventlet
from pymongo.errors import PyMongoError

from tests.faults.system import SEATS, System

_CONFIRMED = "confirmed"
_PAUSE_SECONDS = 2.0


class Watch:
    """Counts the confirmed bookings of each slot again and again, read past the proxies."""

    def __init__(self, system: System) -> None:
        self._bookings = system.database["bookings"]
        self._found: set[str] = set()
        self._reported: set[str] = set()
        self.looks = 0

    def news(self) -> list[str]:
        """Return what was found since the last time."""
        news = sorted(self._found - self._reported)
        self._reported |= self._found
        return [f"I3: {text}" for text in news]

    def run(self) -> None:
        while True:
            eventlet.sleep(_PAUSE_SECONDS)
            try:
                self._look()
            except PyMongoError:
                continue  # the database is among what is killed
            self.looks += 1

    def _look(self) -> None:
        found = self._bookings.find({"status": _CONFIRMED}, {"slot": True})
        for slot, count in Counter(each["slot"] for each in found).items():
            # One that moves while all are read may be read twice, or in two places.
            if count > SEATS and (again := self._count(slot)) > SEATS:
                self._found.add(f"{again} confirmed at once for {SEATS} seats on {slot}")

    def _count(self, slot: datetime) -> int:
        return len(list(self._bookings.find({"status": _CONFIRMED, "slot": slot}, {"_id": True})))


@contextmanager
def watching(system: System) -> Iterator[Watch]:
    watch = Watch(system)
    thread = eventlet.spawn(watch.run)
    try:
        yield watch
    finally:
        thread.kill()
