from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from icalendar import Calendar, Event

from clinic.calendar_file import Method, calendar_file

START = datetime(2026, 12, 1, 10, tzinfo=UTC)
END = START + timedelta(minutes=30)


def written(method: Method = "PUBLISH", **fields: Any) -> bytes:
    values = {"booking_id": "b-1", "version": 2, "start": START, "end": END} | fields
    return calendar_file(
        **values, method=method, summary="Cita en la clínica", domain="clinica.example"
    )


def event(file: bytes) -> Event:
    (found,) = Calendar.from_ical(file).walk("VEVENT")
    assert isinstance(found, Event)
    return found


def test_the_file_says_when_and_no_more() -> None:
    told = event(written())
    assert (told.decoded("dtstart"), told.decoded("dtend")) == (START, END)
    assert told["summary"] == "Cita en la clínica"
    assert set(told) == {
        *("UID", "SEQUENCE", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "STATUS"),
    }


def test_times_are_in_utc_whatever_they_came_in() -> None:
    madrid = timezone(timedelta(hours=1))
    file = written(start=START.astimezone(madrid), end=END.astimezone(madrid)).decode()
    moments = event(file.encode())
    assert moments.decoded("dtstart") == START
    assert "TZID" not in file
    assert "DTSTART:20261201T100000Z" in file


def test_all_files_of_a_booking_are_one_event_whose_latest_version_counts() -> None:
    first, moved = event(written(version=2)), event(written(version=3))
    assert first["uid"] == moved["uid"] == "b-1@clinica.example"
    assert (first["sequence"], moved["sequence"]) == (2, 3)


@pytest.mark.parametrize(
    ("method", "status"),
    [("PUBLISH", "CONFIRMED"), ("REQUEST", "CONFIRMED"), ("CANCEL", "CANCELLED")],
)
def test_the_method_says_what_the_calendar_shall_do(method: Method, status: str) -> None:
    file = written(method)
    assert Calendar.from_ical(file)["method"] == method
    assert event(file)["status"] == status


def test_lines_end_as_the_standard_wants() -> None:
    assert written().endswith(b"END:VCALENDAR\r\n")
