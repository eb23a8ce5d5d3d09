"""Compare the stacks: `python -m bench --help`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import limits
from bench.accept import accept
from bench.backends import Backends
from bench.checks import checks
from bench.drain import drain
from bench.overload import overload
from bench.past import Cost, past
from bench.report import tables, write_between
from bench.slots import RUSH_SLOTS
from bench.stacks import OURS, STACKS
from bench.trial import Trial, trial

ROOT = Path(__file__).resolve().parent.parent
#: Measured of every stack, in turn.
_COMPARED = ("accept", "drain", "rush")
_PHASES = (*_COMPARED, "checks", "overload", "past", "limits")


def main() -> None:
    options = _options()
    # So that a killed run, too, stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    shutil.rmtree(options.directory, ignore_errors=True)
    backends = Backends(options.directory)
    with backends.running():
        results = _Run(options, backends).results()
    found = options.directory / "results.json"
    found.write_text(json.dumps(results, indent=1))
    text = tables(results)
    sys.stdout.write(f"\n{text}")
    if not options.dry:
        _publish(text, found)


class _Run:
    def __init__(self, options: argparse.Namespace, backends: Backends) -> None:
        self._options = options
        self._backends = backends

    def results(self) -> dict[str, Any]:
        found: dict[str, Any] = self._setting()
        for phase in _COMPARED:
            if phase in self._options.phases:
                found[phase] = {stack: [] for stack in self._options.stacks}
        for number, stack in self._turns():
            for phase in _COMPARED:
                if phase in self._options.phases:
                    found[phase][stack].append(self._measure(phase, stack, number))
        if "checks" in self._options.phases:
            found["checks"] = {str(count): self._checks(count) for count in (1, 2)}
        if "overload" in self._options.phases:
            found["overload"] = self._overload()
        if "past" in self._options.phases:
            found["past"] = self._past(self._options.past)
        if "limits" in self._options.phases:
            found["limits"] = limits.measure(self._backends, self._options.probe_seconds)
        return found

    def _setting(self) -> dict[str, Any]:
        names = ("rounds", "seconds", "backlog")
        setting = {name: getattr(self._options, name) for name in names}
        database = "mongod" if shutil.which("mongod") else "SecantusDB"
        return setting | {"cores": os.cpu_count(), "database": database}

    def _turns(self) -> Iterator[tuple[int, str]]:
        """Each stack once a round; another one begins each time."""
        stacks = self._options.stacks
        for number in range(self._options.rounds):
            first = number % len(stacks)
            yield from ((number + 1, stack) for stack in stacks[first:] + stacks[:first])

    def _measure(self, phase: str, stack: str, number: int) -> dict[str, Any]:
        folder = self._options.directory / f"{number}-{stack}-{phase}"
        with trial(stack, self._backends, folder) as one:
            if phase == "accept":
                found = asdict(accept(one, self._options.seconds))
            elif phase == "drain":
                found = asdict(drain(one, self._options.backlog))
            else:
                found = asdict(drain(one, self._options.rush, RUSH_SLOTS))
        _say(f"round {number}, {phase}, {stack}", found)
        return found

    def _checks(self, processes: int) -> dict[str, Any]:
        folder = self._options.directory / f"checks-{processes}"
        with trial(OURS, self._backends, folder) as one:
            found = asdict(checks(one, processes, self._options.check_seconds))
        _say(f"checks, {processes} processes", found)
        return found

    def _overload(self) -> dict[str, Any]:
        with trial(OURS, self._backends, self._options.directory / "overload") as one:
            found = asdict(overload(one, self._options.seconds))
        _say("overload", found)
        return found

    def _past(self, sizes: Sequence[int]) -> dict[str, Any]:
        with ExitStack() as stack:
            trials = {stored: stack.enter_context(self._trial_of(stored)) for stored in sizes}
            found = past(trials)
        costs_by_stored = {str(stored): _as_dicts(costs) for stored, costs in found.items()}
        for stored, costs in costs_by_stored.items():
            for name, cost in costs.items():
                _say(f"{stored} stored, {name}", cost)
        return costs_by_stored

    def _trial_of(self, stored: int) -> AbstractContextManager[Trial]:
        folder = self._options.directory / f"past-{stored}"
        return trial(OURS, self._backends, folder, has_own_database=True)


def _as_dicts(costs: Mapping[str, Cost]) -> dict[str, Any]:
    return {name: asdict(cost) for name, cost in costs.items()}


def _say(what: str, found: dict[str, Any]) -> None:
    numbers = {name: value for name, value in found.items() if isinstance(value, int | float)}
    told = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
    sys.stdout.write(f"{what}: {told}\n")
    sys.stdout.flush()


def _publish(text: str, results: Path) -> None:
    write_between(ROOT / "docs" / "reports" / "performance.md", "bench", text)
    python = ROOT / "bench" / ".venv" / "bin" / "python"
    plots = [str(python), str(ROOT / "bench" / "plots.py"), str(results)]
    subprocess.run([*plots, str(ROOT / "docs" / "images")], check=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=15, help="of load on POST /book")
    parser.add_argument("--backlog", type=int, default=5000, help="bookings to drain")
    parser.add_argument("--rush", type=int, default=4400, help="bookings that want 24 slots")
    parser.add_argument("--check-seconds", type=int, default=30)
    parser.add_argument("--past", type=int, nargs="+", default=[1000, 200_000], help="bookings")
    parser.add_argument("--probe-seconds", type=float, default=3, help="for each raw limit")
    parser.add_argument("--stacks", nargs="+", choices=STACKS, default=list(STACKS))
    parser.add_argument("--phases", nargs="+", choices=_PHASES, default=list(_PHASES))
    parser.add_argument("--directory", type=Path, default=ROOT / ".run" / "bench")
    parser.add_argument("--dry", action="store_true", help="change no document")
    return parser.parse_args()


if __name__ == "__main__":
    main()
