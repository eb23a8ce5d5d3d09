from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from clinic.bookings.read_windows import _BEGINNING, page_filters
from clinic.contracts.bookings_query import (
    DEFAULT_LIMIT,
    BookingsQuery,
    Position,
    encode_cursor,
    parse_bookings_query,
)
from clinic.domain.booking import Booking, Status
from tests.bookings import requested

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
ID = "6f1c1f0e-7d4b-4f0e-9a51-0d6c1f0e7d4b"


def make_booking(at: datetime = NOON) -> Booking:
    return requested(date=NOON, at=at)


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def errors(**query: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        parse_bookings_query(query)
    found: dict[str, list[str]] = caught.value.normalized_messages()
    return found


def test_without_a_query_it_is_the_first_page_of_everything() -> None:
    assert parse_bookings_query({}) == BookingsQuery(limit=DEFAULT_LIMIT)
    [first], *_, [last] = list(page_filters(BookingsQuery()))
    assert list(first["createdAt"]) == ["$gte"]
    assert list(last["createdAt"]) == ["$lt"]


@pytest.mark.parametrize(("text", "limit"), [("1", 1), ("50", 50), ("100", 100), (7, 7)])
def test_a_limit_may_be_1_to_100(text: Any, limit: int) -> None:
    assert parse_bookings_query({"limit": text}).limit == limit


@pytest.mark.parametrize(
    "limit",
    [
        "0",
        "101",
        "-1",
        "1000000000",
        "1e9",
        "1.5",
        "abc",
        "",
        " ",
        "NaN",
        "9" * 5000,
        None,
        True,
        [],
    ],
    ids=lambda limit: repr(limit)[:20],
)
def test_any_other_limit_is_refused(limit: Any) -> None:
    assert list(errors(limit=limit)) == ["limit"]


@pytest.mark.parametrize("status", Status)
def test_every_status_is_a_filter(status: Status) -> None:
    assert parse_bookings_query({"status": status.value}).status is status


@pytest.mark.parametrize(
    "status", ["", "PENDING", "Pending", "done", "$ne", None, 1, [], {"$ne": 1}]
)
def test_any_other_status_is_refused(status: Any) -> None:
    assert list(errors(status=status)) == ["status"]


def test_from_and_to_are_instants_of_the_appointment() -> None:
    query = {"from": "2026-12-01T10:00:00+01:00", "to": "2026-12-02T10:00:00Z"}
    listing = parse_bookings_query(query)
    assert listing.date_from == datetime(2026, 12, 1, 9, tzinfo=UTC)
    assert listing.date_to == datetime(2026, 12, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize(
    "text", ["", "2026-12-01", "2026-12-01T10:00:00", "2026-02-30T10:00:00Z", "yesterday", None]
)
def test_other_dates_are_refused(name: str, text: Any) -> None:
    assert list(errors(**{name: text})) == [name]


@pytest.mark.parametrize(
    "name", ["page", "offset", "date_from", "Limit", "$where", "patientEmail", "after[]", ""]
)
def test_what_is_no_filter_is_refused(name: str) -> None:
    assert errors(**{name: "1"}) == {name: ["is not a filter"]}


@pytest.mark.parametrize(
    "at",
    [
        NOON,
        NOON + timedelta(milliseconds=1),
        datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
    ],
    ids=str,
)
def test_a_cursor_names_the_place_behind_its_booking(at: datetime) -> None:
    booking = make_booking(at)
    assert parse_bookings_query({"after": encode_cursor([booking])}).after == Position(
        at, booking.id
    )


def test_a_cursor_says_how_dense_its_page_was() -> None:
    minutes = [0, 5, 10, 10**5, 10**5 + 5]  # a long pause among them
    page = [make_booking(NOON - timedelta(minutes=each)) for each in minutes]
    position = parse_bookings_query({"after": encode_cursor(page)}).after
    assert position is not None
    assert position.span == timedelta(minutes=25)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_cursor_keeps_every_millisecond(at: datetime) -> None:
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    position = parse_bookings_query({"after": encode_cursor([make_booking(at)])}).after
    assert position is not None
    assert position.created_at == at


def test_a_cursor_can_stand_in_an_address() -> None:
    assert set(encode_cursor([make_booking()])) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "====",
        "ñ",
        "💥",
        "\ud800",
        "x" * 10_000,
        encoded(""),
        encoded("12"),
        encoded(f"12{ID}"),
        encoded(f"12.{ID}"),
        encoded(f"12..{ID}"),
        encoded(f"12.x.{ID}"),
        encoded(f"12.NaN.{ID}"),
        encoded(f"12.-1.{ID}"),
        encoded(f"12.253402300800000.{ID}"),
        encoded(f"12.{'9' * 30}.{ID}"),
        encoded(f".0.{ID}"),
        encoded(f"abc.0.{ID}"),
        encoded(f"1,5.0.{ID}"),
        encoded(f"NaN.0.{ID}"),
        encoded(f"1e9.0.{ID}"),
        encoded(f"ñ.0.{ID}"),
        encoded(f"{'9' * 30}.0.{ID}"),
        encoded(f"-{'9' * 30}.0.{ID}"),
        encoded(f"{'9' * 400}.0.{ID}"),
        encoded(f"{'9' * 5000}.0.{ID}"),
        encoded(f"253402300800000.0.{ID}"),
        encoded('{"$gt": ""}'),
        base64.urlsafe_b64encode(b"\xff\xfe.x").decode(),
        None,
        7,
        True,
        ["x"],
        {"$gt": ""},
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_what_is_no_cursor_is_refused(text: Any) -> None:
    assert list(errors(after=text)) == ["after"]


NUMBERS = st.integers(-(2**55), 2**55)


@given(
    st.text()
    | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode())
    | st.builds(lambda at, span: encoded(f"{at}.{span}.{ID}"), NUMBERS, NUMBERS)
)
def test_any_text_is_a_cursor_or_is_refused(text: str) -> None:
    try:
        position = parse_bookings_query({"after": text}).after
    except ValidationError:
        return
    assert position is not None
    assert position.created_at.tzinfo is UTC
    assert list(page_filters(BookingsQuery(after=position)))


def test_an_operator_in_a_cursor_stays_a_text() -> None:
    listing = parse_bookings_query({"after": encoded('0.0.{"$gt": ""}')})
    assert listing.after is not None
    assert listing.after.booking_id == '{"$gt": ""}'


def test_all_errors_are_reported_at_once() -> None:
    assert set(errors(limit="0", status="x", after="x", page="1")) == {
        "limit",
        "status",
        "after",
        "page",
    }


PLACES = [
    Position(NOON, "x"),
    Position(_BEGINNING, "x"),
    *(Position(NOON, "x", timedelta(minutes=minutes)) for minutes in (1, 60, 10**5, 10**9)),
]


@pytest.mark.parametrize("after", [None, *PLACES])
def test_the_windows_of_a_page_touch_and_leave_nothing_out(after: Position | None) -> None:
    spans = [each["createdAt"] for [each] in page_filters(BookingsQuery(after=after))]
    if after:
        assert spans.pop(0) == after.created_at
        assert spans[0]["$lt"] == after.created_at
    for newer, older in pairwise(spans):
        assert newer["$gte"] == older["$lt"]
    assert "$gte" not in spans[-1]


def test_a_page_looks_back_first_about_as_far_as_the_one_before() -> None:
    after = Position(NOON, "x", timedelta(minutes=10))
    _, nearest, *others = [
        each["createdAt"] for [each] in list(page_filters(BookingsQuery(after=after)))
    ]
    assert nearest == {"$lt": NOON, "$gte": NOON - timedelta(minutes=20)}
    assert others[0] == {"$lt": nearest["$gte"], "$gte": NOON - timedelta(minutes=80)}
    assert others[1] == {"$lt": others[0]["$gte"], "$gte": NOON - timedelta(minutes=320)}
    assert others[2] == {"$lt": others[1]["$gte"], "$gte": NOON - timedelta(days=1)}


def test_what_is_bounded_by_its_date_has_no_windows() -> None:
    [filters] = page_filters(BookingsQuery(date_from=NOON))
    assert [each.pop("status") for each in filters] == list(Status)
    assert filters == [{"clinic": "default", "date": {"$gte": NOON}}] * len(Status)
