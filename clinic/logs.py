"""Log lines that a person reads at a terminal: the sentence, then what it is about."""

from __future__ import annotations

import logging

#: What code of ours attaches to a record, in the order of the line; ids and codes only.
FIELDS = ("booking_id", "event_id", "code", "count")


class LineFormatter(logging.Formatter):
    """Appends the known fields of a record as `name=value`."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        told = [f"{name}={getattr(record, name)}" for name in FIELDS if hasattr(record, name)]
        return " ".join([super().formatMessage(record), *told])
