"""What the gateway does with more bookings than it can pass on."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass

from bench.measure import Meter, rss_mib
from bench.slots import body
from bench.trial import Trial
from bench.wrk import CONNECTIONS, post_bookings

LIMIT = 500
#: Three times the connections that keep it busy.
_CONNECTIONS = 3 * CONNECTIONS
_FIRST_SLOT = 1000
_ASKS_A_SECOND = 5


@dataclass(frozen=True, slots=True)
class Overloaded:
    """`unclear` counts refusals, of those looked at, that did not say `backlog_full` and when to
    come back; `lost` counts bookings that were answered 201 and not stored, or stored and not in
    the queue when the broker was back.
    """

    offered: float
    accepted: int
    refused: int
    looked_at: int
    unclear: int
    p99_ms: float
    before_mib: float
    peak_mib: float
    lost: int
    sent_after_seconds: float


def overload(trial: Trial, seconds: int) -> Overloaded:
    """Offer bookings for so long while there is no broker, then bring it back."""
    api = trial.start_api(OUTBOX_MAX_PENDING=str(LIMIT))
    looker = _Looker(trial.port)
    before = rss_mib(api.pid)
    with trial.backends.no_broker(), Meter(api=api.pid) as meter:
        looker.start()
        load = post_bookings(trial.url, seconds, _FIRST_SLOT, _CONNECTIONS)
        looker.stop()
    back = time.monotonic()
    stored = trial.bookings.count_documents({})
    trial.settle(stored)
    accepted = load.accepted + looker.accepted
    return Overloaded(
        offered=load.requests / load.seconds,
        accepted=accepted,
        refused=load.refused,
        looked_at=len(looker.refusals),
        unclear=sum(each != (503, "backlog_full", "5") for each in looker.refusals),
        p99_ms=load.p99_ms,
        before_mib=before,
        peak_mib=meter.usage.peak_mib["api"],
        lost=max(accepted - stored, stored - trial.queued(), 0),
        sent_after_seconds=time.monotonic() - back,
    )


class _Looker:
    """Books beside the load, and reads what the gateway says."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._ask_again, daemon=True)
        self.accepted = 0
        #: Status, code and `Retry-After` of each.
        self.refusals: list[tuple[int, str | None, str | None]] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(30)

    def _ask_again(self) -> None:
        for number in range(_FIRST_SLOT):
            self._ask(number)
            if self._ending.wait(1 / _ASKS_A_SECOND):
                return

    def _ask(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        data = json.dumps(body(number)).encode()
        connection.request("POST", "/book", data, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        if answer.status == 201:
            self.accepted += 1
        else:
            self.refusals.append((answer.status, said.get("code"), answer.getheader("Retry-After")))
