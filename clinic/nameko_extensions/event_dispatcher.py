"""nameko's event dispatcher, with a transactional outbox."""

from __future__ import annotations

from nameko.containers import WorkerContext
from nameko.events import EventDispatcher

from clinic.contracts.messages import Dispatch
from clinic.domain.booking import Transition
from clinic.messaging.topology import STATE_CHANGED
from clinic.nameko_extensions.dependency_providers import RepositoryExtension


class OutboxEventDispatcher(EventDispatcher):
    """Injects `dispatch(event_type, event_data)`, like nameko's dispatcher.

    It stores a transition and its event in one update. The relay then publishes the event to
    nameko's exchange for this service, in nameko's format. Therefore an event and its transition
    never exist without each other, and the caller never waits for the broker.
    """

    shared = RepositoryExtension()

    def setup(self) -> None:
        """Skip nameko's broker connection; the relay has its own."""

    def get_dependency(self, worker_ctx: WorkerContext) -> Dispatch:
        repository = self.shared.repository

        def dispatch(event_type: str, event_data: Transition) -> None:
            if event_type != STATE_CHANGED:
                raise ValueError(f"not an event of this service: {event_type}")
            repository.apply(event_data)

        return dispatch
