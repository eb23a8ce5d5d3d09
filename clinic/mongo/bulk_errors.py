"""What a write of several documents says about each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.errors import BulkWriteError, DuplicateKeyError, WriteError

from clinic.errors import DatabaseUnavailable

_DUPLICATE_KEY = 11000


def bulk_write_errors(error: BulkWriteError) -> dict[int, WriteError]:
    """Say of each refused document, by its place, what a write of it alone would have raised.

    Raises: DatabaseUnavailable when what was written is not durable yet.
    """
    details: Mapping[str, Any] = error.details or {}
    if details.get("writeConcernErrors"):
        raise DatabaseUnavailable("stored, but not durably yet") from None
    return {fault["index"]: _to_error(fault) for fault in details["writeErrors"]}


def _to_error(fault: Mapping[str, Any]) -> WriteError:
    kind = DuplicateKeyError if fault["code"] == _DUPLICATE_KEY else WriteError
    # The operation itself holds personal data, and errors are logged.
    details = {name: value for name, value in fault.items() if name != "op"}
    return kind(fault["errmsg"], fault["code"], details)
