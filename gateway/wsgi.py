"""The WSGI application, for any WSGI server. Prefer `gateway.asgi` in production."""

from __future__ import annotations

import logging
import logging.config
import os
import sys
from multiprocessing.util import Finalize
from typing import Any

from flask import Flask
from pymongo import MongoClient

from clinic.bookings.bootstrap import create_repository
from clinic.config import load, settings
from clinic.errors import ConfigError
from clinic.messaging.topology import BOOKING_SERVICE, NOTIFICATION_ADMIN
from clinic.mongo.client import DATABASE_NAME, durable_uri
from clinic.rpc.rpc_client import RpcPool
from gateway.app import create_app
from gateway.settings import gateway_settings

logger = logging.getLogger(__name__)

#: Concurrent RPC calls that only read free slots.
READERS = 16


def start(config: dict[str, Any]) -> Flask:
    """Create the application and its connections. Database and broker may still be down.

    Raises: ConfigError.
    """
    logging.config.dictConfig(config["LOGGING"])
    read, own = settings(config), gateway_settings(config)
    if not own.staff_keys:
        logger.warning("STAFF_API_KEY is not set: the staff pages and /metrics are closed")
    client: MongoClient[dict[str, Any]] = MongoClient(durable_uri(read.mongodb_uri))
    store, relay = create_repository(
        client.get_default_database(DATABASE_NAME), read, has_breaker=True
    )
    relay.start()
    # Granian starts workers with multiprocessing, which runs no atexit handlers.
    Finalize(None, logging.shutdown, exitpriority=0)
    Finalize(None, relay.stop, exitpriority=1)
    booking_service = RpcPool(read.amqp_uri, BOOKING_SERVICE)
    notification_admin = RpcPool(read.amqp_uri, NOTIFICATION_ADMIN)
    readers = RpcPool(read.amqp_uri, BOOKING_SERVICE, limit=READERS)
    for pool in (booking_service, notification_admin, readers):
        Finalize(None, pool.close, exitpriority=1)
    return create_app(store, relay, own, booking_service, notification_admin, read, readers)


_path = os.environ.get("CLINIC_CONFIG") or "config.yaml"
try:
    app = start(load(_path))
except ConfigError as error:
    sys.exit(f"gateway: {_path}: {error}")
