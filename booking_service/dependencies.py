"""The dependency providers of the booking service."""

from __future__ import annotations

from datetime import datetime

from nameko.containers import WorkerContext
from nameko.extensions import DependencyProvider

from booking_service.availability_check import AvailabilityCheck
from booking_service.seat_allocation import SeatAllocator
from booking_service.settings import booking_settings
from clinic.nameko_extensions.dependency_providers import RepositoryExtension


class SeatAllocatorProvider(DependencyProvider):
    """Injects a `SeatAllocator` for the clinic's calendar."""

    shared = RepositoryExtension()

    def setup(self) -> None:
        self.calendar = booking_settings(self.container.config).calendar
        self.contested: set[datetime] = set()

    def get_dependency(self, worker_ctx: WorkerContext) -> SeatAllocator:
        return SeatAllocator(self.shared.repository, self.calendar, self.contested)


class AvailabilityCheckProvider(DependencyProvider):
    """Injects the simulated `AvailabilityCheck`."""

    def setup(self) -> None:
        self.check = booking_settings(self.container.config).check

    def get_dependency(self, worker_ctx: WorkerContext) -> AvailabilityCheck:
        return self.check
