"""The allocators of the clinics, each for the current catalogue and claim grid."""

from __future__ import annotations

from dataclasses import replace

from booking_service.scheduling.allocator import Allocator
from booking_service.scheduling.working_hours import WorkingHours
from clinic.bookings.claim_grids import ClaimGrids
from clinic.bookings.reader import BookingReader
from clinic.catalogue.cache import CatalogueCache
from clinic.catalogue.from_configuration import POOL
from clinic.domain.booking import NO_CHOICE, Choice
from clinic.domain.catalogue import Catalogue
from clinic.domain.time_cells import CELL_MINUTES


class CurrentAllocators:
    def __init__(
        self, bookings: BookingReader, catalogues: CatalogueCache, grids: ClaimGrids
    ) -> None:
        self._bookings = bookings
        self._catalogues = catalogues
        self._grids = grids
        self._allocators: dict[str, tuple[Catalogue, int, Allocator]] = {}

    def of(self, clinic: str, choice: Choice = NO_CHOICE) -> Allocator:
        """Return the same allocator while nothing has changed, with what it remembers. It knows the
        items of the choice, unless they are gone.

        Raises: ClaimGridChanging, DatabaseUnavailable.
        """
        catalogue = self._catalogues.get_knowing(clinic, choice)
        grid = self._grid(clinic, catalogue)
        known = self._allocators.get(clinic)
        if known is None or known[0] is not catalogue or known[1] != grid:
            hours = WorkingHours(_with_grid(catalogue, grid))
            known = self._allocators[clinic] = (
                catalogue,
                grid,
                Allocator(self._bookings, hours),
            )
        return known[2]

    def _grid(self, clinic: str, catalogue: Catalogue) -> int:
        """Return the grid of the pool. All other schedules have the finest one, which needs no
        agreement."""
        pool = catalogue.schedules.get(POOL)
        return self._grids.minutes(clinic, POOL, pool.grid_minutes) if pool else CELL_MINUTES


def _with_grid(catalogue: Catalogue, minutes: int) -> Catalogue:
    pool = catalogue.schedules.get(POOL)
    if pool is None:
        return catalogue
    pools = {POOL: replace(pool, grid_minutes=minutes)}
    return replace(catalogue, schedules={**catalogue.schedules, **pools})
