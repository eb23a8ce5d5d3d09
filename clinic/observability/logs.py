"""What log lines carry besides their sentence: ids and codes that follow a booking around."""

from __future__ import annotations

import logging
import re
import time
from contextvars import ContextVar
from functools import lru_cache

from pythonjsonlogger.json import JsonFormatter

#: The HTTP request that all of this began with; empty for what began by itself.
request_id: ContextVar[str] = ContextVar("request_id", default="")

#: What code of ours attaches to a record, in the order of the line. None is personal data but the
#: address of a client, which security events have: docs/how-to/operate.md says why.
FIELDS = (
    "event",
    "booking_id",
    "event_id",
    "dead_letter_id",
    "code",
    "count",
    "client_address",
    "key_id",
    "request_id",
)

#: How lines may be written: for a terminal, or as JSON for a program that collects them.
FORMATS = ("line", "json")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def is_request_id(text: object) -> bool:
    """Whether a foreign value may be taken for a request id, and so get into the logs."""
    return isinstance(text, str) and _REQUEST_ID.fullmatch(text) is not None


class RequestIdFilter(logging.Filter):
    """Stamps each record with the request id of the work at hand."""

    def filter(self, record: logging.LogRecord) -> bool:
        current = request_id.get()
        if current:
            record.request_id = current
        return True


class ExpectedErrorFilter(logging.Filter):
    """Cuts the traceback that nameko logs even for an error which its entrypoint expects."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "nameko.containers" and record.levelno == logging.WARNING:
            record.exc_info = None
        return True


def formatter(kind: str) -> logging.Formatter:
    """Make what `LOG_FORMAT` asks for; what it may ask for, `clinic.config` checks afterwards."""
    if kind != "json":
        return LineFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    return JsonFormatter(
        "%(levelname)s %(name)s %(message)s",
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp="time",
    )


class LineFormatter(logging.Formatter):
    """For a terminal: appends the known fields of a record as `name=value`."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        second, millisecond = divmod(int(record.created * 1000), 1000)
        return f"{_clock(second)},{millisecond:03}"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        told = [f"{name}={getattr(record, name)}" for name in FIELDS if hasattr(record, name)]
        return " ".join([super().formatMessage(record), *told])


@lru_cache(maxsize=1)
def _clock(second: int) -> str:
    """What the clock of this machine shows; many lines have the same second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
