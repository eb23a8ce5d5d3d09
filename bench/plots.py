"""Draws the results. Run in bench/.venv: `plots.py RESULTS.json FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

_TITLES = {
    "ours": "ours",
    "fastapi_faststream": "FastAPI\nFastStream",
    "flask_celery": "Flask\nCelery",
}
_OURS, _PEER, _INK = "#1f6f8b", "#b8c4cc", "#333333"


def main(results: Path, folder: Path) -> None:
    found = json.loads(results.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    for phase, rate in (("accept", "accepted a second"), ("drain", "notified a second")):
        if found.get(phase):
            _draw(found[phase], rate, folder / f"bench-{phase}.png")


def _draw(rounds: dict[str, list[dict[str, Any]]], rate: str, file: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.1), sharey=True)
    _bars(left, rounds, "rate", rate, "{:,.0f}")
    _bars(right, rounds, "cpu_ms", "CPU milliseconds each", "{:.2f}")
    left.invert_yaxis()
    figure.tight_layout(w_pad=2)
    figure.savefig(file, dpi=110)
    plt.close(figure)


def _bars(
    axes: Axes, rounds: dict[str, list[dict[str, Any]]], name: str, title: str, style: str
) -> None:
    """A bar for the median of each stack, and a dot for every round."""
    for row, (stack, runs) in enumerate(rounds.items()):
        values = [run[name] for run in runs]
        middle = median(values)
        axes.barh(row, middle, color=_OURS if stack == "ours" else _PEER, height=0.62)
        axes.plot(values, [row] * len(values), "o", color=_INK, markersize=2.5, alpha=0.6)
        axes.annotate(
            style.format(middle),
            (max(values), row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=_INK,
        )
    axes.set_yticks(range(len(rounds)), [_TITLES[stack] for stack in rounds], fontsize=8)
    axes.set_title(title, fontsize=9, loc="left", color=_INK)
    axes.margins(x=0.18)
    axes.set_xlim(left=0)
    axes.tick_params(axis="x", labelsize=7)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
