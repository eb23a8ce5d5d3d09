"""nameko's event dispatcher, with a transactional outbox."""

from __future__ import annotations

from nameko.containers import WorkerContext
from nameko.events import EventDispatcher

from clinic.contracts.messages import Dispatch
from clinic.domain.booking import Transition
from clinic.messaging.topology import STATE_CHANGED
from clinic.nameko_extensions.dependency_providers import RepositoryExtension


class OutboxEventDispatcher(EventDispatcher):
    """Injects `dispatch(event_type, event_data)`, as nameko's dispatcher does.

    It stores the transition of a booking and its event in one update. The relay then publishes the
    event to nameko's exchange for this service, in nameko's format. So there is no event without
    its transition, no transition without its event, and no broker to wait for.
    """

    shared = RepositoryExtension()

    def setup(self) -> None:
        """Open no connection to the broker; the relay has one."""

    def get_dependency(self, worker_ctx: WorkerContext) -> Dispatch:
        repository = self.shared.repository

        def dispatch(event_type: str, event_data: Transition) -> None:
            if event_type != STATE_CHANGED:
                raise ValueError(f"not an event of this service: {event_type}")
            repository.apply(event_data)

        return dispatch
