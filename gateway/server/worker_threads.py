"""A thread pool that runs the WSGI application for the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class WorkerThreads(Generic[Argument, Result]):
    """Calls `function` in one of `count` threads; further calls wait for a free thread.

    Wakes the loop once for all finished results. `run_in_executor` wakes it for each one, which
    took 20 % of the CPU time of a `POST /book`.
    """

    def __init__(self, count: int, function: Callable[[Argument], Result]) -> None:
        self._function = function
        self._calls: SimpleQueue[tuple[Argument, asyncio.Future[Result]]] = SimpleQueue()
        self._results: deque[tuple[asyncio.Future[Result], Result | BaseException]] = deque()
        self._is_loop_notified = False
        for number in range(count):
            name = f"request-{number}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def run(self, argument: Argument) -> asyncio.Future[Result]:
        """Queue a call from a coroutine. The future gets the function's result or exception."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._calls.put((argument, future))
        return future

    def _work(self) -> None:
        while True:
            argument, future = self._calls.get()
            try:
                outcome: Result | BaseException = self._function(argument)
            except BaseException as error:
                outcome = error
            self._results.append((future, outcome))
            if not self._is_loop_notified:
                self._is_loop_notified = True
                self._notify(future.get_loop())

    def _notify(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:  # the loop is closed, so nobody waits for results
            self._is_loop_notified = False

    def _deliver(self) -> None:
        self._is_loop_notified = False  # before taking results, so that later ones notify again
        while self._results:
            future, outcome = self._results.popleft()
            if future.done():  # the client has disconnected
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
