from __future__ import annotations

import logging
import sys
from typing import Any

import pytest

from clinic.logs import FIELDS, LineFormatter


def line(message: str = "booking decided", *args: Any, **extra: Any) -> str:
    record = logging.getLogger("test").makeRecord(
        "test", logging.INFO, "file.py", 1, message, args, None, extra=extra
    )
    return LineFormatter("%(levelname)s %(name)s: %(message)s").format(record)


def test_a_line_without_fields_is_the_sentence_alone() -> None:
    assert line() == "INFO test: booking decided"


@pytest.mark.parametrize("field", FIELDS)
def test_each_known_field_is_appended(field: str) -> None:
    assert line(**{field: "v-1"}) == f"INFO test: booking decided {field}=v-1"


def test_fields_come_in_a_fixed_order() -> None:
    told = line(count=3, code="past", event_id="b:2", booking_id="b")
    assert told == "INFO test: booking decided booking_id=b event_id=b:2 code=past count=3"


def test_unknown_fields_are_left_out() -> None:
    assert line(patient_email="ana@example.com") == "INFO test: booking decided"


def test_a_field_may_be_empty_or_zero() -> None:
    assert line(count=0, code=None) == "INFO test: booking decided code=None count=0"


def test_arguments_are_filled_in_before_the_fields() -> None:
    assert line("decided: %s", "confirmed", booking_id="b") == (
        "INFO test: decided: confirmed booking_id=b"
    )


def test_a_traceback_follows_the_fields() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        info = sys.exc_info()
    record = logging.LogRecord("test", logging.ERROR, "file.py", 1, "failed", None, info)
    record.code = "internal_error"
    first, *rest = LineFormatter("%(message)s").format(record).splitlines()
    assert first == "failed code=internal_error"
    assert rest[-1] == "ValueError: broken"
