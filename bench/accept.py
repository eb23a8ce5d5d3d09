"""How fast, and at what cost, bookings are accepted."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.measure import Meter
from bench.trial import Trial
from bench.wrk import post_bookings

_WARM_UP_SECONDS = 2
#: The measured load asks for other slots than the warm-up did.
_FIRST_SLOT = 20_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """CPU is in milliseconds a booking, and counts all until the broker has the last message."""

    rate: float
    p50_ms: float
    p99_ms: float
    errors: int
    lost: int
    lag_seconds: float
    cpu_ms: float
    broker_cpu_ms: float
    database_cpu_ms: float
    peak_mib: float


def accept(trial: Trial, seconds: int) -> Accepted:
    """Load POST /book for so long while no worker runs."""
    api = trial.start_api()
    post_bookings(trial.url, _WARM_UP_SECONDS, first_slot=0)
    trial.settle(trial.bookings.count_documents({}))
    with Meter(api=api.pid, **trial.backends.pids) as meter:
        load = post_bookings(trial.url, seconds, _FIRST_SLOT)
        ended = time.monotonic()
        stored = trial.bookings.count_documents({})
        trial.settle(stored)
        lag = time.monotonic() - ended
    # What was stored and not announced, or answered and not stored.
    announced = trial.queued()
    cpu = {name: used * 1000 / load.accepted for name, used in meter.usage.cpu_seconds.items()}
    return Accepted(
        rate=load.accepted / load.seconds,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        errors=load.refused + load.broken,
        lost=max(stored - announced, load.accepted - stored, 0),
        lag_seconds=lag,
        cpu_ms=cpu["api"],
        broker_cpu_ms=cpu["broker"],
        database_cpu_ms=cpu["database"],
        peak_mib=meter.usage.peak_mib["api"],
    )
