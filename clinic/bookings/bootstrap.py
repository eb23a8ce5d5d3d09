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
        settings.outbox_grace_seconds,
        settings.outbox_resend_seconds,
        settings.outbox_limit,
    )
    relay = Relay(outbox, publisher, settings.outbox_sweep_seconds, settings.outbox_grace_seconds)
    return BookingRepository(database, outbox, settings.max_open_bookings), relay
