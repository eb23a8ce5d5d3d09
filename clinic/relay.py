"""Carries outbox entries to the broker: at once when offered, later when they were missed."""

from __future__ import annotations

import logging
import queue
import threading
import time

from clinic.errors import TryLater
from clinic.outbox import Entry, Outbox
from clinic.publisher import Publisher

logger = logging.getLogger(__name__)

#: Bookings in one round.
BATCH = 100
#: Offers held in memory; what doesn't fit stays in the database for the sweep.
CAPACITY = 10_000
_TICK_SECONDS = 1.0


class Relay:
    """One background thread, or greenthread where eventlet has patched `threading`.

    Nobody waits for it: a writer offers what it has stored and goes on. Whatever goes wrong
    here, the entry is still in the database, and a sweep of any process sends it again.
    """

    def __init__(self, outbox: Outbox, publisher: Publisher, sweep_seconds: float) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._sweep_seconds = sweep_seconds
        self._next_sweep = time.monotonic()
        self._has_more = False
        self._is_resting = False
        self._offered: queue.Queue[Entry | None] = queue.Queue(CAPACITY)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    @property
    def is_broker_up(self) -> bool:
        return self._publisher.is_connected

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_seconds: float = 10) -> None:
        """Send what has been offered, then end. Gives up after the timeout."""
        self._stopping.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        if not self._thread.is_alive():
            self._publisher.close()

    def offer(self, entry: Entry) -> None:
        """Hand over an entry that is stored. Never blocks and never raises."""
        try:
            self._offered.put_nowait(entry)
        except queue.Full:
            logger.debug("relay is full, left to the sweep", extra={"event_id": entry.event_id})

    def _wake(self) -> None:
        try:
            self._offered.put_nowait(None)
        except queue.Full:
            return  # a full queue needs no waking

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._offered.empty()):
            try:
                self._round()
                self._work_again()
            except TryLater as error:
                self._rest(error)
            except Exception:
                # The relay is the only way out for messages: it reports and goes on.
                logger.exception("relay round failed")
                self._stopping.wait(_TICK_SECONDS)

    def _work_again(self) -> None:
        if self._is_resting:
            self._is_resting = False
            logger.info("relay reaches its peers again")

    def _round(self) -> None:
        entries = self._take()
        if entries:
            self._send(entries)
        elif not self._stopping.is_set():
            self._publisher.keep_alive()
        if time.monotonic() >= self._next_sweep and not self._stopping.is_set():
            self._sweep()

    def _take(self) -> list[Entry]:
        """Wait for an offer, then take all that are there, up to a batch."""
        taken: list[Entry | None] = []
        try:
            patience = 0 if self._has_more else min(_TICK_SECONDS, self._sweep_seconds)
            taken.append(self._offered.get(timeout=patience))
            while len(taken) < BATCH:
                taken.append(self._offered.get_nowait())
        except queue.Empty:
            pass
        return [entry for entry in taken if entry is not None]

    def _sweep(self) -> None:
        self._publisher.keep_alive()  # nothing is claimed for a broker that is away
        entries = self._outbox.claim_overdue(BATCH)
        self._has_more = bool(entries)
        if entries:
            logger.info("sweep found overdue messages", extra={"count": len(entries)})
            self._send(entries)
        else:
            self._next_sweep = time.monotonic() + self._sweep_seconds

    def _send(self, entries: list[Entry]) -> None:
        messages = [entry.to_message() for entry in entries]
        refused = self._publisher.publish(messages)
        if refused:
            logger.error("the broker refused messages", extra={"count": len(refused)})
        pairs = zip(entries, messages, strict=True)
        self._outbox.settle_sent([entry for entry, message in pairs if message not in refused])

    def _rest(self, error: TryLater) -> None:
        """Wait a little while the broker or the database is away; what was taken stays stored."""
        level = logging.DEBUG if self._is_resting else logging.WARNING  # say it once an outage
        logger.log(level, "relay can't reach its peer: %s", error, extra={"code": error.code})
        self._is_resting = True
        self._next_sweep = time.monotonic()
        self._has_more = False
        self._stopping.wait(_TICK_SECONDS)
