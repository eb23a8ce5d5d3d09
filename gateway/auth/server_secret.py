"""A random secret of this installation, stored in MongoDB and shared by all gateways."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic.mongo.client import OPERATION_TIMEOUT_SECONDS, database_errors

_ID = "staff_sessions"
_BYTES = 32


def server_secret(database: Database[dict[str, Any]]) -> bytes:
    """Return the secret; the first gateway generates it. Raises: DatabaseUnavailable."""
    stored = database["server_secrets"]
    with database_errors(OPERATION_TIMEOUT_SECONDS):
        if found := stored.find_one({"_id": _ID}):
            return bytes(found["value"])
        with suppress(DuplicateKeyError):  # another gateway was first
            stored.insert_one({"_id": _ID, "value": secrets.token_bytes(_BYTES)})
        return bytes(stored.find_one({"_id": _ID})["value"])  # type: ignore[index]
