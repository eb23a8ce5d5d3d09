"""The load generator."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.slots import first_midnight

CONNECTIONS = 64
# One thread: it is not the bottleneck, and its script can count for all connections.
_WRK = ("wrk", "-t1", "--timeout", "10s")
_SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw. `refused` counts answers of 400 and above, `broken` what got no answer."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int

    @property
    def accepted(self) -> int:
        return self.requests - self.refused


def post_bookings(url: str, seconds: int, first_slot: int, connections: int = CONNECTIONS) -> Load:
    """Keep so many connections busy with POST /book."""
    arguments = [str(first_slot), str(int(first_midnight().timestamp()))]
    load = [f"-d{seconds}", f"-c{connections}", "-s", str(_SCRIPT)]
    return _run([*load, url, "--", *arguments])


def get(url: str, seconds: int) -> float:
    """Answers a second to plain GETs."""
    text = subprocess.run(
        [*_WRK, f"-d{seconds}", f"-c{CONNECTIONS}", url], check=True, capture_output=True, text=True
    ).stdout
    line = next(line for line in text.splitlines() if line.startswith("Requests/sec:"))
    return float(line.split()[1])


def _run(arguments: list[str]) -> Load:
    done = subprocess.run([*_WRK, *arguments], check=True, capture_output=True, text=True)
    return Load(**json.loads(done.stdout.splitlines()[-1]))
