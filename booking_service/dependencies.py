"""What the services are given beyond the shared providers."""

from __future__ import annotations

from nameko.containers import WorkerContext
from nameko.extensions import DependencyProvider

from booking_service.calendar import Calendar
from booking_service.decide import Decider
from booking_service.settings import booking_settings
from clinic.nameko_extensions.dependency_providers import RepositoryProvider


class DeciderProvider(RepositoryProvider):
    """Gives each entrypoint the `Decider`, with the clinic's calendar and its check."""

    def setup(self) -> None:
        super().setup()
        settings = booking_settings(self.container.config)
        self.decider = Decider(
            self.store, settings.calendar, settings.check, self.container.service_name
        )

    def get_dependency(self, worker_ctx: WorkerContext) -> Decider:
        return self.decider


class CalendarProvider(DependencyProvider):
    """Gives each entrypoint the clinic's `Calendar`."""

    def setup(self) -> None:
        self.calendar = booking_settings(self.container.config).calendar

    def get_dependency(self, worker_ctx: WorkerContext) -> Calendar:
        return self.calendar
