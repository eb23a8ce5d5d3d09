"""The composition root of the repository and its relay, for processes that write bookings."""

from __future__ import annotations

from pymongo.database import Database

from clinic.bookings.repository import BookingRepository
from clinic.config import Settings
from clinic.messaging import topology
from clinic.messaging.publisher import Publisher
from clinic.mongo.client import Document
from clinic.outbox.outbox import Outbox
from clinic.outbox.relay import Relay


def create_repository(
    database: Database[Document], settings: Settings, *, has_breaker: bool = False
) -> tuple[BookingRepository, Relay]:
    """Return the repository and the relay that sends its messages. The caller starts the relay."""
    declare = topology.declarer(settings)
    publisher = Publisher(settings.amqp_uri, declare, heartbeat_seconds=10)
    outbox = Outbox(
        database,
        settings.outbox.heartbeat_timeout_seconds,
        settings.outbox.republish_seconds,
        settings.outbox.max_pending,
    )
    relay = Relay(
        outbox,
        publisher,
        settings.outbox.recovery_interval_seconds,
        settings.outbox.heartbeat_timeout_seconds,
    )
    bookings = BookingRepository(
        database, outbox, settings.max_open_bookings, has_breaker=has_breaker
    )
    return bookings, relay
