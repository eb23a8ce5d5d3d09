"""Log formats, and the structured fields of log records: ids and codes."""

from __future__ import annotations

import logging
import re
import time
from contextvars import ContextVar
from functools import lru_cache

from pythonjsonlogger.json import JsonFormatter

# No log line shows threads, processes or source lines. Python's "Logging HOWTO" says how to skip
# them, which saves a twentieth of the CPU per booking.
logging._srcfile = None
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False

#: The HTTP request that caused the current work; empty for background work.
request_id: ContextVar[str] = ContextVar("request_id", default="")

#: The fields that our code adds to a record, in the order of the line. The only personal data is
#: the client address of security events; docs/how-to/operate.md explains why.
FIELDS = (
    "event",
    "booking_id",
    "event_id",
    "dead_letter_id",
    "item",
    "code",
    "count",
    "client_address",
    "key_id",
    "request_id",
)

#: Log formats: for a terminal, or JSON for log collectors.
FORMATS = ("line", "json")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def is_request_id(text: object) -> bool:
    """Return whether an untrusted value is a valid request id that may be logged."""
    return isinstance(text, str) and _REQUEST_ID.fullmatch(text) is not None


class RequestIdFilter(logging.Filter):
    """Adds the current request id to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        current = request_id.get()
        if current:
            record.request_id = current
        return True


class ExpectedErrorFilter(logging.Filter):
    """Removes the traceback that nameko logs even for expected errors of an entrypoint."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "nameko.containers" and record.levelno == logging.WARNING:
            record.exc_info = None
        return True


def formatter(kind: str) -> logging.Formatter:
    """Return the formatter for `LOG_FORMAT`, which `clinic.config` validates later."""
    if kind != "json":
        return LineFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    return JsonFormatter(
        "%(levelname)s %(name)s %(message)s",
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp="time",
    )


class LineFormatter(logging.Formatter):
    """For a terminal: appends the fields of a record as `name=value`."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        second, millisecond = divmod(int(record.created * 1000), 1000)
        return f"{_clock(second)},{millisecond:03}"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        fields = [f"{name}={getattr(record, name)}" for name in FIELDS if hasattr(record, name)]
        return " ".join([super().formatMessage(record), *fields])


@lru_cache(maxsize=1)
def _clock(second: int) -> str:
    """Format a second in local time. Cached, because many lines share a second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
