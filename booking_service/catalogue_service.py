"""The nameko service that reads and changes the catalogue."""

from __future__ import annotations

from typing import Any

from clinic.catalogue.schema.catalogue_schema import ItemKind, Json
from clinic.catalogue.store import CatalogueStore
from clinic.domain.catalogue import DEFAULT_CLINIC
from clinic.errors import ClinicError
from clinic.messaging.topology import CATALOGUE
from clinic.nameko_extensions.dependency_providers import CatalogueStoreProvider, RequestId
from clinic.nameko_extensions.rpc_entrypoint import rpc


class CatalogueService:
    """`n.rpc.catalogue...`: for other services, and for people in `nameko shell`.

    Items have the form of the file. `get_…` and `put_…` return `{"item", "version"}`. The version
    of a `put_…` is the one to replace; None creates the item. `delete_…` without a version deletes
    any.

    Raises: CatalogueItemNotFound, CatalogueInvalid, VersionMismatch, ItemInUse, CatalogueContested,
    DatabaseUnavailable.
    """

    name = CATALOGUE

    store: CatalogueStore = CatalogueStoreProvider()
    request_id = RequestId()

    @rpc(expected_exceptions=ClinicError)
    def get_service(self, service_id: str, clinic: str = DEFAULT_CLINIC) -> Json:
        return _versioned(self.store.get(clinic, ItemKind.SERVICE, service_id))

    @rpc(expected_exceptions=ClinicError)
    def put_service(
        self,
        service_id: str,
        service: Any,
        version: int | None = None,
        clinic: str = DEFAULT_CLINIC,
    ) -> Json:
        return _versioned(self.store.put(clinic, ItemKind.SERVICE, service_id, service, version))

    @rpc(expected_exceptions=ClinicError)
    def delete_service(
        self, service_id: str, version: int | None = None, clinic: str = DEFAULT_CLINIC
    ) -> None:
        self.store.delete(clinic, ItemKind.SERVICE, service_id, version)

    @rpc(expected_exceptions=ClinicError)
    def get_schedule(self, schedule_id: str, clinic: str = DEFAULT_CLINIC) -> Json:
        return _versioned(self.store.get(clinic, ItemKind.SCHEDULE, schedule_id))

    @rpc(expected_exceptions=ClinicError)
    def put_schedule(
        self,
        schedule_id: str,
        schedule: Any,
        version: int | None = None,
        clinic: str = DEFAULT_CLINIC,
    ) -> Json:
        return _versioned(self.store.put(clinic, ItemKind.SCHEDULE, schedule_id, schedule, version))

    @rpc(expected_exceptions=ClinicError)
    def delete_schedule(
        self, schedule_id: str, version: int | None = None, clinic: str = DEFAULT_CLINIC
    ) -> None:
        self.store.delete(clinic, ItemKind.SCHEDULE, schedule_id, version)

    @rpc(expected_exceptions=ClinicError)
    def get_site(self, site_id: str, clinic: str = DEFAULT_CLINIC) -> Json:
        return _versioned(self.store.get(clinic, ItemKind.SITE, site_id))

    @rpc(expected_exceptions=ClinicError)
    def put_site(
        self, site_id: str, site: Any, version: int | None = None, clinic: str = DEFAULT_CLINIC
    ) -> Json:
        return _versioned(self.store.put(clinic, ItemKind.SITE, site_id, site, version))

    @rpc(expected_exceptions=ClinicError)
    def delete_site(
        self, site_id: str, version: int | None = None, clinic: str = DEFAULT_CLINIC
    ) -> None:
        self.store.delete(clinic, ItemKind.SITE, site_id, version)


def _versioned(found: tuple[Json, int]) -> Json:
    item, version = found
    return {"item": item, "version": version}
