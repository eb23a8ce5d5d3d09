"""Checks the seats during the faults: a short violation may be gone at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import eventlet
from pymongo.errors import PyMongoError

from tests.faults.claims import overbooked
from tests.faults.system import System

_CONFIRMED = {"status": "confirmed"}
_FIELDS = dict.fromkeys(
    ("status", "version", "date", "end", "claims", "service", "practitioner"), True
)
_PAUSE_SECONDS = 2.0


class Watch:
    """Looks for overlapping appointments again and again, read past the proxies."""

    def __init__(self, system: System) -> None:
        self._system = system
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
        catalogue = self._system.catalogue
        seen = self._read()
        if any(overbooked(seen.values(), catalogue)):
            self._found.update(overbooked(unchanged(seen, self._read()), catalogue))

    def _read(self) -> dict[str, dict[str, Any]]:
        return {each["_id"]: each for each in self._bookings.find(_CONFIRMED, _FIELDS)}


def unchanged(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Select the bookings that were the same in two reads, and so were all so between them: what
    changes during a read may be seen twice, or with what has taken its place."""
    return [
        booking
        for key, booking in after.items()
        if key in before and before[key]["version"] == booking["version"]
    ]


@contextmanager
def watching(system: System) -> Iterator[Watch]:
    watch = Watch(system)
    thread = eventlet.spawn(watch.run)
    try:
        yield watch
    finally:
        thread.kill()
