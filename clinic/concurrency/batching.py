"""Does what many callers ask for at once in one operation: the operation is what costs."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from clinic.concurrency.fibers import Bell, FiberBell, ring, silent_bell
from clinic.errors import DatabaseUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Items in one operation; bounded so that no operation ever stalls the database.
MAX_BATCH_SIZE = 50


@dataclass(slots=True, eq=False)
class _Waiter(Generic[Item, Result]):
    """An item in line. The bell wakes its owner: it is settled, or its turn to lead."""

    item: Item
    bell: Bell = field(default_factory=silent_bell)
    leads: bool = False
    is_settled: bool = False
    outcome: Result | BaseException | None = None


class Batcher(Generic[Item, Result]):
    """One operation at a time, for all who came while the one before it ran.

    The first in line leads: it runs the operation for a group, in its own context, then has the
    next one lead. Nobody waits for company. For threads, for greenthreads where eventlet has
    patched `threading`, and for fibers, which must not block: in their place a thread leads.

    `run` is given the items of a group and answers each in its place, with a result or with the
    error that its owner alone shall get. What it raises itself is everybody's.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Sequence[Result | Exception]],
        limit: int = MAX_BATCH_SIZE,
    ) -> None:
        self._run = run
        self._limit = limit
        self._lock = threading.Lock()
        self._line: deque[_Waiter[Item, Result]] = deque()
        self._has_leader = False

    def submit(self, item: Item) -> Result:
        """Return the item's own result, whatever becomes of the others in its group.

        Raises: the item's own error; what `run` raised, when this one led; DatabaseUnavailable
        when another did.
        """
        mine: _Waiter[Item, Result] = _Waiter(item)
        with self._lock:
            self._line.append(mine)
            is_alone, self._has_leader = not self._has_leader, True
            if is_alone:
                self._appoint(mine)
        self._wait(mine)
        if not mine.is_settled:
            self._lead()
        if isinstance(mine.outcome, BaseException):
            raise mine.outcome
        return cast(Result, mine.outcome)

    def _wait(self, mine: _Waiter[Item, Result]) -> None:
        try:
            mine.bell.wait()
        except BaseException:
            with self._lock:
                if mine in self._line:
                    self._line.remove(mine)
            if mine.leads:
                self._hand_over()  # a greenthread was killed in its turn: the line goes on
            raise

    def _lead(self) -> None:
        group = self._take(self._limit)
        try:
            outcomes = self._run([each.item for each in group])
            for each, outcome in zip(group, outcomes, strict=True):
                each.outcome = outcome
        except BaseException as error:
            # Nobody knows what was done; and who came meanwhile would wait as long, in vain.
            group += self._take(len(self._line))
            for each in group:
                each.outcome = DatabaseUnavailable(f"{type(error).__name__} of its group")
            group[0].outcome = error  # it led, or a thread did in its place
        finally:
            try:
                self._hand_over()
            finally:
                self._settle(group)

    @staticmethod
    def _settle(group: Sequence[_Waiter[Item, Result]]) -> None:
        for each in group:
            each.is_settled = True
        ring(each.bell for each in group)

    def _take(self, limit: int) -> list[_Waiter[Item, Result]]:
        with self._lock:
            return [self._line.popleft() for _ in range(min(limit, len(self._line)))]

    def _hand_over(self) -> None:
        with self._lock:
            self._has_leader = bool(self._line)
            if self._line:
                self._appoint(self._line[0])

    def _appoint(self, first: _Waiter[Item, Result]) -> None:
        if isinstance(first.bell, FiberBell):
            first.bell.send(self._lead)
        else:
            first.leads = True
            first.bell.ring()
