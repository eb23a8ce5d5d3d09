"""Puts a store and its relay together, the same way in every process that writes bookings."""

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
    database: Database[Document], settings: Settings
) -> tuple[BookingRepository, Relay]:
    """Return a store whose messages leave through the relay once that is started."""
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
    return BookingRepository(database, outbox, settings.max_open_bookings), relay
