"""Publishes outbox messages: those of this process, and those of relays that are dead."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from clinic.concurrency.threads import join
from clinic.errors import TransientError
from clinic.messaging.publisher import Publisher
from clinic.messaging.topology import BOOKING_REQUESTS
from clinic.outbox.orphan_recovery import OrphanRecovery
from clinic.outbox.outbox import Outbox
from clinic.outbox.outbox_message import OutboxMessage

logger = logging.getLogger(__name__)

#: Messages published together.
BATCH = 100
#: With so many requests in the queue none is published again: those are waiting, not lost.
MAX_QUEUE_DEPTH = 500
_TICK_SECONDS = 1.0
#: Between two checkpoints while messages are sent. If we die, the last ones are sent twice.
_CHECKPOINT_INTERVAL_SECONDS = 0.25
#: So that one late heartbeat does not make others take over.
_HEARTBEATS_PER_TIMEOUT = 4


class Relay:
    """One background thread, or greenthread where eventlet has patched `threading`.

    No caller waits for it. Whatever fails here, the messages are still in the database, and
    another process takes them over when this one has died.
    """

    def __init__(
        self, outbox: Outbox, publisher: Publisher, sweep_seconds: float, grace_seconds: float = 10
    ) -> None:
        self._outbox = outbox
        self._pending = outbox.pending
        self._recovery = OrphanRecovery(outbox, grace_seconds)
        self._publisher = publisher
        self._sweep_seconds = sweep_seconds
        self._heartbeat_seconds = grace_seconds / _HEARTBEATS_PER_TIMEOUT
        self._next_recovery = self._next_heartbeat = self._next_checkpoint = time.monotonic()
        self._saved_offset = -1
        self._has_more = False
        self._is_backing_off = False
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
        self._pending.wake()
        join(self._thread, timeout_seconds)
        if not self._thread.is_alive():
            self._publisher.close()

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._pending.is_idle):
            is_sent, is_saved = self._try(self._run_once), self._try(self._save_checkpoint)
            if is_sent and is_saved:
                self._on_recovered()
            if self._is_backing_off and self._stopping.is_set():
                break  # disconnected: leave the rest to orphan recovery
        self._try(self._deregister)

    def _try(self, action: Callable[[], None]) -> bool:
        try:
            action()
            return True
        except TransientError as error:
            self._back_off(error)
        except Exception:
            # The relay is the only way out for messages: it reports and goes on.
            logger.exception("outbox relay failed")
            self._stopping.wait(_TICK_SECONDS)
        return False

    def _run_once(self) -> None:
        timeout = 0 if self._has_more else min(_TICK_SECONDS, self._sweep_seconds)
        if entries := self._pending.take(BATCH, timeout):
            self._send(entries)
        elif not self._stopping.is_set():
            self._publisher.keep_alive()
        if time.monotonic() >= self._next_recovery and not self._stopping.is_set():
            self._recover()

    def _send(self, entries: dict[int, OutboxMessage]) -> None:
        try:
            messages = {number: entry.to_message() for number, entry in entries.items()}
            refused = self._publisher.publish(list(messages.values()))
            again = [number for number, message in messages.items() if message in refused]
            self._pending.discard(sorted(messages.keys() - set(again)))
        except BaseException:
            self._pending.requeue(list(entries))
            raise
        if again:
            logger.error("the broker refused messages", extra={"count": len(again)})
            self._pending.back_off(again)

    def _recover(self) -> None:
        self._publisher.keep_alive()  # take over nothing while the broker is unavailable
        self._outbox.resolve_in_doubt()
        overdue = self._claim_overdue()
        for entry in overdue:
            self._pending.enqueue_stored(entry)
        if overdue:
            logger.info("republishing undecided requests", extra={"count": len(overdue)})
        self._has_more = self._recovery.take_over() or bool(overdue)
        if not self._has_more:
            self._next_recovery = time.monotonic() + self._sweep_seconds

    def _claim_overdue(self) -> list[OutboxMessage]:
        if self._publisher.depth(BOOKING_REQUESTS.name) >= MAX_QUEUE_DEPTH:
            return []
        return self._outbox.claim_overdue(BATCH)

    def _save_checkpoint(self) -> None:
        """Soon after it has changed, and in any case often enough as a heartbeat."""
        moment, offset = time.monotonic(), self._pending.committed_offset()
        has_changed = offset != self._saved_offset and moment >= self._next_checkpoint
        if not has_changed and moment < self._next_heartbeat:
            return
        self._outbox.save_checkpoint()
        self._recovery.maintain()
        self._saved_offset = offset
        self._next_checkpoint, self._next_heartbeat = (
            moment + _CHECKPOINT_INTERVAL_SECONDS,
            moment + self._heartbeat_seconds,
        )

    def _deregister(self) -> None:
        self._recovery.maintain()
        self._outbox.save_checkpoint(is_leaving=True)

    def _on_recovered(self) -> None:
        if self._is_backing_off:
            self._is_backing_off = False
            logger.info("broker and database available again")

    def _back_off(self, error: TransientError) -> None:
        """Wait while the broker or the database is unavailable; all messages stay stored."""
        level = logging.DEBUG if self._is_backing_off else logging.WARNING  # once for each outage
        logger.log(level, "broker or database unavailable: %s", error, extra={"code": error.code})
        self._is_backing_off = True
        self._next_recovery = time.monotonic()
        self._has_more = False
        self._stopping.wait(_TICK_SECONDS)
