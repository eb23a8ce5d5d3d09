"""E-mail addresses whose owner has proved access to the mailbox, stored as hashes."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from clinic.domain.clock import now
from clinic.mongo.client import OPERATION_TIMEOUT_SECONDS, database_errors
from clinic.mongo.quota import address_hash


class ConfirmedAddresses:
    """Every method may raise DatabaseUnavailable."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._addresses = database["confirmed_addresses"]

    def add(self, address: str) -> None:
        """Record that a code sent only to that mailbox was used. Idempotent."""
        first_use = {"$setOnInsert": {"confirmedAt": now()}}
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            self._addresses.update_one({"_id": address_hash(address)}, first_use, upsert=True)

    def contains(self, holder: str) -> bool:
        """Return whether the address with the hash `holder` is confirmed."""
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            return self._addresses.find_one({"_id": holder}, {"_id": True}) is not None
