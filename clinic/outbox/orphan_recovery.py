"""Takes over the unsent messages of relays that are presumed dead."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from clinic.outbox.outbox import Outbox
from clinic.outbox.relay_registry import Checkpoint

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _OrphanedRelay:
    """A dead relay whose messages we send. We scan twice: a write may finish after its process."""

    checkpoint: Checkpoint
    second_scan_at: float
    found: set[str] = field(default_factory=set)
    #: The highest of our sequence numbers assigned to its messages.
    last_number: int = 0
    is_scanned: bool = False


class OrphanRecovery:
    """Adds the unsent messages of a dead relay to our own pending messages.

    We renew the takeover until they are sent. If we die first, the relay's heartbeat times out
    again and another process takes over.
    """

    def __init__(self, outbox: Outbox, timeout_seconds: float) -> None:
        self._outbox = outbox
        self._timeout_seconds = timeout_seconds
        self._orphans: dict[str, _OrphanedRelay] = {}

    def take_over(self) -> bool:
        """Take over one dead relay. Return False if there is none. Raises: DatabaseUnavailable."""
        checkpoint = self._outbox.relays.take_over(self._outbox.relay_id)
        if checkpoint is None:
            return False
        orphan = _OrphanedRelay(checkpoint, time.monotonic() + self._timeout_seconds)
        self._scan(orphan)
        self._orphans[checkpoint.relay_id] = orphan
        return True

    def maintain(self) -> None:
        """Renew the takeovers, and delete the relays whose messages are all sent.

        Raises: DatabaseUnavailable.
        """
        self._scan_again()
        committed_offset = self._outbox.pending.committed_offset()
        done = [
            relay_id
            for relay_id, orphan in self._orphans.items()
            if orphan.is_scanned and orphan.last_number <= committed_offset
        ]
        if done:
            self._outbox.relays.prune(self._outbox.relay_id, done)
        for relay_id in done:
            del self._orphans[relay_id]
        if self._orphans:
            self._outbox.relays.renew_takeovers(self._outbox.relay_id, list(self._orphans))

    def _scan_again(self) -> None:
        for orphan in self._orphans.values():
            if not orphan.is_scanned and time.monotonic() >= orphan.second_scan_at:
                self._scan(orphan)
                orphan.is_scanned = True

    def _scan(self, orphan: _OrphanedRelay) -> None:
        unsent = self._outbox.find_unsent(orphan.checkpoint)
        new = [message for message in unsent if message.event_id not in orphan.found]
        for message in new:
            orphan.last_number = self._outbox.pending.enqueue_stored(message)
        orphan.found.update(message.event_id for message in new)
        if new:
            logger.info("recovered orphaned outbox messages", extra={"count": len(new)})
