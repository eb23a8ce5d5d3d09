"""The dependency providers of the booking service."""

from __future__ import annotations

from functools import cached_property

from nameko.containers import WorkerContext
from nameko.extensions import DependencyProvider

from booking_service.availability_check import AvailabilityCheck
from booking_service.scheduling.allocator import AllocatorOf
from booking_service.scheduling.current_allocators import CurrentAllocators
from booking_service.settings import booking_settings
from clinic.bookings.claim_grids import ClaimGrids
from clinic.catalogue.cache import CatalogueCache
from clinic.catalogue.store import CatalogueStore
from clinic.nameko_extensions.dependency_providers import RepositoryExtension


class AllocatorProvider(DependencyProvider):
    """Injects `allocator_of(clinic)`, which returns an `Allocator` for the clinic's catalogue."""

    shared = RepositoryExtension()

    def setup(self) -> None:
        self.settings = booking_settings(self.container.config).catalogue

    def get_dependency(self, worker_ctx: WorkerContext) -> AllocatorOf:
        return self.allocators.of

    @cached_property
    def allocators(self) -> CurrentAllocators:
        # Made at the first use: nameko sets up extensions in any order.
        bookings, settings = self.shared.repository, self.settings
        store = CatalogueStore(bookings.database, settings.default.horizon)
        catalogues = CatalogueCache(
            store.load, settings.default, settings.refresh_seconds, store.version
        )
        return CurrentAllocators(bookings, catalogues, ClaimGrids(bookings.database))


class AvailabilityCheckProvider(DependencyProvider):
    """Injects the simulated `AvailabilityCheck`."""

    def setup(self) -> None:
        self.check = booking_settings(self.container.config).check

    def get_dependency(self, worker_ctx: WorkerContext) -> AvailabilityCheck:
        return self.check
