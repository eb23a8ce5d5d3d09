"""What the nameko services are given to work with."""

from __future__ import annotations

from nameko.containers import WorkerContext
from nameko.extensions import DependencyProvider
from nameko_mongodb.database import MongoDatabase

from clinic import config
from clinic.bookings.bootstrap import create_repository
from clinic.bookings.repository import BookingRepository
from clinic.mongo.client import DATABASE_NAME, durable_uri
from clinic.observability.logs import is_request_id, request_id


class RequestId(DependencyProvider):
    """Lets the log lines of a worker carry the request id that came with its call or message."""

    def worker_setup(self, worker_ctx: WorkerContext) -> None:
        given = worker_ctx.data.get("request_id")
        request_id.set(str(given) if is_request_id(given) else "")


class ContextFlag(DependencyProvider):
    """Tells an entrypoint what is known of its message: `is_replay` (a person has sent it round
    again), `is_repeated` (somebody may have handled it before)."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_dependency(self, worker_ctx: WorkerContext) -> bool:
        return bool(worker_ctx.data.get(self.name))


class DatabaseProvider(MongoDatabase):
    """nameko-mongodb's provider, configured by its connection URL alone.

    Opens no connection until it is used, so that a service starts before its database.
    """

    def setup(self) -> None:
        # Where nameko-mongodb reads it, and only there.
        uri = self.container.config["MONGODB_CONNECTION_URL"]
        self.container.config["MONGODB_CONNECTION_URL"] = durable_uri(uri)
        super().setup()
        self.database = self.client.get_default_database(DATABASE_NAME)

    def stop(self) -> None:
        if self.client:  # a second SIGTERM stops everything a second time
            super().stop()


class RepositoryProvider(DatabaseProvider):
    """Opens the bookings in `self.store`, and runs the relay that writing them needs."""

    def setup(self) -> None:
        super().setup()
        settings = config.settings(self.container.config)
        self.store, self.relay = create_repository(self.database, settings)

    def start(self) -> None:
        self.relay.start()

    def stop(self) -> None:
        self.relay.stop()
        super().stop()


class BookingRepositoryProvider(RepositoryProvider):
    """Gives each entrypoint the `BookingRepository`."""

    def get_dependency(self, worker_ctx: WorkerContext) -> BookingRepository:
        return self.store
