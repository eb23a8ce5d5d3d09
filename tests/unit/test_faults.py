"""The fault harness names methods and lines of the code: that they are still there."""

from __future__ import annotations

import json
import random
import shutil
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from clinic.catalogue.schema.catalogue_schema import ItemKind, parse_catalogue
from clinic.domain.catalogue import Catalogue
from clinic.domain.clock import to_wire
from notification_service.channels.webhook_signature import sign
from runner.processes.services import ROOT
from tests.faults.allowed import NOTHING, Allowed
from tests.faults.guards import GUARDS, Guard
from tests.faults.history import BOOK, CANCEL, FAILED, OK, PHONE, RESCHEDULE, UNKNOWN, History
from tests.faults.injection.points import POINTS, Point
from tests.faults.invariants import violations
from tests.faults.practice import CATALOGUE
from tests.faults.short import ESSENTIAL
from tests.faults.state import State
from tests.faults.system import SEATS, WEBHOOK_SECRET
from tests.faults.watch import unchanged
from tests.receiver import Call as WebhookCall


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name.partition(":")[0])
def test_every_guard_is_in_the_code(guard: Guard, tmp_path: Path) -> None:
    copy = tmp_path / guard.file
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / guard.file, copy)
    guard.remove(tmp_path)
    assert copy.read_text() != (ROOT / guard.file).read_text()


def test_a_guard_that_has_gone_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("pass\n")
    with pytest.raises(ValueError, match="does not hold"):
        Guard("any", ("I1",), "file.py", "guarded", "not").remove(tmp_path)


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_every_crash_point_is_in_the_code(point: Point) -> None:
    module, _, name = point.method.partition(":")
    owner, _, method = name.partition(".")
    assert callable(getattr(getattr(import_module(module), owner), method))


def test_crash_points_have_names_of_their_own() -> None:
    names = [point.name for point in POINTS]
    assert len(set(names)) == len(names)
    assert ESSENTIAL.keys() <= set(names)


NINE, TEN = (datetime(2030, 1, 1, hour, tzinfo=UTC) for hour in (9, 10))
DECIDED: list[dict[str, Any]] = [
    {"from": None, "to": "pending", "by": "x"},
    {"from": "pending", "to": "confirmed"},
]
#: The first five minutes of each slot, counted since 1970.
AT_NINE, AT_TEN = (int(moment.timestamp()) // 300 for moment in (NINE, TEN))
MOVE = {"from": "confirmed", "to": "confirmed", "date": TEN, "previousDate": NINE}


def _webhook(event_id: str, secret: str = WEBHOOK_SECRET, status: int = 200) -> WebhookCall:
    raw = json.dumps({"eventId": event_id, "status": "confirmed"}).encode()
    signature = sign(raw, 1, [secret])
    names = ("X-Clinic-Event-Id", "X-Clinic-Timestamp", "X-Clinic-Signature")
    return WebhookCall(dict(zip(names, (event_id, "1", signature), strict=True)), raw, status)


def _state(**changes: object) -> State:
    state: dict[str, object] = {
        "bookings": [],
        "delivery_log": {},
        "emails": [],
        "unsent": [],
        "depths": {},
        "logs": "",
    }
    return State(**state | changes)  # type: ignore[arg-type]


def _booking(seat: int = 0, **fields: Any) -> dict[str, Any]:
    """Half an hour in a seat of the pool."""
    date = fields.get("date", NINE)
    usual: dict[str, Any] = {
        "_id": str(random.random()),
        "clinic": "default",
        "patientEmail": "p@example.com",
        "date": date,
        "end": date + timedelta(minutes=30),
        "claims": [f"default/{seat}/{int(date.timestamp()) // 300}"],
        "status": "confirmed",
        "version": 2,
        "history": DECIDED,
        "outbox": [],
    }
    return usual | fields


@pytest.mark.parametrize(
    ("number", "state"),
    [
        ("I1", _state(bookings=[_booking(), _booking(seat=1)])),
        ("I2", _state(bookings=[_booking(status="pending")])),
        ("I3", _state(bookings=[_booking(), _booking()])),
        ("I3", _state(bookings=[_booking(seat) for seat in range(SEATS + 1)])),
        ("I4", _state(bookings=[_booking(version=3)])),
        ("I4", _state(bookings=[_booking(history=[*DECIDED, DECIDED[1]], version=3)])),
        ("I4", _state(bookings=[_booking(history=[*DECIDED, MOVE], version=3)])),
        ("I5", _state(unsent=["x:1"])),
        ("I6", _state(bookings=[_booking()])),
        ("I6", _state(delivery_log={"x:2:email": {"state": "sent", "tries": 1}})),
        ("I7", _state(delivery_log={"x:2:email": {"state": "sent", "tries": 1}})),
        ("I7", _state(emails=[{"Message-ID": "<x.2@clinic>"}])),
        ("I8", _state(emails=[{"Message-ID": "<x.2@clinic>"}])),
        ("I9", _state(depths={"booking_requests": 1})),
        ("I9", _state(depths={"booking_dead_letter": 1})),
        ("I14", _state(logs="hello Ana Zzyzx 1")),
        ("I18", _state(bookings=[_booking()], reminded_until=TEN)),
        ("I18", _state(delivery_log={"x:2:reminder": {"state": "sent"}})),
        ("I19", _state(bookings=[_booking()], webhooks=[])),
        ("I19", _state(webhooks=[_webhook("x:2")])),
    ],
)
def test_a_broken_promise_is_seen(number: str, state: State, tmp_path: Path) -> None:
    found = violations(state, History(tmp_path / "history"), NOTHING)
    assert number in {text.partition(":")[0] for text in found}


def _email(event_id: str, to: str = "p@example.com", about: str = "Su cita está confirmada") -> Any:
    reference = event_id.replace(":", ".")
    return {"Message-ID": f"<{reference}@clinic>", "X-Recipient": to, "Subject": about}


@pytest.mark.parametrize(
    ("emails", "row", "broken"),
    [
        ([_email("x:2")], {}, set()),
        ([_email("x:2")] * 2, {}, {"I7"}),
        ([_email("x:2")] * 2, {"tries": 9}, {"I7"}),
        ([_email("x:2")] * 2, {"ambiguous": 1}, set()),
        ([_email("x:2")] * 3, {"ambiguous": 1}, {"I7"}),
        ([_email("x:2", to="other@example.com")], {}, {"I8"}),
        ([_email("x:2", about="No hemos podido")], {}, {"I8"}),
        ([_email("x:2")], {"state": "failed"}, {"I6"}),
        ([_email("x:2")], {"state": "postponed"}, {"I6"}),
    ],
)
def test_each_step_needs_one_true_email(
    emails: list[Any], row: dict[str, Any], broken: set[str], tmp_path: Path
) -> None:
    history = History(tmp_path / "history")
    history.complete(history.invoke("book", "p@example.com"), "unknown")
    delivery_log = {"x:2:email": {"state": "sent", "tries": 1} | row}
    state = _state(bookings=[_booking(_id="x")], emails=emails, delivery_log=delivery_log)
    found = violations(state, history, Allowed(second_copies=True))
    assert {text.partition(":")[0] for text in found} == broken


@pytest.mark.parametrize(
    ("seen", "is_true"),
    [
        ([(1, "pending"), (2, "confirmed")], True),
        ([(2, "confirmed"), (1, "pending")], False),
        ([(2, "rejected")], False),
        ([(3, "cancelled")], False),
    ],
)
def test_what_was_seen_must_stay_true(
    seen: list[tuple[int, str]], is_true: bool, tmp_path: Path
) -> None:
    history = History(tmp_path / "history")
    for version, status in seen:
        history.saw({"id": "x", "version": version, "status": status, "date": to_wire(NINE)})
    found = violations(_state(bookings=[_booking(_id="x")]), history, NOTHING)
    assert any(text.startswith("I4") for text in found) is not is_true


def test_one_key_makes_one_booking(tmp_path: Path) -> None:
    history = History(tmp_path / "history")
    for booking_id in ("x", "y"):
        call = history.invoke("book", "p@example.com")
        call.answer = {"id": booking_id, "manageToken": "t"}
        history.complete(call, "ok")
    found = violations(_state(bookings=[_booking(_id="y")]), history, NOTHING)
    assert any(text.startswith("I11") for text in found)


def test_a_slow_answer_is_seen(tmp_path: Path) -> None:
    history = History(tmp_path / "history")
    call = history.invoke("read", "x")
    call.seconds = 3.5
    found = violations(_state(), history, Allowed(answer_seconds=3))
    assert found == ["I12: the gateway took 3.5 s to answer"]


def test_an_empty_house_breaks_no_promise(tmp_path: Path) -> None:
    assert violations(_state(), History(tmp_path / "history"), NOTHING) == []


def test_what_was_promised_must_be_there(tmp_path: Path) -> None:
    history = History(tmp_path / "history")
    call = history.invoke("book", "p@example.com")
    call.answer = {"id": "x", "manageToken": "t"}
    history.complete(call, "ok")
    assert violations(_state(), history, NOTHING) == ["I1: x was promised and is not stored"]


def _moved() -> dict[str, Any]:
    return _booking(_id="x", date=TEN, version=3, history=[*DECIDED, MOVE])


def _numbers(state: State, history: History, allowed: Allowed = NOTHING) -> set[str]:
    return {text.partition(":")[0] for text in violations(state, history, allowed)}


@pytest.mark.parametrize(
    ("version", "date", "is_true"),
    [(2, NINE, True), (3, TEN, True), (2, TEN, False), (3, NINE, False)],
)
def test_where_a_booking_was_seen_must_stay_true(
    version: int, date: datetime, is_true: bool, tmp_path: Path
) -> None:
    history = History(tmp_path / "history")
    history.saw({"id": "x", "version": version, "status": "confirmed", "date": to_wire(date)})
    assert ("I4" in _numbers(_state(bookings=[_moved()]), history)) is not is_true


def test_what_two_clients_have_seen_has_no_order(tmp_path: Path) -> None:
    history = History(tmp_path / "history")
    for client, (version, date) in enumerate([(3, TEN), (2, NINE)]):
        seen = {"id": "x", "version": version, "status": "confirmed", "date": to_wire(date)}
        history.saw(seen, client)
    assert "I4" not in _numbers(_state(bookings=[_moved()]), history)


@pytest.mark.parametrize(
    ("what", "date", "outcomes", "is_broken"),
    [
        (RESCHEDULE, TEN, [FAILED], True),  # refused, and done
        (RESCHEDULE, TEN, [UNKNOWN, FAILED], False),  # perhaps done at the first time
        (RESCHEDULE, NINE, [FAILED], False),
        (CANCEL, None, [FAILED], False),
    ],
)
def test_what_was_refused_must_not_be_done(
    what: str, date: datetime | None, outcomes: list[str], is_broken: bool, tmp_path: Path
) -> None:
    history = History(tmp_path / "history")
    for outcome in outcomes:
        call = history.invoke(what, "x", 1, to_wire(date) if date else None)
        history.complete(call, outcome)
    assert ("I17" in _numbers(_state(bookings=[_moved()]), history)) is is_broken


@pytest.mark.parametrize(
    ("status", "date", "version", "is_broken"),
    [
        ("confirmed", TEN, 3, False),
        ("confirmed", NINE, 3, True),  # not where it was to go
        ("cancelled", TEN, 3, True),
    ],
)
def test_what_was_answered_must_be_done(
    status: str, date: datetime, version: int, is_broken: bool, tmp_path: Path
) -> None:
    history = History(tmp_path / "history")
    call = history.invoke(RESCHEDULE, "x", 1, to_wire(TEN))
    call.answer = {"status": status, "date": to_wire(date), "version": version}
    history.complete(call, OK)
    assert ("I17" in _numbers(_state(bookings=[_moved()]), history)) is is_broken


@pytest.mark.parametrize(("after_seconds", "is_late"), [(5, False), (50, True)])
def test_a_reminder_must_not_come_long_after_a_change(
    after_seconds: float, is_late: bool, tmp_path: Path
) -> None:
    history = History(tmp_path / "history")
    call = history.invoke(RESCHEDULE, "x", 1, to_wire(TEN))
    call.answer = {"status": "confirmed", "date": to_wire(TEN), "version": 3}
    history.complete(call, OK)
    email = _email("x:2:reminder", about="Recordatorio de su cita")
    email["X-Taken-At"] = str(call.ended_at + after_seconds)
    delivery_log = {"x:2:reminder": {"state": "sent"}}
    state = _state(bookings=[_moved()], emails=[email], delivery_log=delivery_log)
    assert ("I18" in _numbers(state, history)) is is_late


@pytest.mark.parametrize(
    ("calls", "broken"),
    [
        ([_webhook("x:2")], False),
        ([_webhook("x:2")] * 2, False),  # in two tries
        ([_webhook("x:2")] * 3, True),
        ([_webhook("x:2", secret="guessed")], True),
        ([_webhook("x:2", status=503)], True),  # heard, and not taken
        ([_webhook("x:2", status=503), _webhook("x:2")], False),
        ([], True),
    ],
)
def test_an_endpoint_accepts_each_transition_and_can_verify_it(
    calls: list[WebhookCall], broken: bool, tmp_path: Path
) -> None:
    delivery_log = {"x:2:webhook": {"state": "sent", "tries": 2}}
    state = _state(bookings=[_booking(_id="x")], delivery_log=delivery_log, webhooks=calls)
    assert ("I19" in _numbers(state, History(tmp_path / "history"))) is broken


@pytest.mark.parametrize(
    ("later", "is_broken"), [({"state": "sent"}, False), ({"state": "failed"}, True), (None, True)]
)
def test_an_email_is_left_out_only_for_a_later_one(
    later: dict[str, Any] | None, is_broken: bool, tmp_path: Path
) -> None:
    delivery_log = {"x:2:email": {"state": "superseded"}} | ({"x:3:email": later} if later else {})
    state = _state(bookings=[_moved()], delivery_log=delivery_log)
    broken = violations(state, History(tmp_path / "history"), NOTHING)
    assert any("x:2:email is superseded" in text for text in broken) is is_broken


@pytest.mark.parametrize(
    ("emails", "ambiguous", "is_broken"), [(1, 0, False), (2, 0, True), (2, 1, False)]
)
def test_nobody_is_reminded_twice(
    emails: int, ambiguous: int, is_broken: bool, tmp_path: Path
) -> None:
    email = _email("x:2:reminder", about="Recordatorio de su cita") | {"X-Taken-At": "1"}
    delivery_log = {"x:2:reminder": {"state": "sent", "ambiguous": ambiguous}}
    state = _state(bookings=[_booking(_id="x")], emails=[email] * emails, delivery_log=delivery_log)
    found = _numbers(state, History(tmp_path / "history"), Allowed(second_copies=True))
    assert ("I7" in found) is is_broken


def _claims_broken(*bookings: dict[str, Any], catalogue: Catalogue | None = None) -> list[str]:
    state = _state(bookings=list(bookings), **({"catalogue": catalogue} if catalogue else {}))
    found = violations(state, History(Path("/dev/null")), NOTHING)
    return [text for text in found if text.startswith("I3")]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, None),
        ({"seat": SEATS - 1}, None),
        ({"seat": SEATS}, "a seat that does not exist"),
        ({"claims": []}, "what its service needs"),
        ({"claims": [f"default/0/{AT_TEN}"]}, "exactly its own time"),
        ({"claims": [f"default/0/{AT_NINE}", f"default/0/{AT_NINE + 6}"]}, "exactly its own time"),
        ({"claims": [f"default/{seat}/{AT_NINE}" for seat in (0, 1)]}, "exactly its own time"),
        ({"claims": [f"other/0/{AT_NINE}"]}, "do not exist"),
        ({"end": TEN}, "as long as its service"),
        ({"status": "cancelled"}, "is cancelled and holds claims"),
        ({"status": "rejected"}, "is rejected and holds claims"),
        ({"status": "pending"}, "is pending and holds claims"),
        ({"status": "cancelled", "claims": []}, None),
    ],
)
def test_a_booking_holds_its_own_time_while_it_is_confirmed(
    fields: dict[str, Any], problem: str | None
) -> None:
    found = _claims_broken(_booking(**fields))
    assert any(problem in text for text in found) if problem else found == []


def test_a_claim_is_held_once_whatever_the_seats() -> None:
    assert _claims_broken(_booking(0), _booking(1)) == []
    assert any("held by 2" in text for text in _claims_broken(_booking(0), _booking(0)))


def test_overlapping_bookings_are_seen_without_their_claims() -> None:
    """Each has half of another's time, and claims that nobody else has."""
    shifted = [
        _booking(_id=str(number), date=NINE + timedelta(minutes=10 * number), claims=[])
        for number in range(SEATS + 1)
    ]
    moment = NINE + timedelta(minutes=10 * SEATS)
    text = f"I3: {SEATS + 1} confirmed at once for {SEATS} seats of every pool on {moment}"
    assert text in _claims_broken(*shifted)
    assert text not in _claims_broken(*shifted[:SEATS])


def _catalogue() -> Catalogue:
    parsed = parse_catalogue(CATALOGUE)
    versions = {kind: dict.fromkeys(parsed.ids[kind], 1) for kind in ItemKind}
    return parsed.to_catalogue("default", timedelta(days=365), 1, versions)  # type: ignore[arg-type]


def _visit(person: str, room: str, minute: int = 0, **fields: Any) -> dict[str, Any]:
    """Half an hour with ten minutes before it."""
    start = NINE + timedelta(minutes=minute)
    first = AT_NINE + minute // 5 - 2
    keys = [f"{schedule}/0/{first + n}" for schedule in (person, room) for n in range(8)]
    usual: dict[str, Any] = {
        "service": "visit",
        "practitioner": person,
        "date": start,
        "claims": keys,
    }
    return _booking(**usual | fields)


@pytest.mark.parametrize(
    ("bookings", "problem"),
    [
        ([_visit("luis", "room-1"), _visit("eva", "room-2")], None),
        ([_visit("luis", "room-1"), _visit("luis", "room-1", 40)], None),
        ([_visit("luis", "room-1"), _visit("luis", "room-2", 35)], "1 seats of luis"),
        ([_visit("luis", "room-1"), _visit("eva", "room-1", 35)], "1 seats of room-1"),
        (
            [_visit("ana", "room-1"), _visit("luis", "room-2"), _visit("eva", "room-2")],
            "2 seats of every room",
        ),
        ([_visit("luis", "eva")], "what its service needs"),
        ([_visit("luis", "room-1", practitioner="eva")], "time of another practitioner"),
        ([_visit("luis", "room-1", service="long")], "as long as its service"),
        ([_visit("luis", "room-1", service="other")], "do not exist"),
    ],
)
def test_practitioners_and_rooms_are_in_one_place_at_a_time(
    bookings: list[dict[str, Any]], problem: str | None
) -> None:
    found = _claims_broken(*bookings, catalogue=_catalogue())
    assert any(problem in text for text in found) if problem else found == []


@pytest.mark.parametrize(("by", "is_broken"), [("staff", False), ("patient", True)])
def test_only_staff_overbook(by: str, is_broken: bool) -> None:
    visit = _visit("ana", "room-1")
    keys = [key.replace("ana/0", "ana/1") for key in visit["claims"]]
    history = [DECIDED[0] | {"by": by}, DECIDED[1]]
    found = _claims_broken(visit | {"claims": keys, "history": history}, catalogue=_catalogue())
    assert bool(found) is is_broken


def test_bookings_that_change_meanwhile_are_not_compared() -> None:
    before = {"x": {"version": 2}, "y": {"version": 2}, "z": {"version": 2}}
    after = {"x": {"version": 2}, "y": {"version": 3}, "new": {"version": 2}}
    assert unchanged(before, after) == [after["x"]]


@pytest.mark.parametrize(
    ("stored", "is_broken"),
    [
        ({"service": "visit", "practitioner": "eva"}, False),
        ({"service": "visit", "practitioner": "ana"}, True),
        ({"service": "visit", "practitioner": "ana", "history": [*DECIDED, MOVE]}, False),
        ({"service": "long", "practitioner": "eva"}, True),
    ],
)
def test_each_gets_the_service_and_the_practitioner_asked_for(
    stored: dict[str, Any], is_broken: bool, tmp_path: Path
) -> None:
    history = History(tmp_path / "history")
    call = history.invoke(BOOK, "p@example.com")
    call.answer = {"id": "x", "manageToken": "t", "service": "visit", "practitioner": "eva"}
    history.complete(call, OK)
    state = _state(bookings=[_booking(_id="x", **stored)], catalogue=_catalogue())
    assert ("I20" in _numbers(state, history)) is is_broken


@pytest.mark.parametrize(
    ("outcomes", "stored", "broken"),
    [
        ([OK], ["x"], set()),
        ([UNKNOWN, OK], ["x"], set()),
        ([FAILED], [], set()),
        ([UNKNOWN, FAILED], ["x"], {"I1"}),  # refused, and booked all the same
        ([OK], [], {"I1"}),
        ([UNKNOWN, OK], ["x", "y"], {"I1"}),
    ],
)
def test_a_booking_by_phone_is_made_once_or_refused(
    outcomes: list[str], stored: list[str], broken: set[str], tmp_path: Path
) -> None:
    history = History(tmp_path / "history")
    for outcome in outcomes:
        call = history.invoke(PHONE, "+34777000001")
        call.answer = {"id": "x"} if outcome == OK else None
        history.complete(call, outcome)
    patient = {"patientEmail": None, "patientPhone": "+34777000001"}
    bookings = [_booking(seat, _id=key, **patient) for seat, key in enumerate(stored)]
    found = _numbers(_state(bookings=bookings), history)
    assert found & {"I1", "I11"} == broken


@pytest.mark.parametrize(("outcome", "is_broken"), [("no_address", False), ("sent", True)])
def test_nobody_writes_to_a_patient_without_an_address(
    outcome: str, is_broken: bool, tmp_path: Path
) -> None:
    booking = _booking(_id="x", patientEmail=None, patientPhone="+34777000001")
    state = _state(bookings=[booking], delivery_log={"x:2:email": {"state": outcome}})
    assert ("I6" in _numbers(state, History(tmp_path / "history"))) is is_broken


def test_a_phone_number_in_a_log_is_seen(tmp_path: Path) -> None:
    state = _state(logs="rang +34777000001")
    assert "I14" in _numbers(state, History(tmp_path / "history"))
