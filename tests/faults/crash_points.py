"""Campaign: at every gap of the flow a process dies, fails or stops, under one booking and ten."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import eventlet

from tests.faults.campaign import Campaign, campaign
from tests.faults.house import SEATS, House
from tests.faults.outcome import Outcome, markdown
from tests.faults.sabotage.points import CHECK_FAILS, MAIL_COMES_LATER, POINTS, Point
from tests.faults.sabotage.trap import HANG, MODES
from tests.faults.staff import replay_until_decided

ONE, TEN = 1, 10
#: Longer than every answer a service waits for, shorter than a notifier's lease.
HANG_SECONDS = 6
_REACH_SECONDS = 60
TABLE = "crash_points.md"


@dataclass(frozen=True)
class Case:
    point: Point
    mode: str
    bookings: int


ALL = [Case(point, mode, size) for point in POINTS for mode in MODES for size in (ONE, TEN)]


def run(directory: Path, seed: int, cases: Sequence[Case] = ALL) -> Outcome:
    with campaign("crash points", directory, seed) as trial:
        results = run_cases(trial, cases)
        trial.outcome.figures["cases"] = len(cases)
        (directory / TABLE).write_text(_table(results))
    return trial.outcome


def run_cases(trial: Campaign, cases: Sequence[Case], first: int = 0) -> dict[Case, list[str]]:
    """Go through the cases in one house; what a case broke is not blamed on the next."""
    results: dict[Case, list[str]] = {}
    for number, case in enumerate(cases, first):
        results[case] = _run_case(trial, case, number)
        trial.note(f"{case.point.name}, {case.mode}, {case.bookings}", results[case])
    return results


def _run_case(trial: Campaign, case: Case, number: int) -> list[str]:
    trial.house.wait_until_ready()
    _excuse(trial, case)
    slot = trial.patients.slot(100 + number)
    with _trouble(trial.house, case.point):
        _arm(trial.house, case)
        patient = "later" if case.point.trouble == MAIL_COMES_LATER else "p"
        visits = [eventlet.spawn(trial.patients.book, slot, patient) for _ in range(case.bookings)]
        fired = _wait_until_fired(trial.house)
    if fired is None:
        return [f"I0: {case.point.name} was never reached"]
    if case.mode == HANG:
        eventlet.sleep(HANG_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.kill(fired, signal.SIGCONT)
    for visit in visits:
        visit.wait()
    if case.point.trouble == CHECK_FAILS:
        replay_until_decided(trial.house)
    return trial.check() + _too_few_confirmed(trial.house, slot, case.bookings)


def _excuse(trial: Campaign, case: Case) -> None:
    """Allow what this case may leave behind, for the rest of the campaign."""
    if case.point.may_repeat_mail:
        trial.allowed = replace(trial.allowed, second_copies=True)


def _too_few_confirmed(house: House, slot: str, bookings: int) -> list[str]:
    """A crash must not cost anybody a seat that is free."""
    wanted = {"date": datetime.fromisoformat(slot), "status": "confirmed"}
    confirmed = house.database["bookings"].count_documents(wanted)
    expected = min(bookings, SEATS)
    return [] if confirmed == expected else [f"I3: {confirmed} of {expected} seats are taken"]


@contextlib.contextmanager
def _trouble(house: House, point: Point) -> Iterator[None]:
    """Make what has to be wrong already wrong, until the trap has gone off."""
    if point.trouble is None:
        yield
        return
    file = house.traps / point.trouble
    opened = house.mailbox.directory / "open"
    file.touch()
    opened.unlink(missing_ok=True)
    try:
        yield
    finally:
        file.unlink()
        opened.touch()


def _arm(house: House, case: Case) -> None:
    for old in house.traps.glob("fired.*"):
        old.unlink()
    unfinished = house.traps / "unfinished"
    unfinished.write_text(f"{case.mode} {case.point.name}")
    unfinished.rename(house.traps / "armed")


def _wait_until_fired(house: House) -> int | None:
    """Return the process that it hit, or None when nobody came by."""
    deadline = time.monotonic() + _REACH_SECONDS
    while time.monotonic() < deadline:
        for file in house.traps.glob("fired.*"):
            return int(file.suffix[1:])
        eventlet.sleep(0.05)
    (house.traps / "armed").unlink(missing_ok=True)
    return None


def _table(results: dict[Case, list[str]]) -> str:
    """One row a point, one column for each way to fail and number of bookings."""
    columns = [(mode, size) for mode in MODES for size in (ONE, TEN)]
    head = ["service", "the process fails when", *[f"{mode}, {size}" for mode, size in columns]]
    rows = []
    for point in {case.point: None for case in results}:
        cells = []
        for mode, size in columns:
            found = results.get(Case(point, mode, size))
            cells.append("–" if found is None else "BROKEN" if found else "held")
        rows.append([point.service, point.name, *cells])
    return markdown(head, rows) + "\n"
