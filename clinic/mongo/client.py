"""The MongoDB connection string, and the classification of driver errors."""

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

#: Required by the guarantees; options of the URL can't weaken them.
_DURABILITY = {"w": "majority", "journal": "true", "tz_aware": "true"}
#: Defaults for options missing in the URL. No operation may hang: the gateway responds within 3 s.
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

#: Errors caused by the server's state or our credentials, not by the operation: Unauthorized,
#: AuthenticationFailed, AtlasError, OutOfDiskSpace, Interrupted (four codes), ShutdownInProgress,
#: PrimarySteppedDown.
_UNAVAILABLE_CODES = frozenset({13, 18, 8000, 14031, 11600, 11601, 11602, 91, 189})

DATABASE_NAME = "clinic"

#: The timeout of one operation: the gateway responds within 3 seconds.
OPERATION_TIMEOUT_SECONDS = 2.5
#: The timeout of a background scan, which may read a large backlog.
SCAN_TIMEOUT_SECONDS = 30


def durable_uri(uri: str) -> str:
    """Add durable writes, aware datetimes and timeouts to a MongoDB URL.

    Raises: ConfigError, which never quotes the URL: it may contain a password.
    """
    try:
        configured = {name.lower() for name in parse_uri(uri, validate=False)["options"]}
    except (InvalidURI, ValueError) as error:
        raise ConfigError(f"MONGODB_CONNECTION_URL: {type(error).__name__}") from None
    scheme, netloc, path, query, _ = urlsplit(uri)
    kept = [part for part in query.split("&") if part and not _is_durability(part)]
    defaults = {name: value for name, value in _DEFAULTS.items() if name.lower() not in configured}
    options = "&".join([*kept, urlencode(_DURABILITY | defaults)])
    return urlunsplit((scheme, netloc, path or "/", options, ""))


@contextmanager
def database_errors(seconds: float | None = None) -> Iterator[None]:
    """Convert connection errors and unknown write outcomes to DatabaseUnavailable.

    `seconds` bounds all operations in the block, including the driver's own retries.
    """
    try:
        with pymongo.timeout(seconds) if seconds else nullcontext():
            yield
    except _UNAVAILABLE as error:
        raise DatabaseUnavailable(type(error).__name__) from error
    except PyMongoError as error:
        is_server_state = isinstance(error, OperationFailure) and error.code in _UNAVAILABLE_CODES
        if is_server_state or error.timeout or error.has_error_label("RetryableWriteError"):
            raise DatabaseUnavailable(type(error).__name__) from error
        raise


def _is_durability(part: str) -> bool:
    name = part.split("=", 1)[0].lower()
    return name in {"w", "journal", "j", "tz_aware"}
