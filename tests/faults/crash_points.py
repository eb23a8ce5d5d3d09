"""Campaign: at every gap of the flow a process dies, fails or stops, under one booking and ten."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import eventlet

from tests.faults.allowed import Allowed
from tests.faults.campaign import Campaign, running_campaign
from tests.faults.injection.injector import HANG, KILL, MODES, RAISE
from tests.faults.injection.points import (
    CHECK_FAILS,
    GATEWAY,
    GATEWAY_HAS_DIED,
    LOSE,
    MAIL_COMES_LATER,
    MAIL_IS_REFUSED,
    POINTS,
    TOOL,
    Point,
)
from tests.faults.outcome import Outcome, markdown
from tests.faults.patients import LATER, REFUSED
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.staff import drop, replay_until_decided
from tests.faults.state import wait_for_quiet
from tests.faults.system import System

ONE, TEN = 1, 10
_REACH_SECONDS = 60
TABLE = "crash_points.md"
#: Where something is saved by asking again, and soon: elsewhere nothing may be.
_IMPATIENT = {"OUTBOX_REPUBLISH_SECONDS": "6", "WEBHOOK_MAX_ATTEMPTS": "4"}
#: What the mail server does with an e-mail is decided by whom it is for.
_PREFIXES = {MAIL_COMES_LATER: LATER, MAIL_IS_REFUSED: REFUSED}


@dataclass(frozen=True)
class Case:
    point: Point
    mode: str
    bookings: int


ALL = [Case(point, mode, size) for point in POINTS for mode in MODES for size in (ONE, TEN)]


def run(directory: Path, seed: int, words: Sequence[str] = ()) -> Outcome:
    """Go through the cases; `words` begin the names of the points that are meant, all if none."""
    chosen = [case for case in ALL if not words or case.point.name.startswith(tuple(words))]
    systems = {"": [case for case in chosen if case.point.scenario != LOSE]}
    systems["lost"] = [case for case in chosen if case.point.scenario == LOSE]
    results: dict[Case, list[str]] = {}
    outcomes = []
    for name, cases in systems.items():
        if cases:
            environment = _IMPATIENT if name else {}
            outcomes.append(_run(directory / name, seed, cases, results, environment))
    (directory / TABLE).write_text(_table(results))
    return _together(outcomes)


def _run(
    directory: Path,
    seed: int,
    cases: Sequence[Case],
    results: dict[Case, list[str]],
    environment: Mapping[str, Any],
) -> Outcome:
    # The gap that SMTP leaves open is among the points.
    allowed = Allowed(second_copies=True)
    with running_campaign(
        "crash points", directory, seed, allowed, has_webhook=True, **environment
    ) as campaign:
        results |= run_cases(campaign, cases)
        campaign.outcome.figures["cases"] = len(cases)
    return campaign.outcome


def _together(outcomes: Sequence[Outcome]) -> Outcome:
    """Show the systems as one; figures of the others carry on in brackets."""
    first, *others = outcomes
    for other in others:
        first.figures |= {f"{name} (lost events)": each for name, each in other.figures.items()}
        first.violations += other.violations
    return first


def run_cases(campaign: Campaign, cases: Sequence[Case], first: int = 0) -> dict[Case, list[str]]:
    """Go through the cases in one system; what a case broke is not blamed on the next."""
    results: dict[Case, list[str]] = {}
    for number, case in enumerate(cases, first):
        results[case] = _run_case(campaign, case, number)
        campaign.note(f"{case.point.name}, {case.mode}, {case.bookings}", results[case])
    return results


def _run_case(campaign: Campaign, case: Case, number: int) -> list[str]:
    campaign.system.wait_until_ready()
    prefix = _PREFIXES.get(case.point.failure or "", "p")
    scenario = SCENARIOS[case.point.scenario](campaign, number, case.bookings, prefix)
    _excuse(campaign, case, scenario)
    scenario.prepare()
    gateway = campaign.system.parts[GATEWAY]
    deaths = gateway.unasked_ends
    with _trouble(campaign.system, case.point):
        _arm(campaign.system, case)
        visits = scenario.begin()
        fired = _wait_until_fired(campaign.system)
    if fired is None:
        return [f"I0: {case.point.name} was never reached"]
    if case.mode == HANG:
        eventlet.sleep(case.point.hang_seconds)
        with contextlib.suppress(ProcessLookupError):
            os.kill(fired, signal.SIGCONT)
    for visit in visits:
        visit.wait()
    if case.point.failure == GATEWAY_HAS_DIED:
        campaign.excused_ends += gateway.unasked_ends - deaths
    scenario.clear_up()
    return [*_clear_up(campaign, case), *campaign.check(), *scenario.found()]


def _excuse(campaign: Campaign, case: Case, scenario: Scenario) -> None:
    """Allow what this case may do."""
    campaign.excused_ends += case.mode in (KILL, RAISE) and case.point.service != TOOL
    failures: set[int | None] = set()
    if GATEWAY in case.point.service:
        # Stopped in the middle of a question, it has no time left for the answer.
        failures = {503} if case.mode == HANG else {None, 500}
    elif case.point.failure == GATEWAY_HAS_DIED:
        failures = {None}
    elif scenario.changes and case.mode == RAISE:
        failures = {500}  # what no service of ours would raise
    campaign.allowed = replace(campaign.allowed, statuses=frozenset({200, 201} | failures))


def _clear_up(campaign: Campaign, case: Case) -> list[str]:
    """Do what a person would do about what is dead-lettered."""
    if case.point.failure == CHECK_FAILS:
        replay_until_decided(campaign.system)
    if case.point.failure != MAIL_IS_REFUSED:
        return []
    queue = "notification_service.email.dead_letter"
    wait_for_quiet(campaign.system, campaign.settle_seconds)
    dead_lettered = campaign.system.depths()[queue]
    drop(campaign.system)
    # A worker that dies before it acks parks the same message once more.
    return (
        []
        if dead_lettered >= case.bookings
        else [f"I9: only {dead_lettered} e-mails are dead-lettered"]
    )


@contextlib.contextmanager
def _trouble(system: System, point: Point) -> Iterator[None]:
    """Make what has to be wrong already wrong, until the fault has been injected."""
    if point.failure is None:
        yield
        return
    file = system.fault_files / point.failure
    opened = system.mailbox.directory / "open"
    file.touch()
    opened.unlink(missing_ok=True)
    try:
        yield
    finally:
        file.unlink()
        opened.touch()


def _arm(system: System, case: Case) -> None:
    for old in system.fault_files.glob("fired.*"):
        old.unlink()
    unfinished = system.fault_files / "unfinished"
    unfinished.write_text(f"{case.mode} {case.point.name}")
    unfinished.rename(system.fault_files / "armed")


def _wait_until_fired(system: System) -> int | None:
    """Return the process that it hit, or None when nobody came by."""
    deadline = time.monotonic() + _REACH_SECONDS
    while time.monotonic() < deadline:
        for file in system.fault_files.glob("fired.*"):
            return int(file.suffix[1:])
        eventlet.sleep(0.05)
    (system.fault_files / "armed").unlink(missing_ok=True)
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
