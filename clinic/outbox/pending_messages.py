"""The messages that one process has written and the broker has not taken yet."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from clinic.domain.clock import now
from clinic.errors import OutboxFull
from clinic.outbox.outbox_message import OutboxMessage

#: The longest delay before a message that the broker refused is published again.
MAX_BACKOFF_SECONDS = 600
#: Lookups that do not find a message before it counts as never stored.
MAX_LOOKUPS = 2


class PendingState(Enum):
    REGISTERED = auto()  #: its writer is storing it
    READY = auto()  #: stored, to be sent
    SENDING = auto()  #: the broker has not answered yet
    REFUSED = auto()  #: by the broker; waits before it is READY again
    IN_DOUBT = auto()  #: unknown whether it was stored; waits before it is looked up
    LOOKED_UP = auto()  #: the database is being asked


#: From each state a message may also be discarded: it was sent, or it was never stored.
_TRANSITIONS = {
    PendingState.REGISTERED: {PendingState.READY, PendingState.IN_DOUBT},
    PendingState.READY: {PendingState.SENDING},
    PendingState.SENDING: {PendingState.READY, PendingState.REFUSED},
    PendingState.REFUSED: {PendingState.READY},
    PendingState.IN_DOUBT: {PendingState.LOOKED_UP},
    PendingState.LOOKED_UP: {PendingState.READY, PendingState.IN_DOUBT},
}


@dataclass(slots=True)
class PendingMessage:
    message: OutboxMessage
    since: datetime = field(default_factory=now)
    state: PendingState = PendingState.REGISTERED
    nacks: int = 0
    failed_lookups: int = 0


class PendingMessages:
    """Gives each message a sequence number and keeps it until it is sent.

    `take` and `take_in_doubt` are for one thread, all else is for any thread, or greenthread where
    eventlet has patched `threading`. A message is in the queue of its state, if that has one.
    """

    def __init__(self, limit: int, delay_seconds: float) -> None:
        self._limit = limit
        self._delay_seconds = delay_seconds
        self._lock = threading.Lock()
        self._last_number = 0
        self._pending: dict[int, PendingMessage] = {}
        self._ready: deque[int] = deque()
        self._refused: deque[tuple[float, int]] = deque()
        self._in_doubt: deque[tuple[float, int]] = deque()
        self._wake_up = threading.Event()

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is ready to be sent now."""
        return not self._ready

    def ensure_capacity(self) -> None:
        """Raises: OutboxFull, so that memory stays bounded however long the broker is down."""
        if len(self._pending) >= self._limit:
            raise OutboxFull(f"{self._limit} messages wait for the broker")

    def register(self, message: OutboxMessage) -> int:
        """Return its sequence number."""
        with self._lock:
            self._last_number += 1
            self._pending[self._last_number] = PendingMessage(message)
            return self._last_number

    def enqueue_stored(self, message: OutboxMessage) -> int:
        """Register a message that is stored already."""
        number = self.register(message)
        self.mark_stored(number)
        return number

    def mark_stored(self, number: int) -> None:
        with self._lock:
            self._move(number, PendingState.READY)
            self._ready.append(number)
        if not self._wake_up.is_set():  # cheaper than setting it again
            self._wake_up.set()

    def mark_in_doubt(self, number: int) -> None:
        """Have it looked up after a delay: the database may still be writing it."""
        with self._lock:
            self._move(number, PendingState.IN_DOUBT)
            self._in_doubt.append((time.monotonic() + self._delay_seconds, number))

    def discard(self, numbers: Sequence[int]) -> None:
        """Drop messages that are sent or were never stored."""
        with self._lock:
            for number in numbers:
                self._pending.pop(number, None)

    def take(self, limit: int, timeout_seconds: float) -> dict[int, OutboxMessage]:
        """Wait until a message is ready; return them in the order in which they became so."""
        with self._lock:
            for number in _due(self._refused):
                self._move(number, PendingState.READY)
                self._ready.append(number)
        if not self._ready:
            self._wake_up.wait(timeout_seconds)
        self._wake_up.clear()
        with self._lock:
            numbers = [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]
            return {number: self._move(number, PendingState.SENDING) for number in numbers}

    def take_in_doubt(self) -> dict[int, OutboxMessage]:
        with self._lock:
            numbers = _due(self._in_doubt)
            return {number: self._move(number, PendingState.LOOKED_UP) for number in numbers}

    def record_missing(self, numbers: Sequence[int]) -> None:
        """Look it up once more, then discard it: the first lookup may have reached a database that
        was recovering while the write arrived."""
        for number in numbers:
            pending = self._pending[number]
            pending.failed_lookups += 1
            if pending.failed_lookups < MAX_LOOKUPS:
                self.mark_in_doubt(number)
            else:
                self.discard([number])

    def requeue(self, numbers: Sequence[int]) -> None:
        """Send them again, before all others: the broker has not answered."""
        with self._lock:
            for number in reversed(numbers):
                self._move(number, PendingState.READY)
                self._ready.appendleft(number)

    def back_off(self, numbers: Sequence[int]) -> None:
        """Publish refused messages again after a delay that doubles each time: what one queue
        refuses must not flood the others."""
        with self._lock:
            for number in numbers:
                self._move(number, PendingState.REFUSED)
                pending = self._pending[number]
                delay = self._delay_seconds * 2 ** min(pending.nacks, 20)
                pending.nacks += 1
                self._refused.append((time.monotonic() + min(delay, MAX_BACKOFF_SECONDS), number))

    def wake(self) -> None:
        self._wake_up.set()

    def committed_offset(self) -> int:
        """Return the sequence number up to which every message is sent or discarded."""
        with self._lock:
            return next(iter(self._pending), self._last_number + 1) - 1

    def oldest_pending_at(self) -> datetime | None:
        with self._lock:
            first = next(iter(self._pending.values()), None)
        return first.since if first else None

    def _move(self, number: int, state: PendingState) -> OutboxMessage:
        """Raises: ValueError for a transition that there is not, which would be a bug."""
        pending = self._pending[number]
        if state not in _TRANSITIONS[pending.state]:
            raise ValueError(f"a pending message can't go from {pending.state} to {state}")
        pending.state = state
        return pending.message


def _due(delayed: deque[tuple[float, int]]) -> list[int]:
    """Remove the numbers that are due; the others keep their order."""
    moment = time.monotonic()
    due = [number for due_at, number in delayed if due_at <= moment]
    for _ in range(len(delayed)):
        due_at, number = delayed.popleft()
        if due_at > moment:
            delayed.append((due_at, number))
    return due
