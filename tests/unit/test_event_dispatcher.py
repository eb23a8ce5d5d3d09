"""The dispatcher of events is nameko's, and stores what it dispatches."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest
from nameko.events import EventDispatcher

from booking_service.service import BookingService, BookingWorker
from clinic.domain.booking import reject
from clinic.domain.clock import now
from clinic.messaging.topology import STATE_CHANGED
from clinic.nameko_extensions.event_dispatcher import OutboxEventDispatcher
from tests.bookings import requested


@pytest.fixture
def repository() -> Mock:
    return Mock(spec=["apply"])


@pytest.fixture
def dispatch(repository: Mock) -> Any:
    dispatcher = OutboxEventDispatcher()
    dispatcher.shared = SimpleNamespace(repository=repository)
    return dispatcher.get_dependency(None)


@pytest.mark.parametrize("service", [BookingService, BookingWorker])
def test_both_services_dispatch_through_nameko(service: type) -> None:
    assert isinstance(vars(service)["dispatch"], EventDispatcher)


def test_setup_does_not_connect_to_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = MagicMock()
    monkeypatch.setattr("nameko.messaging.get_connection", connect)
    dispatcher = OutboxEventDispatcher()
    dispatcher.container = Mock(config={"AMQP_URI": "amqp://127.0.0.1:9/"}, service_name="service")
    dispatcher.setup()
    connect.assert_not_called()


def test_a_transition_is_stored_with_its_event(dispatch: Any, repository: Mock) -> None:
    transition = reject(requested(), reason="past", at=now(), by="test")
    dispatch(STATE_CHANGED, transition)
    repository.apply.assert_called_once_with(transition)


def test_another_event_is_refused(dispatch: Any, repository: Mock) -> None:
    transition = reject(requested(), reason="past", at=now(), by="test")
    with pytest.raises(ValueError, match="booking_deleted"):
        dispatch("booking_deleted", transition)
    repository.apply.assert_not_called()
