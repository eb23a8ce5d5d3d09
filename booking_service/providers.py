"""What the worker is given beyond the shared providers."""

from __future__ import annotations

from nameko.containers import WorkerContext

from booking_service.decision import Decider
from booking_service.settings import booking_settings
from clinic.providers import RelayedDatabase


class Decisions(RelayedDatabase):
    """Gives each entrypoint the `Decider`, with the clinic's calendar and its check."""

    def setup(self) -> None:
        super().setup()
        settings = booking_settings(self.container.config)
        self.decider = Decider(
            self.store, settings.calendar, settings.check, self.container.service_name
        )

    def get_dependency(self, worker_ctx: WorkerContext) -> Decider:
        return self.decider
