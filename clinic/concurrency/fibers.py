"""Code that waits as if it had a thread, many at once in the one thread of an event loop.

Each wait of a thread costs the interpreter two changes of threads. What is written for threads
runs as a fiber as well, if all that it waits for is here: a bell, a pause, or what is called aside.
Elsewhere, in threads and under eventlet, these block whoever calls them, as ever.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from greenlet import getcurrent, greenlet

Given = ParamSpec("Given")
Result = TypeVar("Result")

#: Who calls for fibers what may block.
_ASIDE = ThreadPoolExecutor(32, "aside")
#: Who leads in their place. One at a time for each Batcher, which waits for nobody else.
_LEADERS = ThreadPoolExecutor(8, "leader")


class Fiber(greenlet):
    """Begins with `switch`, in the thread of the running event loop and outside of other fibers."""

    def __init__(self, function: Callable[[], object]) -> None:
        super().__init__(function)
        self.gr_context = copy_context()  # what one sets, the others don't see
        self.loop = asyncio.get_running_loop()
        self._loops_own = getcurrent()

    def rest(self) -> None:
        """Let the loop go on until somebody switches back."""
        self._loops_own.switch()


class ThreadBell:
    """Wakes the one who waits for it, once. One that is rung early is not missed."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()  # a thirtieth of what an Event costs
        self._lock.acquire()

    def wait(self) -> None:
        self._lock.acquire()

    def ring(self) -> None:
        self._lock.release()


class FiberBell:
    """The same for a fiber. It is rung in the thread of the loop, see `ring`."""

    __slots__ = ("_context", "_fiber", "_is_awaited", "_is_rung", "loop")

    def __init__(self, fiber: Fiber) -> None:
        self._fiber = fiber
        self._context = copy_context()
        self._is_rung = self._is_awaited = False
        self.loop = fiber.loop

    def wait(self) -> None:
        if not self._is_rung:
            self._is_awaited = True
            self._fiber.rest()

    def ring(self) -> None:
        self._is_rung = True
        if self._is_awaited:
            self._is_awaited = False
            self._fiber.switch()

    def send(self, function: Callable[[], object]) -> None:
        """Have a thread call that in place of the fiber, whose context it has."""
        with suppress(RuntimeError):  # no thread can be added: one of those that are there does it
            _LEADERS.submit(self._context.run, function)


Bell = ThreadBell | FiberBell


def silent_bell() -> Bell:
    """Make a bell for whoever runs here."""
    fiber = getcurrent()
    return FiberBell(fiber) if isinstance(fiber, Fiber) else ThreadBell()


def ring(bells: Iterable[Bell]) -> None:
    """Ring all of them, from any thread. A loop is told but once: that takes a system call."""
    by_loop: dict[asyncio.AbstractEventLoop, list[FiberBell]] = {}
    for bell in bells:
        if isinstance(bell, FiberBell):
            by_loop.setdefault(bell.loop, []).append(bell)
        else:
            bell.ring()
    for loop, theirs in by_loop.items():
        with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            loop.call_soon_threadsafe(_ring_here, theirs)


def aside(function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
    """Call what may block, in a thread if here is a fiber, and return its result."""
    bell = silent_bell()
    if isinstance(bell, ThreadBell):
        return function(*args, **kwargs)
    call = _ASIDE.submit(copy_context().run, lambda: function(*args, **kwargs))
    call.add_done_callback(lambda _: ring([bell]))
    bell.wait()
    return call.result()


def in_next_turn(function: Callable[[], object]) -> bool:
    """Have the loop call it when the fibers of this turn have run. False if here is no fiber."""
    fiber = getcurrent()
    if not isinstance(fiber, Fiber):
        return False
    fiber.loop.call_soon(function)
    return True


def pause(seconds: float) -> None:
    bell = silent_bell()
    if isinstance(bell, ThreadBell):
        time.sleep(seconds)
    else:
        bell.loop.call_later(seconds, bell.ring)
        bell.wait()


def _ring_here(bells: Iterable[FiberBell]) -> None:
    for bell in bells:
        bell.ring()
