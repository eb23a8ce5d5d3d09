"""Sends what relays that have died have left behind."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from clinic.outbox.outbox import Outbox
from clinic.outbox.relay_registry import Checkpoint

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _OrphanedRelay:
    """What one dead relay leaves. We look for it twice: a write may outlive its writer."""

    dead: Checkpoint
    look_again_at: float
    taken: set[str] = field(default_factory=set)
    #: The last of our numbers that one of its messages got.
    last: int = 0
    is_complete: bool = False


class OrphanRecovery:
    """What a relay leaves goes into our own backlog; until it is sent, the estate is ours.

    Should we die meanwhile, the estate falls silent again, and another inherits it.
    """

    def __init__(self, outbox: Outbox, grace_seconds: float) -> None:
        self._outbox = outbox
        self._grace_seconds = grace_seconds
        self._estates: dict[str, _OrphanedRelay] = {}

    def inherit(self) -> bool:
        """Take over from one dead relay. False when there is none. Raises: DatabaseUnavailable."""
        dead = self._outbox.relays.inherit(self._outbox.relay_id)
        if dead is None:
            return False
        estate = _OrphanedRelay(dead, time.monotonic() + self._grace_seconds)
        self._take(estate)
        self._estates[dead.relay_id] = estate
        return True

    def look_after(self) -> None:
        """Keep what is ours, and end what is done. Raises: DatabaseUnavailable."""
        self._look_again()
        sent_through = self._outbox.backlog.sent_through()
        done = [
            relay_id
            for relay_id, estate in self._estates.items()
            if estate.is_complete and estate.last <= sent_through
        ]
        if done:
            self._outbox.relays.bury(self._outbox.relay_id, done)
        for relay_id in done:
            del self._estates[relay_id]
        if self._estates:
            self._outbox.relays.keep(self._outbox.relay_id, list(self._estates))

    def _look_again(self) -> None:
        for estate in self._estates.values():
            if not estate.is_complete and time.monotonic() >= estate.look_again_at:
                self._take(estate)
                estate.is_complete = True

    def _take(self, estate: _OrphanedRelay) -> None:
        left = self._outbox.left_by(estate.dead)
        new = [entry for entry in left if entry.event_id not in estate.taken]
        for entry in new:
            estate.last = self._outbox.backlog.add(entry)
        estate.taken.update(entry.event_id for entry in new)
        if new:
            logger.info("messages of a dead relay were found", extra={"count": len(new)})
