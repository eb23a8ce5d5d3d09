"""The dependency providers that the nameko services share."""

from __future__ import annotations

from typing import Any

from nameko.containers import ServiceContainer, WorkerContext
from nameko.extensions import DependencyProvider, SharedExtension
from nameko_mongodb.database import MongoDatabase

from clinic import config
from clinic.bookings.bootstrap import create_repository
from clinic.bookings.reader import BookingReader
from clinic.bookings.repository import BookingRepository
from clinic.catalogue.store import CatalogueStore
from clinic.mongo.client import DATABASE_NAME, durable_uri
from clinic.observability.logs import is_request_id, request_id


class RequestId(DependencyProvider):
    """Adds the request id of a call or message to the log lines of its worker."""

    def worker_setup(self, worker_ctx: WorkerContext) -> None:
        value = worker_ctx.data.get("request_id")
        request_id.set(str(value) if is_request_id(value) else "")


class ContextFlag(DependencyProvider):
    """Injects a flag of the message: `is_replay` (replayed from the dead letters) or
    `is_repeated` (may have been handled before)."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_dependency(self, worker_ctx: WorkerContext) -> bool:
        return bool(worker_ctx.data.get(self.name))


class DatabaseProvider(MongoDatabase):
    """nameko-mongodb's provider, configured only by its connection URL.

    It connects on first use, so a service can start before its database.
    """

    def bind(self, container: ServiceContainer, attr_name: str = "database") -> Any:
        """Bind to a service or, without a name, to another extension."""
        return super().bind(container, attr_name)

    def setup(self) -> None:
        # The only place where nameko-mongodb reads it.
        uri = self.container.config["MONGODB_CONNECTION_URL"]
        self.container.config["MONGODB_CONNECTION_URL"] = durable_uri(uri)
        super().setup()
        self.database = self.client.get_default_database(DATABASE_NAME)

    def stop(self) -> None:
        if self.client:  # a second SIGTERM calls stop again
            super().stop()


class BookingReaderProvider(DatabaseProvider):
    """Injects a `BookingReader`."""

    def setup(self) -> None:
        super().setup()
        self.reader = BookingReader(self.database)

    def get_dependency(self, worker_ctx: WorkerContext) -> BookingReader:
        return self.reader


class CatalogueStoreProvider(DatabaseProvider):
    """Injects a `CatalogueStore`."""

    def setup(self) -> None:
        super().setup()
        self.store = CatalogueStore(self.database)

    def get_dependency(self, worker_ctx: WorkerContext) -> CatalogueStore:
        return self.store


class RepositoryExtension(SharedExtension, DatabaseProvider):
    """The booking repository and relay of a container, shared by its providers.

    Set up before any worker starts; nameko does not define the order of extensions before that.
    """

    repository: BookingRepository

    def setup(self) -> None:
        super().setup()
        settings = config.settings(self.container.config)
        self.repository, self.relay = create_repository(self.database, settings)

    def start(self) -> None:
        self.relay.start()

    def stop(self) -> None:
        self.relay.stop()
        super().stop()


class BookingRepositoryProvider(DependencyProvider):
    """Injects the `BookingRepository`."""

    shared = RepositoryExtension()

    def get_dependency(self, worker_ctx: WorkerContext) -> BookingRepository:
        return self.shared.repository
