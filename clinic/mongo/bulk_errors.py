"""Splits the error of a bulk write into the errors of its documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.errors import BulkWriteError, DuplicateKeyError, WriteError

from clinic.errors import DatabaseUnavailable

_DUPLICATE_KEY = 11000


def bulk_write_errors(error: BulkWriteError) -> dict[int, WriteError]:
    """Map the index of each failed document to the error that a single write would raise.

    Raises: DatabaseUnavailable if the writes are not durable yet.
    """
    details: Mapping[str, Any] = error.details or {}
    if details.get("writeConcernErrors"):
        raise DatabaseUnavailable("stored, but not durably yet") from None
    return {item["index"]: _to_error(item) for item in details["writeErrors"]}


def _to_error(item: Mapping[str, Any]) -> WriteError:
    kind = DuplicateKeyError if item["code"] == _DUPLICATE_KEY else WriteError
    # The operation contains personal data, and errors are logged.
    details = {name: value for name, value in item.items() if name != "op"}
    return kind(item["errmsg"], item["code"], details)
