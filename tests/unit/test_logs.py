from __future__ import annotations

import contextvars
import io
import json
import logging
import logging.config
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clinic.config import load
from clinic.errors import CheckUnavailable
from clinic.observability.logs import (
    FIELDS,
    ExpectedErrorFilter,
    LineFormatter,
    RequestIdFilter,
    is_request_id,
    request_id,
)

FILE = Path(__file__).parents[2] / "config.yaml"


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
    text = line(count=3, code="past", event_id="b:2", booking_id="b")
    assert text == "INFO test: booking decided booking_id=b event_id=b:2 code=past count=3"


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


# --- request ids


@pytest.mark.parametrize(
    "text", ["a", "A-1", "x" * 64, "2b6c1c1e-7d7a-4b0e-8f0e-0d0f6a1f7a10", "a.b_c-d", "0"]
)
def test_a_short_plain_word_is_a_request_id(text: str) -> None:
    assert is_request_id(text)


@pytest.mark.parametrize(
    "value",
    ["", "x" * 65, "a b", "a\n", "a\r\nb", "\n", "a;b", "a=b", "ñ", "٣", "a/b", '"', None, 7, b"a"],
    ids=ascii,
)
def test_anything_else_is_none(value: Any) -> None:
    assert not is_request_id(value)


def stamped(current: str) -> logging.LogRecord:
    """A record that passed the filter while that request was at hand."""
    record = logging.makeLogRecord({"msg": "booking decided"})

    def pass_filter() -> bool:
        request_id.set(current)
        return RequestIdFilter().filter(record)

    assert contextvars.copy_context().run(pass_filter)
    return record


def test_a_record_is_stamped_with_the_request_at_hand() -> None:
    assert LineFormatter("%(message)s").format(stamped("r-1")) == "booking decided request_id=r-1"


def test_a_record_outside_of_any_request_is_not_stamped() -> None:
    assert LineFormatter("%(message)s").format(stamped("")) == "booking decided"


# --- expected errors


def traced(name: str, level: int) -> logging.LogRecord:
    """What is left of a record with a traceback after the filter."""
    try:
        raise ValueError("broken")
    except ValueError:
        info = sys.exc_info()
    record = logging.LogRecord(name, level, "file.py", 1, "failed", None, info)
    assert ExpectedErrorFilter().filter(record)
    return record


def test_an_expected_error_keeps_its_line_and_loses_its_traceback() -> None:
    record = traced("nameko.containers", logging.WARNING)
    assert LineFormatter("%(message)s").format(record) == "failed"


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("nameko.containers", logging.ERROR),
        ("nameko.containers", logging.CRITICAL),
        ("clinic.nameko_extensions.retrying_consumer", logging.WARNING),
        ("nameko.containers.other", logging.WARNING),
    ],
)
def test_any_other_error_keeps_its_traceback(name: str, level: int) -> None:
    assert "ValueError: broken" in LineFormatter("%(message)s").format(traced(name, level))


# --- as config.yaml sets it up


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Callable[[], str]]]:
    """Sets logging up in a format, and gives a reader of what was logged since."""
    root = logging.getLogger()
    before = root.handlers[:], root.level

    def configure(log_format: str) -> Callable[[], str]:
        monkeypatch.setenv("LOG_FORMAT", log_format)
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stdout", stream)
        logging.config.dictConfig(load(str(FILE))["LOGGING"])
        return stream.getvalue

    yield configure
    root.handlers[:], root.level = before
    for name in ("kombu.mixins", "amqp"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def in_request(current: str, action: Callable[[], object]) -> None:
    def act() -> None:
        request_id.set(current)
        action()

    contextvars.copy_context().run(act)


def fail() -> None:
    try:
        raise ValueError("broken\nin two lines")
    except ValueError:
        logging.getLogger("clinic.test").exception("it failed")


def fail_as_expected() -> None:
    """As nameko tells of an error that its entrypoint expects."""
    try:
        raise CheckUnavailable("no answer")
    except CheckUnavailable as error:
        nameko = logging.getLogger("nameko.containers")
        nameko.warning("(expected) error handling worker: %s", error, exc_info=True)


def test_json_logs_are_one_object_a_line_with_its_ids(
    configured: Callable[[str], Callable[[], str]],
) -> None:
    logged = configured("json")
    logger = logging.getLogger("clinic.test")
    in_request("r-1", lambda: logger.info("línea\nnueva", extra={"booking_id": "b-1"}))
    logger.warning("without a request: %s", "x")
    first, second = [json.loads(line) for line in logged().splitlines()]
    assert isinstance(first.pop("time"), str)
    assert first == {
        "level": "INFO",
        "logger": "clinic.test",
        "message": "línea\nnueva",
        "booking_id": "b-1",
        "request_id": "r-1",
    }
    assert second["time"] >= "2026"
    assert (second["level"], second["message"]) == ("WARNING", "without a request: x")
    assert "request_id" not in second


def test_json_keeps_a_traceback_inside_its_line(
    configured: Callable[[str], Callable[[], str]],
) -> None:
    logged = configured("json")
    in_request("r-1", fail)
    (entry,) = [json.loads(line) for line in logged().splitlines()]
    assert "ValueError: broken\nin two lines" in entry["exc_info"]
    assert (entry["message"], entry["request_id"]) == ("it failed", "r-1")


@pytest.mark.parametrize("log_format", ["line", "json"])
def test_an_expected_error_is_one_short_line_in_either_format(
    configured: Callable[[str], Callable[[], str]], log_format: str
) -> None:
    logged = configured(log_format)
    fail_as_expected()
    (line,) = logged().splitlines()
    assert "no answer" in line
    assert "Traceback" not in line


def test_lines_for_people_carry_the_ids_too(
    configured: Callable[[str], Callable[[], str]],
) -> None:
    logged = configured("line")
    logger = logging.getLogger("clinic.test")
    in_request("r-1", lambda: logger.info("decided", extra={"booking_id": "b-1"}))
    (line,) = logged().splitlines()
    assert line.endswith("INFO    clinic.test: decided booking_id=b-1 request_id=r-1")
