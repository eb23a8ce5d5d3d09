"""The process's entry: `granian --interface wsgi gateway.wsgi:app`."""

from __future__ import annotations

import atexit
import logging
import logging.config
import os
import sys
from typing import Any

from flask import Flask
from pymongo import MongoClient

from clinic.assembly import relayed_store
from clinic.config import load, settings
from clinic.database import DATABASE_NAME, durable_uri
from clinic.errors import ConfigError
from gateway.app import create_app

logger = logging.getLogger(__name__)


def start(config: dict[str, Any]) -> Flask:
    """Connect what the application needs; neither database nor broker must be there yet.

    Raises: ConfigError.
    """
    logging.config.dictConfig(config["LOGGING"])
    read = settings(config)
    client: MongoClient[dict[str, Any]] = MongoClient(durable_uri(read.mongodb_uri))
    store, relay = relayed_store(client.get_default_database(DATABASE_NAME), read)
    relay.start()
    atexit.register(relay.stop)
    return create_app(store, relay, _keys(config.get("STAFF_API_KEY") or ""))


def _keys(text: str) -> frozenset[str]:
    keys = frozenset(key.strip() for key in text.split(",") if key.strip())
    if not all(key.isascii() and key.isprintable() for key in keys):
        raise ConfigError("STAFF_API_KEY: an HTTP header can carry printable ASCII only")
    return keys


try:
    app = start(load(os.environ.get("CLINIC_CONFIG", "config.yaml")))
except (ConfigError, OSError) as error:
    sys.exit(f"gateway: {error}")
