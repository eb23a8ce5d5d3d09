"""The messages that one process has written and the broker has not confirmed yet."""

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

#: The longest delay before a nacked message is published again.
MAX_BACKOFF_SECONDS = 600
#: After this many lookups without a result a message counts as never stored.
MAX_LOOKUPS = 2


class PendingState(Enum):
    REGISTERED = auto()  #: its writer is storing it
    READY = auto()  #: stored, ready to be sent
    SENDING = auto()  #: not confirmed yet
    NACKED = auto()  #: nacked or returned by the broker; waits before it is READY again
    IN_DOUBT = auto()  #: unknown whether it was stored; waits before it is looked up
    LOOKED_UP = auto()  #: a lookup in the database is running


#: A sent or never stored message may also be discarded from any state.
_TRANSITIONS = {
    PendingState.REGISTERED: {PendingState.READY, PendingState.IN_DOUBT},
    PendingState.READY: {PendingState.SENDING},
    PendingState.SENDING: {PendingState.READY, PendingState.NACKED},
    PendingState.NACKED: {PendingState.READY},
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
    """Assigns each message a sequence number and keeps it until it is sent.

    One thread calls `take` and `take_in_doubt`; other methods are safe for threads, and for
    greenthreads where eventlet has patched `threading`. A message is in its state's queue, if any.
    """

    def __init__(self, limit: int, delay_seconds: float) -> None:
        self._limit = limit
        self._delay_seconds = delay_seconds
        self._lock = threading.Lock()
        self._last_number = 0
        self._pending: dict[int, PendingMessage] = {}
        self._ready: deque[int] = deque()
        self._nacked: deque[tuple[float, int]] = deque()
        self._in_doubt: deque[tuple[float, int]] = deque()
        self._wake_up = threading.Event()

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def is_idle(self) -> bool:
        """Whether no message is ready to be sent."""
        return not self._ready

    def ensure_capacity(self) -> None:
        """Raises: OutboxFull, which bounds the memory while the broker is down."""
        if len(self._pending) >= self._limit:
            raise OutboxFull(f"{self._limit} messages are waiting for the broker")

    def register(self, message: OutboxMessage) -> int:
        """Register a message that is about to be stored. Return its sequence number."""
        with self._lock:
            self._last_number += 1
            self._pending[self._last_number] = PendingMessage(message)
            return self._last_number

    def enqueue_stored(self, message: OutboxMessage) -> int:
        """Register a message that is already stored. Return its sequence number."""
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
        """Schedule a lookup after a delay: the database may still be writing the message."""
        with self._lock:
            self._move(number, PendingState.IN_DOUBT)
            self._in_doubt.append((time.monotonic() + self._delay_seconds, number))

    def discard(self, numbers: Sequence[int]) -> None:
        """Remove messages that are sent or were never stored."""
        with self._lock:
            for number in numbers:
                self._pending.pop(number, None)

    def take(self, limit: int, timeout_seconds: float) -> dict[int, OutboxMessage]:
        """Wait until a message is ready; return at most `limit`, in the order they became ready."""
        with self._lock:
            for number in _due(self._nacked):
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
        """Look missing messages up once more before discarding them: at the first lookup the
        database may not have finished the write, while it was recovering."""
        for number in numbers:
            pending = self._pending[number]
            pending.failed_lookups += 1
            if pending.failed_lookups < MAX_LOOKUPS:
                self.mark_in_doubt(number)
            else:
                self.discard([number])

    def requeue(self, numbers: Sequence[int]) -> None:
        """Make unconfirmed messages ready again, ahead of all others."""
        with self._lock:
            for number in reversed(numbers):
                self._move(number, PendingState.READY)
                self._ready.appendleft(number)

    def back_off(self, numbers: Sequence[int]) -> None:
        """Make nacked messages ready after a delay that doubles each time, so that a queue that
        rejects them does not slow down the others."""
        with self._lock:
            for number in numbers:
                self._move(number, PendingState.NACKED)
                pending = self._pending[number]
                delay = self._delay_seconds * 2 ** min(pending.nacks, 20)
                pending.nacks += 1
                self._nacked.append((time.monotonic() + min(delay, MAX_BACKOFF_SECONDS), number))

    def wake(self) -> None:
        self._wake_up.set()

    def committed_offset(self) -> int:
        """Return the highest sequence number up to which all messages are sent or discarded."""
        with self._lock:
            return next(iter(self._pending), self._last_number + 1) - 1

    def oldest_pending_at(self) -> datetime | None:
        with self._lock:
            first = next(iter(self._pending.values()), None)
        return first.since if first else None

    def _move(self, number: int, state: PendingState) -> OutboxMessage:
        """Raises: ValueError for an invalid transition, which would be a bug."""
        pending = self._pending[number]
        if state not in _TRANSITIONS[pending.state]:
            raise ValueError(f"a pending message can't go from {pending.state} to {state}")
        pending.state = state
        return pending.message


def _due(delayed: deque[tuple[float, int]]) -> list[int]:
    """Remove the numbers that are due; the others keep their order."""
    current_time = time.monotonic()
    due = [number for due_at, number in delayed if due_at <= current_time]
    for _ in range(len(delayed)):
        due_at, number = delayed.popleft()
        if due_at > current_time:
            delayed.append((due_at, number))
    return due
