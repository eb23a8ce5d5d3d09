"""How many slow checks a worker process keeps in flight, and what RPC feels of it."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from nameko.standalone.rpc import ServiceRpcProxy

from bench.measure import Meter
from bench.trial import Trial
from runner.processes.managed_process import ManagedProcess

_ENVIRONMENT = {"AVAILABILITY_DELAY_SECONDS": "2-5", "BOOKING_MAX_WORKERS": "200"}
#: The first checks all begin at once; after two of the longest they are spread evenly.
_WARM_UP_SECONDS = 10
_CALLS_A_SECOND = 10
#: More than 200 checks of 2 to 5 seconds can decide.
_MOST_A_SECOND = 60


@dataclass(frozen=True, slots=True)
class Checked:
    """`processes_mib` has one number for each worker process."""

    rate: float
    processes_mib: list[float]
    rpc_median_ms: float
    cpu_ms: float
    had_backlog: bool


class Caller:
    """Reads a booking over RPC, again and again, in a thread of its own."""

    def __init__(self, amqp_uri: str, booking_id: str) -> None:
        self._config = {"AMQP_URI": amqp_uri, "serializer": "json"}
        self._booking_id = booking_id
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._call, daemon=True)
        self._milliseconds: list[float] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> float:
        """Returns the median in milliseconds."""
        self._ending.set()
        self._thread.join(30)
        return statistics.median(self._milliseconds) if self._milliseconds else float("inf")

    def _call(self) -> None:
        with ServiceRpcProxy("booking_service", self._config, timeout=20) as booking_service:
            while not self._ending.wait(1 / _CALLS_A_SECOND):
                began = time.perf_counter()
                booking_service.get_booking(self._booking_id)
                self._milliseconds.append((time.perf_counter() - began) * 1000)


def checks(trial: Trial, processes: int, seconds: int) -> Checked:
    """Decide with simulated checks of 2 to 5 seconds while a backlog stands."""
    trial.prefill(processes * _MOST_A_SECOND * (seconds + _WARM_UP_SECONDS + 5))
    trial.start("notifier")
    workers = {f"worker{i}": trial.start("worker", **_ENVIRONMENT) for i in range(processes)}
    _await_first(trial)
    time.sleep(_WARM_UP_SECONDS)
    caller = Caller(trial.amqp_uri, _any_id(trial))
    caller.start()
    with Meter(**_pids(workers)) as meter:
        began = datetime.now(UTC)
        time.sleep(seconds)
    median = caller.stop()
    had_backlog = trial.queued() > 0
    span = {"$gte": began, "$lt": began + timedelta(seconds=seconds)}
    decided = trial.bookings.count_documents({"status": "confirmed", "updatedAt": span})
    return Checked(
        rate=decided / seconds,
        processes_mib=list(meter.usage.peak_mib.values()),
        rpc_median_ms=median,
        cpu_ms=sum(meter.usage.cpu_seconds.values()) * 1000 / max(decided, 1),
        had_backlog=had_backlog,
    )


def _pids(workers: dict[str, ManagedProcess]) -> dict[str, int]:
    return {name: worker.pid for name, worker in workers.items()}


def _await_first(trial: Trial) -> None:
    while not trial.bookings.find_one({"status": "confirmed"}, {"_id": True}):
        time.sleep(0.5)


def _any_id(trial: Trial) -> str:
    found = trial.bookings.find_one({}, {"_id": True}) or {}
    return str(found["_id"])
