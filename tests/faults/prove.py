"""Mutation test of the harness: without one guard, the short selection must fail.

`python -m tests.faults.prove [--seed N] [name ...]`
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runner.processes.services import ROOT
from tests.faults.guards import GUARDS, Guard
from tests.faults.outcome import markdown

#: What the harness may take for one guard.
BUDGET_SECONDS = 600
#: A system that has lost something never becomes quiet; there is no need to wait for it as long
#: as for a good one.
SETTLE_SECONDS = 60
_NOT_NEEDED = (
    ".git",
    ".venv*",
    ".tools",
    ".run",
    "bench",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
)


def main() -> None:
    options = _options()
    chosen = [guard for guard in GUARDS if _is_meant(guard, options.guards)]
    rows = [_row(None, options.seed)] if not options.guards else []
    rows += [_row(guard, options.seed) for guard in chosen]
    print(markdown(["guard removed", "found out by", "after"], [row[1:] for row in rows]))
    sys.exit(0 if all(row[0] == "good" for row in rows) else 1)


def _row(guard: Guard | None, seed: int) -> list[str]:
    """{good or bad, what was removed, what was broken first, how long it took}."""
    began = time.monotonic()
    broken = _broken(guard, seed)
    seconds = f"{time.monotonic() - began:.0f} s"
    first = next((text for text in broken if guard and _is_expected(guard, text)), None)
    is_good = (broken == []) if guard is None else (first is not None)
    name = guard.name if guard else "none"
    shown = first or next(iter(broken), "nothing is broken")
    print(f"{name}: {shown}, {seconds}", flush=True)
    return ["good" if is_good else "bad", name, shown, seconds]


def _is_expected(guard: Guard, text: str) -> bool:
    return text.partition(":")[0] in guard.breaks


def _broken(guard: Guard | None, seed: int) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="prove-") as directory:
        copy = Path(directory) / "source"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*_NOT_NEEDED))
        if guard:
            guard.remove(copy)
        return _run_short(copy, seed)


def _run_short(root: Path, seed: int) -> list[str]:
    settle = ["--settle", str(SETTLE_SECONDS)]
    command = [sys.executable, "-W", "ignore", "-m", "tests.faults", "short", "--seed", str(seed)]
    with subprocess.Popen(
        [*command, *settle],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=BUDGET_SECONDS)
        except subprocess.TimeoutExpired:
            return ["it took too long"]
        finally:
            process.terminate()  # it ends what it has started
    found = [line for line in said.splitlines() if line.startswith("broken: ")]
    return [line.removeprefix("broken: ") for line in found]


def _is_meant(guard: Guard, names: list[str]) -> bool:
    return not names or any(guard.name.startswith(name) for name in names)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("guards", nargs="*", help="the first words of guards; all if none")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
