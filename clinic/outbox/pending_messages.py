"""What one process has written and the broker does not have yet."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from clinic.domain.clock import now
from clinic.errors import OutboxFull
from clinic.outbox.outbox_message import OutboxMessage

#: The longest pause before a message that the broker refuses is offered to it again.
MAX_BACKOFF_SECONDS = 600
#: Looks that miss an entry before it is held for never stored.
MAX_LOOKUPS = 2


@dataclass(slots=True)
class PendingMessage:
    entry: OutboxMessage
    since: datetime = field(default_factory=now)
    refusals: int = 0
    misses: int = 0


class PendingMessages:
    """Numbers entries in the order in which they are written, and forgets those that are sent.

    A writer begins an entry before it is stored. Then it is `ready` to be sent, or it was never
    stored and is settled, or nobody knows: then it is in `doubt`, until somebody has looked, twice
    should it not be there.
    For threads, and for greenthreads where eventlet has patched `threading`; one of them takes.
    """

    def __init__(self, limit: int, pause_seconds: float) -> None:
        self._limit = limit
        self._pause_seconds = pause_seconds
        self._lock = threading.Lock()
        self._last = 0
        self._waiting: dict[int, PendingMessage] = {}
        self._ready: deque[int] = deque()
        self._refused: deque[tuple[float, int]] = deque()
        self._doubtful: deque[tuple[float, int]] = deque()
        self._bell = threading.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is ready to be sent now."""
        return not self._ready

    def require_room(self) -> None:
        """Raises: BacklogFull, so that the memory stays bounded however long the broker is away."""
        if len(self._waiting) >= self._limit:
            raise OutboxFull(f"{self._limit} messages wait for the broker")

    def begin(self, entry: OutboxMessage) -> int:
        with self._lock:
            self._last += 1
            self._waiting[self._last] = PendingMessage(entry)
            return self._last

    def add(self, entry: OutboxMessage) -> int:
        """Take in what is stored already, and ready."""
        number = self.begin(entry)
        self.ready(number)
        return number

    def ready(self, number: int) -> None:
        self._ready.append(number)
        if not self._bell.is_set():  # to ask is cheaper
            self._bell.set()

    def doubt(self, number: int) -> None:
        """Have somebody look for it after a while: the database may be writing it still."""
        self._doubtful.append((time.monotonic() + self._pause_seconds, number))

    def settle(self, numbers: Sequence[int]) -> None:
        """Forget what is sent, or was never stored."""
        with self._lock:
            for number in numbers:
                self._waiting.pop(number, None)

    def take(self, limit: int, patience_seconds: float) -> dict[int, OutboxMessage]:
        """Wait until something is ready; return it, in the order in which it became so."""
        self._ready.extend(_due(self._refused))
        if not self._ready:
            self._bell.wait(patience_seconds)
        self._bell.clear()
        numbers = [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]
        return self._entries(numbers)

    def take_doubtful(self) -> dict[int, OutboxMessage]:
        return self._entries(_due(self._doubtful))

    def miss(self, numbers: Sequence[int]) -> None:
        """Look once more for what is not there, then forget it: the first look may have reached a
        database that comes back side by side with the write."""
        for number in numbers:
            waiting = self._waiting[number]
            waiting.misses += 1
            if waiting.misses < MAX_LOOKUPS:
                self.doubt(number)
            else:
                self.settle([number])

    def put_back(self, numbers: Sequence[int]) -> None:
        self._ready.extendleft(reversed(numbers))

    def postpone(self, numbers: Sequence[int]) -> None:
        """Offer what the broker refused again later, each time twice as late: what one queue
        refuses must not flood those which do take it."""
        for number in numbers:
            waiting = self._waiting[number]
            pause = self._pause_seconds * 2 ** min(waiting.refusals, 20)
            waiting.refusals += 1
            self._refused.append((time.monotonic() + min(pause, MAX_BACKOFF_SECONDS), number))

    def wake(self) -> None:
        self._bell.set()

    def sent_through(self) -> int:
        """The number up to which nothing waits any more."""
        with self._lock:
            return next(iter(self._waiting), self._last + 1) - 1

    def oldest_at(self) -> datetime | None:
        with self._lock:
            first = next(iter(self._waiting.values()), None)
        return first.since if first else None

    def _entries(self, numbers: Sequence[int]) -> dict[int, OutboxMessage]:
        with self._lock:
            return {each: self._waiting[each].entry for each in numbers if each in self._waiting}


def _due(line: deque[tuple[float, int]]) -> list[int]:
    """Take out of the line what is due; the others keep their places."""
    moment = time.monotonic()
    due = [number for due_at, number in line if due_at <= moment]
    for _ in range(len(line)):
        due_at, number = line.popleft()
        if due_at > moment:
            line.append((due_at, number))
    return due
