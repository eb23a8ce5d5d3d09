"""The outcome of a campaign, and the table of outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Outcome:
    """`figures` are shown as they are: {"bookings": 1200, "slowest answer": "0.4 s"}."""

    campaign: str
    figures: dict[str, Any] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.violations

    @property
    def verdict(self) -> str:
        return "held" if self.is_good else f"BROKEN ({len(self.violations)})"


def table(outcomes: Sequence[Outcome]) -> str:
    rows = [
        [each.campaign, each.verdict, ", ".join(f"{k} {v}" for k, v in each.figures.items())]
        for each in outcomes
    ]
    return markdown(["campaign", "promises", "figures"], rows)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
