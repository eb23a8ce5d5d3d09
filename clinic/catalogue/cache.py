"""The current catalogues of the clinics, as far as a process needs them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from clinic.domain.booking import Choice
from clinic.domain.catalogue import DEFAULT_CLINIC, Catalogue
from clinic.errors import DatabaseUnavailable

#: Reads the stored catalogue of a clinic; None if there is none.
Load = Callable[[str], Catalogue | None]
#: Reads its version only; 0 if there is none.
Version = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class _Cached:
    catalogue: Catalogue
    until: float


class CatalogueCache:
    """Reads a catalogue again when it is older than `refresh_seconds`. Thread-safe.

    While the database is down, it returns the last one. `default` is the catalogue of a clinic that
    has stored none. `version` saves loading an unchanged one.
    """

    def __init__(
        self,
        load: Load,
        default: Catalogue,
        refresh_seconds: float,
        version: Version | None = None,
    ) -> None:
        self._load = load
        self._version = version
        self._default = default
        self._refresh_seconds = refresh_seconds
        self._cached: dict[str, _Cached] = {}
        self._lock = threading.Lock()

    def get(self, clinic: str = DEFAULT_CLINIC) -> Catalogue:
        """Return the catalogue. While another thread reads it again, return the last one.

        Raises: DatabaseUnavailable, if the catalogue was never read.
        """
        cached = self._cached.get(clinic)
        if cached is not None and time.monotonic() < cached.until:
            return cached.catalogue
        if not self._lock.acquire(blocking=cached is None):
            return cached.catalogue if cached else self._default
        try:
            return self._refresh(clinic)
        finally:
            self._lock.release()

    def last(self, clinic: str = DEFAULT_CLINIC) -> Catalogue:
        """Return what was read last, without reading; it may be old."""
        cached = self._cached.get(clinic)
        return cached.catalogue if cached else self._default

    def get_knowing(self, clinic: str, choice: Choice) -> Catalogue:
        """Return the catalogue, read again if it lacks an item of the choice: another process may
        have read a newer one. Raises: as `get`."""
        catalogue = self.get(clinic)
        if catalogue.has(choice):
            return catalogue
        self._cached[clinic] = _Cached(catalogue, until=0)
        return self.get(clinic)

    def forget(self) -> None:
        """Read again at the next use, because this process has changed a catalogue."""
        self._cached.clear()

    def _refresh(self, clinic: str) -> Catalogue:
        cached = self._cached.get(clinic)
        if cached is not None and time.monotonic() < cached.until:
            return cached.catalogue  # another thread was first
        try:
            catalogue = self._read(clinic, cached)
        except DatabaseUnavailable:
            if cached is None:
                raise
            catalogue = cached.catalogue
        self._cached[clinic] = _Cached(catalogue, time.monotonic() + self._refresh_seconds)
        return catalogue

    def _read(self, clinic: str, cached: _Cached | None) -> Catalogue:
        """Return the same object while the version is the same."""
        if cached and self._version and self._version(clinic) == cached.catalogue.version:
            return cached.catalogue
        return self._load(clinic) or self._default
