"""Fixtures for tests of the staff pages of a clinic with a catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pymongo.database import Database

from clinic.bookings.bootstrap import create_repository
from clinic.bookings.repository import BookingRepository
from clinic.catalogue.cache import CatalogueCache
from clinic.config import settings
from clinic.domain.catalogue import Catalogue
from clinic.outbox.relay import Relay
from gateway.app import create_app
from gateway.settings import GatewaySettings
from tests.conftest import UNLIMITED
from tests.health_centre import LocalBookingService, health_centre
from tests.rpc import NO_SERVICE
from tests.staff import KEY, Staff


@dataclass(frozen=True, slots=True)
class StaffGateway:
    staff: Staff
    service: LocalBookingService


@pytest.fixture
def relayed(database: Database[Any], mongodb_uri: str) -> tuple[BookingRepository, Relay]:
    """A repository whose relay is not started; its broker is unreachable."""
    nowhere = "amqp://guest:guest@127.0.0.1:1/"
    return create_repository(
        database,
        settings({"AMQP_URI": nowhere, "MONGODB_CONNECTION_URL": mongodb_uri, **UNLIMITED}),
    )


@pytest.fixture
def store(relayed: tuple[BookingRepository, Relay]) -> BookingRepository:
    return relayed[0]


@pytest.fixture
def make_staff_gateway(
    relayed: tuple[BookingRepository, Relay],
) -> Callable[[Catalogue], StaffGateway]:
    """Makes gateways with signed-in staff, for a catalogue."""

    def make(catalogue: Catalogue) -> StaffGateway:
        service = LocalBookingService(relayed[0], catalogue)
        own = GatewaySettings(staff_api_keys=frozenset({KEY}))
        app = create_app(*relayed, own, service, NO_SERVICE)  # type: ignore[arg-type]
        app.config["CATALOGUES"] = CatalogueCache(lambda _clinic: catalogue, catalogue, 60)
        return StaffGateway(Staff(app.test_client()), service)

    return make


@pytest.fixture
def staff_gateway(make_staff_gateway: Callable[[Catalogue], StaffGateway]) -> StaffGateway:
    return make_staff_gateway(health_centre())
