"""Publishes the outbox messages of this process and of dead relays."""

from __future__ import annotations

import logging
import time

from clinic.concurrency.periodic_task import PeriodicTask
from clinic.messaging.publisher import Publisher
from clinic.messaging.topology import BOOKING_REQUESTS
from clinic.outbox.orphan_recovery import OrphanRecovery
from clinic.outbox.outbox import Outbox
from clinic.outbox.outbox_message import OutboxMessage

logger = logging.getLogger(__name__)

#: Messages per publish.
BATCH = 100
#: At this queue depth no request is republished: requests are waiting, not lost.
MAX_QUEUE_DEPTH = 500
_TICK_SECONDS = 1.0
#: The interval of checkpoints while sending. After a crash, messages sent since the last checkpoint
#: are sent twice.
_CHECKPOINT_INTERVAL_SECONDS = 0.25
#: So that one late heartbeat does not trigger a takeover.
_HEARTBEATS_PER_TIMEOUT = 4


class Relay:
    """Publishes in the background; writers do not wait for it.

    After any failure the messages are still in the database. If this process dies, another one
    takes them over.
    """

    def __init__(
        self,
        outbox: Outbox,
        publisher: Publisher,
        recovery_interval_seconds: float,
        heartbeat_timeout_seconds: float = 10,
    ) -> None:
        self._outbox = outbox
        self._pending = outbox.pending
        self._recovery = OrphanRecovery(outbox, heartbeat_timeout_seconds)
        self._publisher = publisher
        self._recovery_interval_seconds = recovery_interval_seconds
        self._heartbeat_seconds = heartbeat_timeout_seconds / _HEARTBEATS_PER_TIMEOUT
        self._next_recovery = self._next_heartbeat = self._next_checkpoint = time.monotonic()
        self._saved_offset = -1
        self._has_more = False
        # No interval: a run itself waits for messages.
        self._task = PeriodicTask("outbox relay", self._run, 0, 0, on_stop=self._shut_down)

    @property
    def is_broker_up(self) -> bool:
        return self._publisher.is_connected

    def start(self) -> None:
        self._task.start()

    def stop(self, timeout_seconds: float = 10) -> None:
        """Send the ready messages, then stop. Give up after the timeout."""
        self._task.finish()
        self._pending.wake()
        if self._task.stop(timeout_seconds):
            self._publisher.close()

    def _run(self) -> None:
        try:
            self._send_ready()
            self._recover_when_due()
        except BaseException:
            self._next_recovery = time.monotonic()  # at once after recovery
            self._has_more = False
            raise
        finally:
            self._save_checkpoint()  # also a heartbeat, which must continue during a broker outage

    def _send_ready(self) -> None:
        timeout = 0 if self._has_more else min(_TICK_SECONDS, self._recovery_interval_seconds)
        if messages := self._pending.take(BATCH, timeout):
            self._send(messages)
        else:
            self._publisher.keep_alive()

    def _send(self, pending: dict[int, OutboxMessage]) -> None:
        try:
            messages = {number: message.to_message() for number, message in pending.items()}
            rejected = self._publisher.publish(list(messages.values()))
            nacked = [number for number, message in messages.items() if message in rejected]
            self._pending.discard(sorted(messages.keys() - set(nacked)))
        except BaseException:
            self._pending.requeue(list(pending))
            raise
        if nacked:
            logger.error("the broker refused messages", extra={"count": len(nacked)})
            self._pending.back_off(nacked)

    def _recover_when_due(self) -> None:
        if time.monotonic() < self._next_recovery or self._task.is_stopping:
            return
        self._publisher.keep_alive()  # don't take over while the broker is unavailable
        self._outbox.resolve_in_doubt()
        overdue = self._claim_overdue()
        for message in overdue:
            self._pending.enqueue_stored(message)
        if overdue:
            logger.info("republishing undecided requests", extra={"count": len(overdue)})
        self._has_more = self._recovery.take_over() or bool(overdue)
        if not self._has_more:
            self._next_recovery = time.monotonic() + self._recovery_interval_seconds

    def _claim_overdue(self) -> list[OutboxMessage]:
        if self._publisher.depth(BOOKING_REQUESTS.name) >= MAX_QUEUE_DEPTH:
            return []
        return self._outbox.claim_overdue(BATCH)

    def _save_checkpoint(self) -> None:
        """Save the checkpoint soon after a change, and regularly as a heartbeat."""
        current_time, offset = time.monotonic(), self._pending.committed_offset()
        has_changed = offset != self._saved_offset and current_time >= self._next_checkpoint
        if not has_changed and current_time < self._next_heartbeat:
            return
        self._outbox.save_checkpoint()
        self._recovery.maintain()
        self._saved_offset = offset
        self._next_checkpoint, self._next_heartbeat = (
            current_time + _CHECKPOINT_INTERVAL_SECONDS,
            current_time + self._heartbeat_seconds,
        )

    def _shut_down(self) -> None:
        """Send the ready messages. While disconnected, leave the rest to orphan recovery."""
        try:
            while not (self._pending.is_idle or self._task.is_failing):
                self._send_ready()
        finally:
            self._recovery.maintain()
            self._outbox.save_checkpoint(is_leaving=True)
