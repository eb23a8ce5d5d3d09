"""Turns results into Markdown tables, and puts these where a document marks their place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.stacks import OURS, TITLES

#: One column: its heading, how its numbers are written, and what it shows.
Column = tuple[str, str, str]

_ACCEPT: Sequence[Column] = (
    ("accepted/s", ",.0f", "rate"),
    ("p50 ms", ".0f", "p50_ms"),
    ("p99 ms", ".0f", "p99_ms"),
    ("CPU ms each", ".2f", "cpu_ms"),
    ("broker CPU ms", ".2f", "broker_cpu_ms"),
    ("database CPU ms", ".2f", "database_cpu_ms"),
    ("peak MiB", ".0f", "peak_mib"),
    ("last message after s", ".1f", "lag_seconds"),
    ("errors", ".0f", "errors"),
    ("lost", ".0f", "lost"),
)
_DRAIN: Sequence[Column] = (
    ("decided and notified/s", ",.0f", "rate"),
    ("CPU ms each", ".2f", "cpu_ms"),
    ("broker CPU ms", ".2f", "broker_cpu_ms"),
    ("database CPU ms", ".2f", "database_cpu_ms"),
    ("worker MiB", ".0f", "worker_mib"),
    ("notifier MiB", ".0f", "notifier_mib"),
    ("undecided", ".0f", "undecided"),
    ("not notified", ".0f", "unnotified"),
    ("notified twice", ".0f", "duplicates"),
)
_OVERLOAD: Sequence[Column] = (
    ("offered/s", ",.0f", "offered"),
    ("accepted", ",.0f", "accepted"),
    ("refused", ",.0f", "refused"),
    ("refusals looked at", ",.0f", "looked_at"),
    ("unclear ones", ".0f", "unclear"),
    ("p99 ms", ".0f", "p99_ms"),
    ("MiB before", ".0f", "before_mib"),
    ("peak MiB", ".0f", "peak_mib"),
    ("lost", ".0f", "lost"),
    ("last message after s", ".1f", "sent_after_seconds"),
)
#: What must not be smoothed away: one bad round is shown, not the median.
_WORST = {"errors", "lost", "undecided", "unnotified", "duplicates"}

Rounds = Mapping[str, Sequence[Mapping[str, float]]]


def tables(results: Mapping[str, Any]) -> str:
    """Everything a run has found."""
    sections = [_setting(results)]
    if results.get("accept"):
        sections += ["### Accepting", _stacks_table(results["accept"], _ACCEPT)]
        sections += [_ratios(results["accept"], ("rate", "cpu_ms", "p99_ms"))]
    if results.get("drain"):
        sections += ["### Deciding and notifying", _stacks_table(results["drain"], _DRAIN)]
        sections += [_ratios(results["drain"], ("rate", "cpu_ms"))]
    if results.get("rush"):
        sections += [
            "### A rush for the 24 slots of one day",
            _stacks_table(results["rush"], _DRAIN),
        ]
        sections += [_ratios(results["rush"], ("rate", "cpu_ms"))]
    if results.get("checks"):
        sections += ["### Slow checks", _checks_table(results["checks"])]
    if results.get("overload"):
        sections += ["### More than it can pass on", _one_row(results["overload"], _OVERLOAD)]
    if results.get("past"):
        sections += ["### The past", _past_table(results["past"])]
    if results.get("limits"):
        sections += ["### Limits", limits_table(results["limits"])]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def middle(runs: Sequence[Mapping[str, float]], name: str) -> float:
    values = [run[name] for run in runs]
    return max(values) if name in _WORST else median(values)


def best_peer(rounds: Rounds) -> str:
    """The one with the highest rate: its numbers are what ours are compared with."""
    peers = [name for name in rounds if name != OURS]
    return max(peers, key=lambda name: middle(rounds[name], "rate"))


def limits_table(limits: Mapping[str, float]) -> str:
    rows = [[name, f"{rate:,.0f}"] for name, rate in limits.items()]
    return _table(["operation", "a second"], rows)


def write_between(path: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->`; at the end, if nowhere."""
    opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
    old = path.read_text() if path.exists() else ""
    if opening not in old:
        old = f"{old.rstrip()}\n\n{opening}\n{closing}\n".lstrip()
    before, _, rest = old.partition(opening)
    _, _, after = rest.partition(closing)
    path.write_text(f"{before}{opening}\n\n{text.strip()}\n\n{closing}{after}")


def _setting(results: Mapping[str, Any]) -> str:
    return (
        f"Medians of {results['rounds']} rounds, each stack in turn: {results['seconds']} s of "
        f"`POST /book` over 64 connections, then a backlog of {results['backlog']:,} bookings. "
        f"{results['cores']} cores, shared by the load, the stack, the broker and the database "
        f"({results['database']})."
    )


def _stacks_table(rounds: Rounds, columns: Sequence[Column]) -> str:
    rows = [
        [TITLES[stack], *(format(middle(runs, name), style) for _, style, name in columns)]
        for stack, runs in rounds.items()
    ]
    return _table(["stack", *(heading for heading, _, _ in columns)], rows)


def _ratios(rounds: Rounds, names: Iterable[str]) -> str:
    if OURS not in rounds or len(rounds) < 2:
        return ""
    best = best_peer(rounds)
    words = {"rate": "rate", "cpu_ms": "CPU", "p99_ms": "p99"}
    ratios = [
        f"{words[name]} {middle(rounds[OURS], name) / middle(rounds[best], name):.2f}×"
        for name in names
    ]
    return f"Ours against the best peer, {TITLES[best]}: {', '.join(ratios)}."


def _checks_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    headings = ["processes", "decisions/s", "MiB of each", "RPC median ms", "CPU ms each"]
    rows = [
        [
            processes,
            f"{one['rate']:.0f}" + ("" if one["had_backlog"] else " (ran out of work)"),
            ", ".join(f"{mib:.0f}" for mib in one["processes_mib"]),
            f"{one['rpc_median_ms']:.0f}",
            f"{one['cpu_ms']:.1f}",
        ]
        for processes, one in found.items()
    ]
    return _table(headings, rows)


def _one_row(found: Mapping[str, float], columns: Sequence[Column]) -> str:
    row = [format(found[name], style) for _, style, name in columns]
    return _table([heading for heading, _, _ in columns], [row])


def _past_table(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Two columns of each kind, and how the last stands to the first."""
    sizes = list(found)
    headings = ["operation"]
    for kind in ("ms", "database CPU ms"):
        headings += [*(f"{kind}, {int(size):,} stored" for size in sizes), "ratio"]
    rows = []
    for name in found[sizes[0]]:
        costs = [found[size][name] for size in sizes]
        told = [f"{cost['ms']:,.1f}" + " (503)" * cost["is_refused"] for cost in costs]
        cpu = [f"{cost['database_cpu_ms']:,.1f}" for cost in costs]
        ratios = [_ratio(costs, kind) for kind in ("ms", "database_cpu_ms")]
        rows.append([name, *told, ratios[0], *cpu, ratios[1]])
    refusing = (
        "503: at least one took the database longer than the gateway waits, which is 2.5 s. "
        "The time is that of the questions alone, without a bound."
    )
    return _table(headings, rows) + (f"\n{refusing}\n" if "503" in str(rows) else "")


def _ratio(costs: Sequence[Mapping[str, Any]], name: str) -> str:
    first, last = costs[0][name], costs[-1][name]
    return f"{last / first:.1f}×" if first else ""


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    ruler = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, ruler, *rows)) + "\n"
