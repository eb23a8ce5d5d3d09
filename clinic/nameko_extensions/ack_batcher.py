"""Acknowledgements on their way to the broker; those that come at once share a frame."""

from __future__ import annotations

import logging
from collections.abc import Collection

import eventlet
from amqp.exceptions import ConnectionError as ConnectionLost
from kombu.message import Message

logger = logging.getLogger(__name__)


class AckBatcher:
    """What one consumer has taken from the broker and not settled yet.

    An acknowledgement may stand for all earlier messages as well. So every message has to be told
    of here when it is taken: one that was not would be acknowledged before it is done.
    """

    def __init__(self) -> None:
        self._in_hand: set[Message] = set()
        self._done: list[Message] = []

    def __len__(self) -> int:
        """Count what the broker does not know to be settled."""
        return len(self._in_hand)

    def take(self, message: Message) -> None:
        self._in_hand.add(message)

    def drop(self, message: Message) -> None:
        """Forget what the broker has back."""
        self._in_hand.discard(message)

    def drop_all(self) -> None:
        """Forget what came over an earlier connection: it can't be settled any more."""
        self._in_hand.clear()

    def done(self, message: Message) -> None:
        """Acknowledge it in a moment, when all that are ready now have had their turn."""
        self._done.append(message)
        if len(self._done) == 1:
            eventlet.spawn_n(self._write)

    def _write(self) -> None:
        done, self._done = self._done, []
        # The others came over a connection that is gone: the broker has them back.
        mine = [message for message in done if message in self._in_hand]
        tags = {message.delivery_tag: message for message in mine}
        in_hand = [message.delivery_tag for message in self._in_hand]
        try:
            last = last_of_all_done(tags, in_hand)
            if last is not None:
                tags[last].ack(multiple=True)
            for tag, message in tags.items():
                if last is None or tag > last:
                    message.ack()
        except (ConnectionLost, OSError):
            # Unhandled, this would be nobody's. The broker delivers them again.
            logger.warning("lost the broker while settling messages")
        finally:
            self._in_hand.difference_update(mine)


def last_of_all_done(done: Collection[int], in_hand: Collection[int]) -> int | None:
    """Return the last delivery up to which everything in hand is done, if it is more than one.

    `in_hand` holds what is done as well.
    """
    first_open = min(set(in_hand) - set(done), default=None)
    before = [tag for tag in done if first_open is None or tag < first_open]
    return max(before) if len(before) > 1 else None
