"""Fixtures for tests of the staff pages of a clinic with a catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pymongo.database import Database

from clinic.bookings.bootstrap import create_repository
from clinic.bookings.repository import BookingRepository
from clinic.catalogue.from_configuration import CatalogueSettings
from clinic.catalogue.store import CatalogueStore
from clinic.config import settings
from clinic.domain.catalogue import DEFAULT_CLINIC, Catalogue
from clinic.outbox.relay import Relay
from gateway.app import create_app
from gateway.settings import GatewaySettings
from tests.clinics import make_calendar
from tests.conftest import UNLIMITED
from tests.health_centre import LocalBookingService, health_centre, to_json
from tests.rpc import NO_SERVICE
from tests.staff import KEY, Staff

#: The catalogue of the settings, for a clinic that has stored none.
_DEFAULT = make_calendar().to_catalogue()


@dataclass(frozen=True, slots=True)
class StaffGateway:
    """A gateway with signed-in staff, beside its booking service and catalogue."""

    staff: Staff
    service: LocalBookingService
    catalogues: CatalogueStore


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
    """Makes gateways with signed-in staff, for a catalogue, which is stored if it is configured."""

    def make(catalogue: Catalogue) -> StaffGateway:
        catalogues = CatalogueStore(relayed[0].database, catalogue.horizon)
        if catalogue.is_configured:
            catalogues.replace(DEFAULT_CLINIC, to_json(catalogue))
        service = LocalBookingService(
            relayed[0], lambda: catalogues.load(DEFAULT_CLINIC) or catalogue
        )
        own = GatewaySettings(
            catalogue=CatalogueSettings(_DEFAULT, 60), staff_api_keys=frozenset({KEY})
        )
        app = create_app(*relayed, own, service, NO_SERVICE)  # type: ignore[arg-type]
        return StaffGateway(Staff(app.test_client()), service, catalogues)

    return make


@pytest.fixture
def staff_gateway(make_staff_gateway: Callable[[Catalogue], StaffGateway]) -> StaffGateway:
    return make_staff_gateway(health_centre())
