"""The fault harness names methods and lines of the code: that they are still there."""

from __future__ import annotations

import random
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from runner.services import ROOT
from tests.faults.guards import GUARDS, Guard
from tests.faults.history import History
from tests.faults.invariants import NOTHING, Allowed, violations
from tests.faults.sabotage.points import POINTS, Point
from tests.faults.short import ESSENTIAL
from tests.faults.state import State


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


def _state(**changes: object) -> State:
    state: dict[str, object] = {
        "bookings": [],
        "ledger": {},
        "letters": [],
        "unsent": [],
        "depths": {},
        "logs": "",
    }
    return State(**state | changes)  # type: ignore[arg-type]


def _booking(**fields: object) -> dict[str, object]:
    steps = [
        {"from": None, "to": "pending"},
        {"from": "pending", "to": "confirmed"},
    ]
    usual: dict[str, object] = {
        "_id": str(random.random()),
        "patientEmail": "p@example.com",
        "date": 1,
        "slot": 1,
        "seat": 0,
        "status": "confirmed",
        "version": 2,
        "history": steps,
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
        ("I4", _state(bookings=[_booking(version=3)])),
        ("I5", _state(unsent=["x:1"])),
        ("I6", _state(bookings=[_booking()])),
        ("I6", _state(ledger={"x:2:email": {"state": "sent", "tries": 1}})),
        ("I7", _state(ledger={"x:2:email": {"state": "sent", "tries": 1}})),
        ("I7", _state(letters=[{"Message-ID": "<x.2@clinic>"}])),
        ("I8", _state(letters=[{"Message-ID": "<x.2@clinic>"}])),
        ("I9", _state(depths={"booking_requests": 1})),
        ("I9", _state(depths={"booking_dead_letter": 1})),
        ("I14", _state(logs="hello Ana Zzyzx 1")),
    ],
)
def test_a_broken_promise_is_seen(number: str, state: State, tmp_path: Path) -> None:
    found = violations(state, History(tmp_path / "history"), NOTHING)
    assert number in {text.partition(":")[0] for text in found}


def _letter(
    event_id: str, to: str = "p@example.com", about: str = "Su cita está confirmada"
) -> Any:
    reference = event_id.replace(":", ".")
    return {"Message-ID": f"<{reference}@clinic>", "X-Recipient": to, "Subject": about}


@pytest.mark.parametrize(
    ("letters", "row", "broken"),
    [
        ([_letter("x:2")], {}, set()),
        ([_letter("x:2")] * 2, {}, {"I7"}),
        ([_letter("x:2")] * 2, {"tries": 9}, {"I7"}),
        ([_letter("x:2")] * 2, {"ambiguous": 1}, set()),
        ([_letter("x:2")] * 3, {"ambiguous": 1}, {"I7"}),
        ([_letter("x:2", to="other@example.com")], {}, {"I8"}),
        ([_letter("x:2", about="No hemos podido")], {}, {"I8"}),
        ([_letter("x:2")], {"state": "failed"}, {"I6"}),
        ([_letter("x:2")], {"state": "postponed"}, {"I6"}),
    ],
)
def test_each_step_needs_one_true_letter(
    letters: list[Any], row: dict[str, Any], broken: set[str], tmp_path: Path
) -> None:
    history = History(tmp_path / "history")
    history.complete(history.invoke("book", "p@example.com"), "unknown")
    ledger = {"x:2:email": {"state": "sent", "tries": 1} | row}
    state = _state(bookings=[_booking(_id="x")], letters=letters, ledger=ledger)
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
        history.saw({"id": "x", "version": version, "status": status})
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
