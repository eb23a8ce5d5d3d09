"""The files are read by another library than the one that writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import vobject

from clinic.contracts.calendar_file import CalendarEntry, Method

START = datetime(2026, 12, 11, 10, tzinfo=UTC)
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
ID = "6f1c1f0e-4a52-4b1e-9f0a-5b6f0f8a7c11"


def written(method: Method = "REQUEST", version: int = 2, **fields: Any) -> bytes:
    given: dict[str, Any] = {
        "start": START,
        "end": START + timedelta(minutes=30),
        "summary": "Cita médica; revisión, 1",
        "domain": "clinica.example",
        "organizer": "citas@clinica.example",
        "attendee": "juan@example.com",
        "stamp": NOON,
    }
    given |= fields
    return CalendarEntry(ID, version, **given).to_file(method)


def calendar(*arguments: Any, **fields: Any) -> Any:
    return vobject.readOne(written(*arguments, **fields).decode())


def event(*arguments: Any, **fields: Any) -> Any:
    return calendar(*arguments, **fields).vevent


def test_the_times_are_instants_without_a_zone_of_their_own() -> None:
    found = event(start=START.astimezone(ZoneInfo("Europe/Madrid")))
    assert (found.dtstart.value, found.dtend.value) == (START, START + timedelta(minutes=30))
    assert b"DTSTART:20261211T100000Z" in written()
    assert b"VTIMEZONE" not in written()


def test_text_survives_with_whatever_it_holds() -> None:
    assert event().summary.value == "Cita médica; revisión, 1"


def test_a_booking_has_one_uid_all_its_life() -> None:
    uids = {event(method, version).uid.value for method, version in STEPS}
    assert uids == {f"{ID}@clinica.example"}


STEPS: list[tuple[Method, int]] = [("REQUEST", 2), ("REQUEST", 3), ("CANCEL", 4)]


def test_each_step_comes_after_the_one_before() -> None:
    assert [event(*step).sequence.value for step in STEPS] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("method", "status"),
    [("REQUEST", "CONFIRMED"), ("CANCEL", "CANCELLED"), ("PUBLISH", "CONFIRMED")],
)
def test_the_method_says_what_to_do_and_the_status_what_is(method: Method, status: str) -> None:
    found = calendar(method)
    assert (found.method.value, found.vevent.status.value) == (method, status)


def test_the_patient_has_accepted_and_nobody_waits_for_a_reply() -> None:
    found = event()
    assert found.organizer.value == "mailto:citas@clinica.example"
    assert found.attendee.value == "mailto:juan@example.com"
    assert found.attendee.params == {"PARTSTAT": ["ACCEPTED"], "RSVP": ["FALSE"]}


def test_an_address_with_special_characters_stays_one_address() -> None:
    found = event(attendee="ana+citas?cc=eva@example.com").attendee
    assert found.value == "mailto:ana+citas%3Fcc%3Deva@example.com"


def test_a_file_that_is_only_offered_has_no_parties() -> None:
    found = event("PUBLISH", organizer="", attendee="")
    assert not hasattr(found, "organizer")
    assert not hasattr(found, "attendee")


def test_every_copy_is_the_same() -> None:
    assert written() == written()
    assert event().dtstamp.value == NOON


def test_it_is_private() -> None:
    assert getattr(event(), "class").value == "PRIVATE"


def test_lines_end_as_the_standard_wants_and_none_is_too_long() -> None:
    lines = written(summary="ñ" * 200).split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert not any(b"\n" in line for line in lines)


@pytest.mark.parametrize("attack", ["x\r\nATTENDEE:mailto:eva@example.com", "x\nMETHOD:CANCEL"])
def test_no_line_can_be_smuggled_in(attack: str) -> None:
    found = vobject.readOne(written(summary=attack).decode())
    assert len(found.vevent.attendee_list) == 1
    assert found.method.value == "REQUEST"
