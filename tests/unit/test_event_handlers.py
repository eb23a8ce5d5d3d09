"""The handlers name the service and the event that the topology routes to their queues."""

from __future__ import annotations

import pytest
from nameko.standalone.events import get_event_exchange

from clinic.messaging.topology import EVENTS, STATE_CHANGED
from clinic.nameko_extensions.retrying_consumer import RetryingEventHandler
from notification_service.service import NotificationService, WebhookService


@pytest.mark.parametrize("service", [NotificationService, WebhookService])
def test_a_handler_names_what_it_receives(service: type) -> None:
    (handler,) = service.handle_booking_state_changed.nameko_entrypoints  # type: ignore[attr-defined]
    assert isinstance(handler, RetryingEventHandler)
    exchange = get_event_exchange(handler.source_service, {})
    assert (exchange.name, exchange.type) == (EVENTS.name, EVENTS.type)
    assert handler.event_type == STATE_CHANGED
