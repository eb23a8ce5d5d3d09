"""The dependency providers of the booking service."""

from __future__ import annotations

from functools import cached_property

from nameko.containers import WorkerContext
from nameko.extensions import DependencyProvider

from booking_service.availability_check import AvailabilityCheck
from booking_service.scheduling.allocator import Allocator, AllocatorOf
from booking_service.scheduling.working_hours import WorkingHours
from booking_service.settings import booking_settings
from clinic.catalogue.cache import CatalogueCache
from clinic.catalogue.store import CatalogueStore
from clinic.nameko_extensions.dependency_providers import RepositoryExtension


class AllocatorProvider(DependencyProvider):
    """Injects `allocator_of(clinic)`, which returns an `Allocator` for the clinic's catalogue."""

    shared = RepositoryExtension()

    def setup(self) -> None:
        self.settings = booking_settings(self.container.config).catalogue
        self.allocators: dict[str, Allocator] = {}

    @cached_property
    def catalogues(self) -> CatalogueCache:
        # Made at the first use: nameko sets up extensions in any order.
        settings = self.settings
        store = CatalogueStore(self.shared.repository.database, settings.default.horizon)
        return CatalogueCache(store.load, settings.default, settings.refresh_seconds, store.version)

    def get_dependency(self, worker_ctx: WorkerContext) -> AllocatorOf:
        return self.allocator_of

    def allocator_of(self, clinic: str) -> Allocator:
        """Raises: DatabaseUnavailable."""
        catalogue = self.catalogues.get(clinic)
        allocator = self.allocators.get(clinic)
        if allocator is None or allocator.hours.catalogue is not catalogue:
            hours = WorkingHours(catalogue)
            allocator = self.allocators[clinic] = Allocator(self.shared.repository, hours)
        return allocator


class AvailabilityCheckProvider(DependencyProvider):
    """Injects the simulated `AvailabilityCheck`."""

    def setup(self) -> None:
        self.check = booking_settings(self.container.config).check

    def get_dependency(self, worker_ctx: WorkerContext) -> AvailabilityCheck:
        return self.check
