"""Carries outbox entries to the broker: at once, and for those who can't any more."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from clinic.errors import TransientError
from clinic.messaging.publisher import Publisher
from clinic.messaging.topology import BOOKING_REQUESTS
from clinic.outbox.orphan_recovery import OrphanRecovery
from clinic.outbox.outbox import Outbox
from clinic.outbox.outbox_message import OutboxMessage

logger = logging.getLogger(__name__)

#: Messages in one round.
BATCH = 100
#: Requests in the queue from which on none is asked for again: what waits there is not lost.
MAX_QUEUE_DEPTH = 500
_TICK_SECONDS = 1.0
#: The pause between two notes while messages are sent. Should we die, the last are sent twice.
_CHECKPOINT_INTERVAL_SECONDS = 0.25
#: Notes in the time after which a silent relay is held for dead.
_HEARTBEATS_PER_TIMEOUT = 4


class Relay:
    """One background thread, or greenthread where eventlet has patched `threading`.

    Nobody waits for it. Whatever goes wrong here, the entries are still in the database, and
    another process inherits them when this one has died.
    """

    def __init__(
        self, outbox: Outbox, publisher: Publisher, sweep_seconds: float, grace_seconds: float = 10
    ) -> None:
        self._outbox = outbox
        self._backlog = outbox.backlog
        self._heir = OrphanRecovery(outbox, grace_seconds)
        self._publisher = publisher
        self._sweep_seconds = sweep_seconds
        self._beat_seconds = grace_seconds / _HEARTBEATS_PER_TIMEOUT
        self._next_sweep = self._next_beat = self._next_note = time.monotonic()
        self._noted = -1
        self._has_more = False
        self._is_resting = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    @property
    def is_broker_up(self) -> bool:
        return self._publisher.is_connected

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_seconds: float = 10) -> None:
        """Send what is ready, then end. Gives up after the timeout."""
        self._stopping.set()
        self._backlog.wake()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        if not self._thread.is_alive():
            self._publisher.close()

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._backlog.is_idle):
            has_sent, has_noted = self._try(self._round), self._try(self._note)
            if has_sent and has_noted:
                self._work_again()
            if self._is_resting and self._stopping.is_set():
                break  # who inherits may reach more than we do
        self._try(self._leave)

    def _try(self, action: Callable[[], None]) -> bool:
        try:
            action()
            return True
        except TransientError as error:
            self._rest(error)
        except Exception:
            # The relay is the only way out for messages: it reports and goes on.
            logger.exception("relay round failed")
            self._stopping.wait(_TICK_SECONDS)
        return False

    def _round(self) -> None:
        patience = 0 if self._has_more else min(_TICK_SECONDS, self._sweep_seconds)
        if entries := self._backlog.take(BATCH, patience):
            self._send(entries)
        elif not self._stopping.is_set():
            self._publisher.keep_alive()
        if time.monotonic() >= self._next_sweep and not self._stopping.is_set():
            self._sweep()

    def _send(self, entries: dict[int, OutboxMessage]) -> None:
        try:
            messages = {number: entry.to_message() for number, entry in entries.items()}
            refused = self._publisher.publish(list(messages.values()))
            again = [number for number, message in messages.items() if message in refused]
            self._backlog.settle(sorted(messages.keys() - set(again)))
        except BaseException:
            self._backlog.put_back(list(entries))
            raise
        if again:
            logger.error("the broker refused messages", extra={"count": len(again)})
            self._backlog.postpone(again)

    def _sweep(self) -> None:
        self._publisher.keep_alive()  # nothing is taken for a broker that is away
        self._outbox.clear_doubts()
        overdue = self._claim_overdue()
        for entry in overdue:
            self._backlog.add(entry)
        if overdue:
            logger.info("sweep found overdue messages", extra={"count": len(overdue)})
        self._has_more = self._heir.inherit() or bool(overdue)
        if not self._has_more:
            self._next_sweep = time.monotonic() + self._sweep_seconds

    def _claim_overdue(self) -> list[OutboxMessage]:
        if self._publisher.depth(BOOKING_REQUESTS.name) >= MAX_QUEUE_DEPTH:
            return []
        return self._outbox.claim_overdue(BATCH)

    def _note(self) -> None:
        """Write down how far we are: soon when that has changed, and anyway from time to time."""
        moment, sent_through = time.monotonic(), self._backlog.sent_through()
        has_changed = sent_through != self._noted and moment >= self._next_note
        if not has_changed and moment < self._next_beat:
            return
        self._outbox.note()
        self._heir.look_after()
        self._noted = sent_through
        self._next_note, self._next_beat = (
            moment + _CHECKPOINT_INTERVAL_SECONDS,
            moment + self._beat_seconds,
        )

    def _leave(self) -> None:
        self._heir.look_after()
        self._outbox.note(is_leaving=True)

    def _work_again(self) -> None:
        if self._is_resting:
            self._is_resting = False
            logger.info("relay reaches its peers again")

    def _rest(self, error: TransientError) -> None:
        """Wait a little while the broker or the database is away; what was taken stays stored."""
        level = logging.DEBUG if self._is_resting else logging.WARNING  # say it once an outage
        logger.log(level, "relay can't reach its peer: %s", error, extra={"code": error.code})
        self._is_resting = True
        self._next_sweep = time.monotonic()
        self._has_more = False
        self._stopping.wait(_TICK_SECONDS)
