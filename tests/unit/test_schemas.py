from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from clinic.contracts.booking_json import booking_to_json
from clinic.contracts.field_errors import code_of
from clinic.contracts.schemas import parse_booking, parse_cancellation, parse_rescheduling
from clinic.contracts.slot_queries import parse_day
from clinic.domain.booking import Attention, Booking, Status
from clinic.domain.catalogue import ClinicProfile
from clinic.domain.clock import now
from tests.bookings import BOOKING_FIELDS
from tests.clinics import make_catalogue, make_schedule

EXAMPLE = {
    "patientName": "Juan Pérez",
    "patientEmail": "juan@example.com",
    "date": "2023-12-01T10:00:00Z",
}
WRONG_TYPES = [True, False, 0, 7, 1.5, None, [], ["x"], {}, {"$ne": None}]


def read(**fields: Any) -> Booking:
    return parse_booking(EXAMPLE | fields, language="es", by="test")


def errors(payload: Any) -> dict[str, Any]:
    with pytest.raises(ValidationError) as caught:
        parse_booking(payload, language="es", by="test")
    found: dict[str, Any] = caught.value.normalized_messages()
    return found


def messages(**fields: Any) -> str:
    """The complaints about the one field that is given, which must be the only one at fault."""
    found = errors(EXAMPLE | fields)
    assert list(found) == list(fields)
    (complaints,) = found.values()
    return " ".join(complaints)


def test_the_documented_example_is_a_pending_booking() -> None:
    booking = read()
    assert booking.patient_name == "Juan Pérez"
    assert booking.patient_email == "juan@example.com"
    assert booking.date == datetime(2023, 12, 1, 10, tzinfo=UTC)
    assert (booking.status, booking.language) == (Status.PENDING, "es")


def test_a_booking_is_made_now() -> None:
    before = now()
    assert before <= read().created_at <= now()


# --- names and addresses, whose own tests are in test_person_name.py and test_email_address.py


def test_a_name_and_an_address_are_kept_in_their_normal_form() -> None:
    booking = read(patientName="  Jose\u0301  ", patientEmail=" Juan@EXAMPLE.com ")
    assert (booking.patient_name, booking.patient_email) == ("José", "Juan@example.com")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("patientName", "evil.example", "name_link"),
        ("patientName", "", "name_blank"),
        ("patientEmail", "ana", "email_no_at"),
    ],
)
def test_what_is_wrong_with_a_name_or_an_address_has_a_code(
    field: str, value: str, code: str
) -> None:
    (message,) = errors(EXAMPLE | {field: value})[field]
    assert code_of(message) == code


# --- dates


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-01T10:00:00Z", "2026-12-01T10:00:00"),
        ("2026-12-01t10:00:00z", "2026-12-01T10:00:00"),
        ("2026-12-01T10:00:00+01:00", "2026-12-01T09:00:00"),
        ("2026-12-01T10:00:00-05:30", "2026-12-01T15:30:00"),
        ("2026-12-01T10:00:00-00:00", "2026-12-01T10:00:00"),
        ("2026-12-01T00:30:00+14:00", "2026-11-30T10:30:00"),
        ("2026-12-01T10:00:00.5Z", "2026-12-01T10:00:00.500"),
        ("2026-12-01T10:00:00.1239Z", "2026-12-01T10:00:00.123"),
        ("2026-12-01T10:00:00.999999999Z", "2026-12-01T10:00:00.999"),
        ("2026-12-01T10:00:00.0009Z", "2026-12-01T10:00:00"),
        ("2028-02-29T10:00:00Z", "2028-02-29T10:00:00"),
        ("0001-01-03T00:00:00Z", "0001-01-03T00:00:00"),
        ("9999-12-28T23:59:59Z", "9999-12-28T23:59:59"),
    ],
)
def test_a_date_is_read_as_utc_in_whole_milliseconds(text: str, expected: str) -> None:
    date = read(date=text).date
    assert date == datetime.fromisoformat(f"{expected}+00:00")
    assert date.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-12-01",
        "2026-12-01T10:00:00",
        "2026-12-01T10:00Z",
        "2026-12-01 10:00:00Z",
        "2026-12-01T10:00:00 Z",
        " 2026-12-01T10:00:00Z",
        "2026-12-01T10:00:00Z\n",
        "20261201T100000Z",
        "2026-W49-2T10:00:00Z",
        "2026-335T10:00:00Z",
        "26-12-01T10:00:00Z",
        "+2026-12-01T10:00:00Z",
        "02026-12-01T10:00:00Z",
        "2026-1-1T10:00:00Z",
        "2026-12-01T10:00:00.Z",
        "2026-12-01T10:00:00,5Z",
        "2026-12-01T10:00:00.1234567890Z",
        "2026-12-01T10:00:00+01",
        "2026-12-01T10:00:00+0100",
        "2026-12-01T10:00:00+01:60",
        "2026-12-01T10:00:00+01:00:30",
        "2026-12-01T10:00:00ZZ",
        "2026-12-01T10:00:00Europe/Madrid",
        "٢٠٢٦-12-01T10:00:00Z",
        "２０２６-12-01T10:00:00Z",
        "2026-12-01T10:00:00\u2212" + "01:00",
        "1764583200",
        "\ud800",
        "9" * 10_000,
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_a_date_that_is_not_rfc_3339_with_an_offset_is_refused(text: str) -> None:
    assert "RFC 3339" in messages(date=text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30T10:00:00Z",
        "2027-02-29T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-00-01T10:00:00Z",
        "2026-12-00T10:00:00Z",
        "0000-12-01T10:00:00Z",
        "2026-12-01T24:00:00Z",
        "2026-12-01T10:60:00Z",
        "2026-12-31T23:59:60Z",
        "2026-12-01T10:00:00+24:00",
        "2026-12-01T10:00:00-99:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999Z",
    ],
)
def test_a_date_that_no_calendar_shows_is_refused(text: str) -> None:
    assert messages(date=text) == "is not a date of the calendar"


# --- the body as a whole


@pytest.mark.parametrize("field", EXAMPLE)
@pytest.mark.parametrize("value", WRONG_TYPES, ids=repr)
def test_every_field_must_be_a_text(field: str, value: Any) -> None:
    expected = "may not be null" if value is None else "must be a text"
    assert expected in messages(**{field: value})


@pytest.mark.parametrize("field", EXAMPLE)
def test_every_field_is_required(field: str) -> None:
    payload = {name: value for name, value in EXAMPLE.items() if name != field}
    assert list(errors(payload)) == [field]


@pytest.mark.parametrize(
    "name", ["status", "id", "patient_name", "patientname", "$ne", "$where", "a.b", "", "__class__"]
)
def test_unknown_fields_are_refused(name: str) -> None:
    assert errors(EXAMPLE | {name: "x"}) == {name: ["is not a field of a booking"]}


@pytest.mark.parametrize(
    "payload",
    [None, True, 0, 1.5, "text", [], [EXAMPLE], b"{}"],
    ids=lambda value: repr(value)[:20],
)
def test_the_body_must_be_an_object(payload: Any) -> None:
    assert errors(payload) == {"_schema": ["must be a JSON object"]}


def test_all_errors_are_reported_at_once() -> None:
    assert set(errors({"patientName": " ", "x": 1})) == {"patientName", "patientEmail", "date", "x"}


@pytest.mark.parametrize("language", ["", "fr", "ES", "es-ES", "../../secret", None, 1])
def test_a_language_without_texts_is_refused(language: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_booking(EXAMPLE, language=language, by="test")
    assert list(caught.value.normalized_messages()) == ["language"]


SECRET = "s3cr3t"


@pytest.mark.parametrize("field", EXAMPLE)
@pytest.mark.parametrize(
    "value",
    [SECRET + "\0", SECRET * 3000, [SECRET], {SECRET: SECRET}],
    ids=["control", "long", "list", "dict"],
)
def test_complaints_never_quote_the_value(field: str, value: Any) -> None:
    assert SECRET not in messages(**{field: value})


@given(
    st.dictionaries(
        st.sampled_from([*EXAMPLE, "other"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=2),
    )
)
def test_any_object_is_read_or_refused_with_reasons(payload: dict[str, Any]) -> None:
    with suppress(ValidationError):
        assert parse_booking(payload, language="es", by="test").status is Status.PENDING


# --- the answer


def test_a_view_has_exactly_the_documented_fields() -> None:
    assert set(booking_to_json(read())) == BOOKING_FIELDS


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-12-01T10:00:00+01:00", "2026-12-01T09:00:00Z"),
        ("2026-12-01T10:00:00.5Z", "2026-12-01T10:00:00.500Z"),
    ],
)
def test_a_view_shows_times_in_utc_with_z(text: str, shown: str) -> None:
    assert booking_to_json(read(date=text))["date"] == shown


def test_what_a_view_shows_can_be_sent_again() -> None:
    shown = booking_to_json(read(date="2026-12-01T10:00:00.123Z"))
    again = {name: shown[name] for name in EXAMPLE}
    assert booking_to_json(parse_booking(again, language="es", by="test"))["date"] == shown["date"]


@pytest.mark.parametrize(("language", "word"), [("es", "cerrada"), ("en", "closed")])
def test_a_view_explains_the_reason_in_the_patients_language(language: str, word: str) -> None:
    booking = parse_booking(EXAMPLE, language=language, by="test")
    shown = booking_to_json(replace(booking, status=Status.REJECTED, reason="closed"))
    assert shown["reason"] == "closed"
    assert word in shown["reasonText"]


def test_a_view_without_a_reason_has_no_text() -> None:
    shown = booking_to_json(read())
    assert (shown["reason"], shown["reasonText"], shown["attention"]) == (None, None, None)


def test_a_view_tells_that_a_person_has_to_look() -> None:
    at = datetime(2026, 11, 2, 12, tzinfo=UTC)
    shown = booking_to_json(replace(read(), attention=Attention("check_unavailable", at)))
    assert shown["attention"] == {"code": "check_unavailable", "at": "2026-11-02T12:00:00Z"}


def test_a_day_is_read_as_written() -> None:
    assert parse_day({"date": "2028-02-29"}) == date(2028, 2, 29)


@pytest.mark.parametrize(
    "text",
    [
        *("", "today", "2026-12-1", "20261201", "2026-W49-2", "2026-02-29"),
        *("2026-12-01T10:00:00Z", " 2026-12-01", "2026-12-01\n", "２026-12-01"),
        *("0001-01-01", "9999-12-31"),
    ],
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_day({"date": text})
    assert list(caught.value.normalized_messages()) == ["date"]


@pytest.mark.parametrize(
    ("query", "field"),
    [({}, "date"), ({"date": None}, "date"), ({"date": "2026-12-01", "seat": "1"}, "seat")],
)
def test_free_slots_are_asked_for_by_day_alone(query: Any, field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_day(query)
    assert list(caught.value.normalized_messages()) == [field]


def test_a_rescheduling_names_a_date_as_a_booking_does() -> None:
    wanted = parse_rescheduling({"date": "2026-12-01T11:00:00+01:00"})
    assert (wanted.date, wanted.practitioner) == (datetime(2026, 12, 1, 10, tzinfo=UTC), None)


@pytest.mark.parametrize("payload", [{}, [], None, "x", {"date": "2026-12-01"}, {"date": 1}])
def test_a_rescheduling_without_a_date_is_refused(payload: Any) -> None:
    with pytest.raises(ValidationError):
        parse_rescheduling(payload)


def test_a_rescheduling_changes_nothing_but_the_date() -> None:
    with pytest.raises(ValidationError, match="can't be changed"):
        parse_rescheduling({"date": "2026-12-01T10:00:00Z", "patientName": "Eva"})


@pytest.mark.parametrize("payload", [[], None, "x", {"reason": "cancelled_by_patient"}])
def test_a_cancellation_says_nothing(payload: Any) -> None:
    parse_cancellation({})
    with pytest.raises(ValidationError):
        parse_cancellation(payload)


@pytest.mark.parametrize(
    ("languages", "preferred", "used"),
    [((), "en", "en"), (("es", "en"), "en", "en"), (("es",), "en", "es"), (("en",), "es", "en")],
)
def test_the_clinic_writes_in_its_languages(
    languages: tuple[str, ...], preferred: str, used: str
) -> None:
    profile = ClinicProfile(languages=languages)
    catalogue = make_catalogue([make_schedule("ana")], profile=profile)
    payload = {"patientName": "Eva", "patientEmail": "eva@example.com", "date": REQUEST_DATE}
    booking = parse_booking(payload, language=preferred, by="patient", catalogue=catalogue)
    assert booking.language == used


REQUEST_DATE = "2026-12-01T10:00:00Z"
