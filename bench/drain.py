"""How fast, and at what cost, a backlog is decided and its patients are notified."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.measure import Meter
from bench.trial import Trial

#: A stack that has notified nobody for so long has lost the rest.
_STALL_SECONDS = 20
_NOTIFIED = re.compile(rb"e-mail to .*?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class Drained:
    """CPU is in milliseconds a booking, of the worker and the notifier together."""

    rate: float
    cpu_ms: float
    broker_cpu_ms: float
    database_cpu_ms: float
    worker_mib: float
    notifier_mib: float
    undecided: int
    unnotified: int
    duplicates: int


class NotificationLog:
    """Follows a notifier's log: whom it has notified, and when the last time was."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._position = 0
        self.ids: Counter[bytes] = Counter()
        self.last = time.monotonic()
        self.last_at = datetime.now(UTC)

    def read(self) -> int:
        """Read on; returns how many patients have been notified."""
        with self._log.open("rb") as file:
            file.seek(self._position)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._position += len(whole)
        found = _NOTIFIED.findall(whole)
        if found:
            self.ids.update(found)
            self.last, self.last_at = time.monotonic(), datetime.now(UTC)
        return len(self.ids)

    def follow(self, count: int) -> None:
        """Wait until so many were notified, or nobody for a while."""
        while self.read() < count and time.monotonic() - self.last < _STALL_SECONDS:
            time.sleep(0.02)


def drain(trial: Trial, count: int, slots: int | None = None) -> Drained:
    """Let one worker and one notifier loose on a backlog; timed from the first decision on.

    With `slots` all ask for one of so many, so that most are rejected.
    """
    trial.prefill(count, slots)
    notifier = trial.start("notifier")
    log = NotificationLog(trial.log("notifier"))
    worker = trial.start("worker")
    pids = {"worker": worker.pid, "notifier": notifier.pid}
    log.follow(1)
    # What a process costs until its first booking is no cost of the bookings.
    already = log.read()
    with Meter(**pids, **trial.backends.pids) as meter:
        log.follow(count)
    usage = meter.usage
    measured = max(len(log.ids) - already, 1)
    cpu = {name: used * 1000 / measured for name, used in usage.cpu_seconds.items()}
    return Drained(
        rate=_rate(trial, log),
        cpu_ms=cpu["worker"] + cpu["notifier"],
        broker_cpu_ms=cpu["broker"],
        database_cpu_ms=cpu["database"],
        worker_mib=usage.peak_mib["worker"],
        notifier_mib=usage.peak_mib["notifier"],
        undecided=trial.bookings.count_documents(_undecided(slots)),
        unnotified=count - len(log.ids),
        duplicates=log.ids.total() - len(log.ids),
    )


def _undecided(slots: int | None) -> dict[str, Any]:
    return {"status": "pending"} if slots else {"status": {"$ne": "confirmed"}}


def _rate(trial: Trial, log: NotificationLog) -> float:
    """Bookings a second, from the first decision to the last decision or notification."""
    decided = {"status": {"$ne": "pending"}}
    times = [each["updatedAt"] for each in trial.bookings.find(decided, {"updatedAt": True})]
    if not times:
        return 0.0
    seconds: float = (max(*times, log.last_at) - min(times)).total_seconds()
    return len(log.ids) / seconds
