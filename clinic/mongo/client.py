"""The connection to MongoDB, and what it means when that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import pymongo
from pymongo.errors import (
    ConnectionFailure,
    ExecutionTimeout,
    InvalidURI,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
    WriteConcernError,
)
from pymongo.uri_parser import parse_uri

from clinic.errors import ConfigError, DatabaseUnavailable

Document = dict[str, Any]

#: Needed for the promises; options of the URL can't weaken them.
_DURABILITY = {"w": "majority", "journal": "true", "tz_aware": "true"}
#: Used where the URL says nothing. No operation may hang: the gateway answers within 3 s.
_DEFAULTS = {
    "serverSelectionTimeoutMS": "2000",
    "connectTimeoutMS": "2000",
    "socketTimeoutMS": "2500",
    "waitQueueTimeoutMS": "2000",
    "maxPoolSize": "100",
}
_UNAVAILABLE = (
    ConnectionFailure,
    ExecutionTimeout,
    NotPrimaryError,
    WaitQueueTimeoutError,
    WriteConcernError,
)

#: A refusal that has to do with the server's state or our credentials, and not with what was asked:
#: Unauthorized, AuthenticationFailed, AtlasError, OutOfDiskSpace, Interrupted and its kin,
#: ShutdownInProgress, PrimarySteppedDown.
_UNAVAILABLE_CODES = frozenset({13, 18, 8000, 14031, 11600, 11601, 11602, 91, 189})

DATABASE_NAME = "clinic"

#: How long one question may take: the gateway answers within 3 seconds.
OPERATION_TIMEOUT_SECONDS = 2.5
#: How long a search in the background may take, where much has piled up.
SCAN_TIMEOUT_SECONDS = 30


def durable_uri(uri: str) -> str:
    """Complete a MongoDB URL with durable writes, aware times and bounded waits.

    Raises: ConfigError, without quoting the URL, which may hold a password.
    """
    try:
        given = {name.lower() for name in parse_uri(uri, validate=False)["options"]}
    except (InvalidURI, ValueError) as error:
        raise ConfigError(f"MONGODB_CONNECTION_URL: {type(error).__name__}") from None
    scheme, netloc, path, query, _ = urlsplit(uri)
    kept = [part for part in query.split("&") if part and not _is_durability(part)]
    defaults = {name: value for name, value in _DEFAULTS.items() if name.lower() not in given}
    options = "&".join([*kept, urlencode(_DURABILITY | defaults)])
    return urlunsplit((scheme, netloc, path or "/", options, ""))


@contextmanager
def database_errors(seconds: float | None = None) -> Iterator[None]:
    """Turn "can't reach it" and "don't know whether it was written" into DatabaseUnavailable.

    `seconds` bounds all that is asked for in the block, the driver's own second tries included.
    """
    try:
        with pymongo.timeout(seconds) if seconds else nullcontext():
            yield
    except _UNAVAILABLE as error:
        raise DatabaseUnavailable(type(error).__name__) from error
    except PyMongoError as error:
        refused = isinstance(error, OperationFailure) and error.code in _UNAVAILABLE_CODES
        if refused or error.timeout or error.has_error_label("RetryableWriteError"):
            raise DatabaseUnavailable(type(error).__name__) from error
        raise


def _is_durability(part: str) -> bool:
    name = part.split("=", 1)[0].lower()
    return name in {"w", "journal", "j", "tz_aware"}
