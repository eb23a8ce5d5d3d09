"""Sends what relays that have died have left behind."""

from __future__ import annotations

import logging

from clinic.outbox import Outbox

logger = logging.getLogger(__name__)


class Heir:
    """What a relay leaves goes into our own backlog; until it is sent, the estate is ours.

    Should we die meanwhile, the estate falls silent again, and another inherits it.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        #: For each dead relay the last of our numbers that one of its messages got.
        self._estates: dict[str, int] = {}

    def inherit(self) -> bool:
        """Take over from one dead relay. False when there is none. Raises: DatabaseUnavailable."""
        dead = self._outbox.relays.inherit(self._outbox.relay_id)
        if dead is None:
            return False
        numbers = [self._outbox.backlog.add(entry) for entry in self._outbox.left_by(dead)]
        self._estates[dead.relay_id] = max(numbers, default=0)
        if numbers:
            logger.info("messages of a dead relay were found", extra={"count": len(numbers)})
        return True

    def look_after(self) -> None:
        """Keep what is ours, and end what is done. Raises: DatabaseUnavailable."""
        sent_through = self._outbox.backlog.sent_through()
        done = [relay_id for relay_id, last in self._estates.items() if last <= sent_through]
        if done:
            self._outbox.relays.bury(self._outbox.relay_id, done)
        for relay_id in done:
            del self._estates[relay_id]
        if self._estates:
            self._outbox.relays.keep(self._outbox.relay_id, list(self._estates))
