"""The fault harness names methods and lines of the code: that they are still there."""

from __future__ import annotations

import json
import random
import shutil
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from clinic.domain.clock import to_wire
from notification_service.channels.webhook_signature import sign
from runner.processes.services import ROOT
from tests.faults.allowed import NOTHING, Allowed
from tests.faults.guards import GUARDS, Guard
from tests.faults.history import CANCEL, FAILED, OK, RESCHEDULE, UNKNOWN, History
from tests.faults.injection.points import POINTS, Point
from tests.faults.invariants import violations
from tests.faults.short import ESSENTIAL
from tests.faults.state import State
from tests.faults.system import WEBHOOK_SECRET
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
DECIDED = [{"from": None, "to": "pending"}, {"from": "pending", "to": "confirmed"}]
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


def _booking(**fields: object) -> dict[str, object]:
    usual: dict[str, object] = {
        "_id": str(random.random()),
        "patientEmail": "p@example.com",
        "date": NINE,
        "slot": fields.get("date", NINE),
        "seat": 0,
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
        ("I3", _state(bookings=[_booking(seat=0), _booking(seat=1), _booking(seat=2)])),
        ("I3", _state(bookings=[_booking(slot=TEN)])),
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


def _moved() -> dict[str, object]:
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
