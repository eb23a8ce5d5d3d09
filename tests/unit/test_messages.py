from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.contracts import strict_json
from clinic.contracts.messages import MAX_BODY_BYTES, BookingRequested, BookingStateChanged, decode
from clinic.domain import booking as steps
from clinic.domain.booking import Assignment, Booking, Choice
from clinic.domain.clock import to_wire
from clinic.errors import PoisonMessage
from tests.clinics import confirm_seat, move_to

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SLOT = datetime(2026, 12, 1, 10, tzinfo=UTC)
SECRET = "ana@example.com"

Message = type[BookingRequested] | type[BookingStateChanged]


def make_booking() -> Booking:
    return steps.create_booking(
        patient_name="Ana María",
        patient_email=SECRET,
        language="es",
        date=SLOT,
        at=NOON,
        by="patient",
    )


def make_event(reason: str | None = "past") -> BookingStateChanged:
    booking = make_booking()
    if reason is None:
        return BookingStateChanged.of(confirm_seat(booking, 3, at=NOON, by="worker"))
    return BookingStateChanged.of(steps.reject(booking, reason=reason, at=NOON, by="worker"))


def request_body(**fields: Any) -> dict[str, Any]:
    return BookingRequested.of(make_booking()).to_body() | fields


def event_body(**fields: Any) -> dict[str, Any]:
    return make_event().to_body() | fields


def test_a_request_has_exactly_the_documented_keys() -> None:
    booking = make_booking()
    assert BookingRequested.of(booking).to_body() == {
        "clinic": "default",
        "bookingId": booking.id,
        "date": "2026-12-01T10:00:00Z",
        "version": 1,
    }


def test_an_event_has_exactly_the_documented_keys() -> None:
    event = make_event()
    assert event.to_body() == {
        "eventId": f"{event.booking_id}:2",
        "clinic": "default",
        "bookingId": event.booking_id,
        "version": 2,
        "status": "rejected",
        "previousStatus": "pending",
        "reason": "past",
        "date": "2026-12-01T10:00:00Z",
        "occurredAt": "2026-11-02T12:00:00Z",
    }


@pytest.mark.parametrize("body", [request_body(), event_body()], ids=["request", "event"])
def test_no_body_holds_personal_data(body: dict[str, Any]) -> None:
    written = strict_json.dumps(body).decode()
    assert SECRET not in written
    assert "Ana" not in written


def test_a_request_reads_back_equal() -> None:
    message = BookingRequested.of(make_booking())
    assert BookingRequested.from_body(decode(strict_json.dumps(message.to_body()))) == message


@pytest.mark.parametrize("reason", [None, "slot_full"])
def test_an_event_reads_back_equal(reason: str | None) -> None:
    event = make_event(reason)
    assert BookingStateChanged.from_body(decode(strict_json.dumps(event.to_body()))) == event


def test_both_messages_name_the_version_they_are_about() -> None:
    booking = make_booking()
    assert BookingRequested.of(booking).event_id == f"{booking.id}:1"
    assert make_event().event_id.endswith(":2")


def test_a_request_is_no_event() -> None:
    booking = make_booking()
    transition = steps.Transition(booking.id, booking.date, 1, booking.history[0])
    with pytest.raises(ValueError, match="not a transition"):
        BookingStateChanged.of(transition)


def test_a_time_may_have_any_offset() -> None:
    message = BookingRequested.from_body(request_body(date="2026-12-01T11:00:00+01:00"))
    assert message.date == SLOT
    assert message.date.utcoffset() == timedelta(hours=1)


def test_a_field_that_a_later_release_adds_is_no_fault() -> None:
    BookingRequested.from_body(request_body(channel="web"))
    BookingStateChanged.from_body(event_body(channel="web"))


NOT_TEXTS: list[Any] = [None, True, 7, 1.5, [], {}, {"$ne": None}]
UUID = "6f1c1f0e-7d4b-4f0e-9a51-0d6c1f0e7d4b"
NOT_IDS = [
    f"{UUID}\n",
    f" {UUID}",
    UUID.upper(),
    "",
    SECRET,
    "x",
    "A" * 36,
    "g" * 8 + "-0000-0000-0000-" + "0" * 12,
    " " * 36,
    "1" * 9999,
]
NOT_TIMES = [
    "",
    SECRET,
    "2026-12-01",
    "2026-12-01T10:00:00",
    "2026-02-30T10:00:00Z",
    "Z",
    "1" * 999,
]
NOT_VERSIONS: list[Any] = [None, True, False, 0, -1, 1.0, "2", SECRET, "", [], {}, 2**31, 10**4000]
NOT_STATUSES = ["", SECRET, "PENDING", "done", "$ne"]

WRONG_REQUESTS = {
    "bookingId": [*NOT_TEXTS, *NOT_IDS],
    "date": [*NOT_TEXTS, *NOT_TIMES],
    "version": NOT_VERSIONS,
}
WRONG_EVENTS = WRONG_REQUESTS | {
    "eventId": [*NOT_TEXTS, "", SECRET],
    "status": [*NOT_TEXTS, *NOT_STATUSES],
    "previousStatus": [*NOT_TEXTS, *NOT_STATUSES],
    "reason": [True, 7, [], {"$ne": None}],
    "occurredAt": [*NOT_TEXTS, *NOT_TIMES],
}


def cases(table: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(field, value, id=f"{field}={repr(value)[:20]}")
        for field, values in table.items()
        for value in values
    ]


@pytest.mark.parametrize(("field", "value"), cases(WRONG_REQUESTS))
def test_a_wrong_field_makes_a_request_poison(field: str, value: Any) -> None:
    with pytest.raises(PoisonMessage, match=field) as caught:
        BookingRequested.from_body(request_body(**{field: value}))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(("field", "value"), cases(WRONG_EVENTS))
def test_a_wrong_field_makes_an_event_poison(field: str, value: Any) -> None:
    with pytest.raises(PoisonMessage, match=field) as caught:
        BookingStateChanged.from_body(event_body(**{field: value}))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("field", sorted(set(request_body()) - {"clinic"}))
def test_a_request_lacks_no_field(field: str) -> None:
    body = request_body()
    del body[field]
    with pytest.raises(PoisonMessage, match=field):
        BookingRequested.from_body(body)


@pytest.mark.parametrize("field", sorted(set(event_body()) - {"clinic", "reason"}))
def test_an_event_lacks_no_field_but_the_reason(field: str) -> None:
    body = event_body()
    del body[field]
    with pytest.raises(PoisonMessage, match=field):
        BookingStateChanged.from_body(body)


CHOICE = Choice("first-visit", "ana-lopez", "centro")


def test_a_request_carries_the_choice_of_the_patient() -> None:
    booking = replace(make_booking(), clinic="sol", choice=replace(CHOICE, site=None))
    body = BookingRequested.of(booking).to_body()
    assert (body["clinic"], body["service"], body["practitioner"]) == (
        "sol",
        "first-visit",
        "ana-lopez",
    )
    assert "site" not in body
    assert BookingRequested.from_body(body) == BookingRequested.of(booking)


def test_an_event_carries_what_was_assigned() -> None:
    booking = make_booking()
    end = booking.date + timedelta(minutes=50)
    assignment = Assignment(CHOICE, end, ("ana-lopez/0/1",))
    event = BookingStateChanged.of(
        steps.confirm(booking, assignment=assignment, at=NOON, by="worker")
    )
    body = event.to_body()
    assert (body["practitioner"], body["site"], body["end"]) == (
        "ana-lopez",
        "centro",
        to_wire(end),
    )
    assert BookingStateChanged.from_body(body) == event


def test_an_event_of_the_past_has_the_assignment_of_its_time() -> None:
    booking = make_booking()
    ends = [booking.date + timedelta(minutes=minutes) for minutes in (50, 80)]
    for practitioner, end in zip(("ana-lopez", "luis-vega"), ends, strict=True):
        assignment = Assignment(replace(CHOICE, practitioner=practitioner), end, ("x/0/1",))
        if booking.version == 1:
            step = steps.confirm(booking, assignment=assignment, at=NOON, by="worker")
        else:
            other = booking.date + timedelta(minutes=30)
            step = steps.reschedule(
                booking, date=other, assignment=assignment, at=NOON, by="patient"
            )
        booking = steps.apply_transition(booking, step)
    events = [
        BookingStateChanged.in_history(
            booking.id, version, booking.history, booking.date, booking.clinic, booking.choice
        )
        for version in (2, 3)
    ]
    assert [event.choice.practitioner for event in events] == ["ana-lopez", "luis-vega"]
    assert [event.end for event in events] == ends


@pytest.mark.parametrize("field", ["clinic", "service", "practitioner", "site"])
@pytest.mark.parametrize("value", ["", "Ana", "a" * 25, "a/b", 7, ["a"], {"$gt": ""}])
def test_an_id_of_the_catalogue_has_the_documented_form(field: str, value: Any) -> None:
    for cls, body in ((BookingRequested, request_body()), (BookingStateChanged, event_body())):
        with pytest.raises(PoisonMessage, match=field):
            cls.from_body(body | {field: value})


def test_an_event_belongs_to_its_booking_and_version() -> None:
    with pytest.raises(PoisonMessage, match="eventId"):
        BookingStateChanged.from_body(event_body(version=3))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"ana@example.com"',
        b'{"ana@example.com": ',
        b'{"ana@example.com": 1, "ana@example.com": 2}',
        b'{"a": NaN}',
        b"\xff\xfe",
        b"[" * 9000,
        b"ana@example.com",
    ],
    ids=lambda data: repr(data)[:24],
)
def test_a_body_that_is_no_json_object_is_poison(data: bytes) -> None:
    with pytest.raises(PoisonMessage) as caught:
        decode(data)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_body_may_fill_the_limit_and_no_more() -> None:
    filler = b" " * (MAX_BODY_BYTES - 2)
    assert decode(b"{" + filler + b"}") == {}
    with pytest.raises(PoisonMessage, match="more than"):
        decode(b"{ " + filler + b"}")


@given(
    st.dictionaries(st.sampled_from(sorted(event_body())), st.none() | st.integers() | st.text())
)
def test_any_body_is_read_or_poison(fields: dict[str, Any]) -> None:
    for message, body in ((BookingRequested, request_body()), (BookingStateChanged, event_body())):
        try:
            message.from_body(body | fields)
        except PoisonMessage:
            continue


def test_times_on_the_wire_are_utc() -> None:
    madrid = SLOT.astimezone(timezone(timedelta(hours=1)))
    booking = steps.create_booking(
        patient_name="Ana",
        patient_email=SECRET,
        language="es",
        date=madrid,
        at=NOON,
        by="patient",
    )
    assert BookingRequested.of(booking).to_body()["date"] == "2026-12-01T10:00:00Z"


def test_another_date_of_a_confirmed_booking_is_no_other_status() -> None:
    booking = make_booking()
    booking = steps.apply_transition(booking, confirm_seat(booking, at=NOON, by="worker"))
    other = SLOT + timedelta(days=1)
    event = BookingStateChanged.of(move_to(booking, other, at=NOON, by="patient"))
    body = event.to_body()
    assert (body["status"], body["previousStatus"]) == ("confirmed", "confirmed")
    assert (body["date"], body["reason"]) == ("2026-12-02T10:00:00Z", None)
    assert set(body) == set(make_event().to_body())
    assert event.is_rescheduling
    assert not make_event().is_rescheduling
