"""Measure what attacks do to other clients, before and after a change, in one run:
`python -m bench.attacks --base <tree>`. Both trees run in this environment, and take turns."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.backends import Backends
from bench.report import write_between
from bench.victims import ROOT, Tree, tree

#: A measurement of one tree; the seconds are how long an attack lasts.
Measure = Callable[[Tree, float], dict[str, Any]]


def _under(name: str, connections: int) -> Measure:
    return lambda one, seconds: one.under(name, connections, seconds)


def _with_appointments(count: int) -> Measure:
    """Have so many more bookings first; the worker confirms them meanwhile."""

    def measure(one: Tree, seconds: float) -> dict[str, Any]:
        for _ in range(count):
            one.book_for_token()
        return one.searching(3 * seconds)

    return measure


#: In this order: each search finds the appointments of all that came before it.
PHASES: dict[str, Measure] = {
    "no attack": lambda one, seconds: one.at_rest(seconds),
    "names of combining characters, JSON, 8 connections": _under("name in JSON", 8),
    "names of combining characters, JSON, 64 connections": _under("name in JSON", 64),
    "names of combining characters, form, 8 connections": _under("name in a form", 8),
    "names of combining characters, form, 64 connections": _under("name in a form", 64),
    "400 kB of Content-Type, 8 connections": _under("content type", 8),
    "300 kB of cookies, 16 connections": _under("cookies", 16),
    "visits of `/`, 128 connections": _under("visits", 128),
    "cancelling beside 128 visitors": lambda one, seconds: one.cancelling_under(
        "visits", 128, 2 * seconds
    ),
    "1,100 idle connections": _under("idle", 1100),
    "200 slow bodies": _under("slow bodies", 200),
    "a search of 15 kB, 90 appointments": _with_appointments(90),
    "a search of 15 kB, 1,000 appointments": _with_appointments(910),
    "60 MB in a message of 58 kB": lambda one, _seconds: one.inflating(60),
}


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    shutil.rmtree(options.directory, ignore_errors=True)
    backends = Backends(options.directory)
    with backends.running():
        results = _measure(options, backends)
    (options.directory / "results.json").write_text(json.dumps(results, indent=1))
    text = table(results)
    sys.stdout.write(f"\n{text}")
    if not options.dry:
        write_between(ROOT / "docs" / "reports" / "performance.md", "attacks", text)


def _measure(options: argparse.Namespace, backends: Backends) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        trees = {
            name: stack.enter_context(tree(path.resolve(), options.directory / name, backends))
            for name, path in (("before", options.base), ("after", options.after))
        }
        for phase, measure in PHASES.items():
            if options.only and not any(word in phase for word in options.only):
                continue
            found[phase] = {}
            for name, one in trees.items():
                found[phase][name] = measure(one, options.seconds)
                sys.stdout.write(f"{phase}, {name}: {found[phase][name]}\n")
                sys.stdout.flush()
    return found


def table(results: Mapping[str, Any]) -> str:
    rows = ["| attack | `POST /book` before: median, p99, failed | after | otherwise |"]
    rows.append("| --- | --- | --- | --- |")
    for phase, found in results.items():
        before, after = (_booked(found[name]) for name in ("before", "after"))
        rows.append(f"| {phase} | {before} | {after} | {_otherwise(found)} |")
    return "\n".join(rows) + "\n"


def _booked(found: Mapping[str, Any]) -> str:
    if "median_ms" not in found:
        return "–"
    times = f"{found['median_ms']:,.0f} ms, {found['p99_ms']:,.0f} ms"
    return f"{times}, {found['failed']} of {found['count']}"


def _otherwise(found: Mapping[str, Mapping[str, Any]]) -> str:
    before, after = found["before"], found["after"]
    if "refused" in before:
        return (
            f"503 to {before['refused']:.0%} of cancellations before, {after['refused']:.0%} after"
        )
    if "search_seconds" in before:
        took = [f"{each['search_seconds']:.1f} s" for each in (before, after)]
        return f"the search took {took[0]} before, {took[1]} after"
    if "peak_mib" in before:
        return f"{before['peak_mib']:.0f} MiB in the worker before, {after['peak_mib']:.0f} after"
    if "attacker_cpu" in after:
        used = [f"{each['attacker_cpu']:.0%}" for each in (before, after)]
        return f"the attacker used {used[0]} of a core before, {used[1]} after"
    return ""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.attacks")
    parser.add_argument("--base", type=Path, required=True, help="source tree from before")
    parser.add_argument("--after", type=Path, default=ROOT, help="source tree with the change")
    parser.add_argument("--seconds", type=float, default=10, help="of each attack")
    parser.add_argument("--only", nargs="+", help="attacks with one of these words")
    parser.add_argument("--directory", type=Path, default=ROOT / ".run" / "attacks")
    parser.add_argument("--dry", action="store_true", help="change no document")
    return parser.parse_args()


if __name__ == "__main__":
    main()
