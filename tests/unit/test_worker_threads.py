"""The threads that answer requests for the event loop."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from gateway.server.worker_threads import WorkerThreads

PATIENCE_SECONDS = 30


def test_results_reach_their_own_callers() -> None:
    threads: WorkerThreads[int, str] = WorkerThreads(4, str)

    async def calls() -> list[str]:
        return await asyncio.gather(*(threads.run(number) for number in range(500)))

    assert asyncio.run(calls()) == [str(number) for number in range(500)]


def test_no_more_calls_run_at_once_than_there_are_threads() -> None:
    lock, running, most = threading.Lock(), 0, 0

    def call(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    threads: WorkerThreads[int, None] = WorkerThreads(3, call)

    async def calls() -> None:
        await asyncio.gather(*(threads.run(number) for number in range(20)))

    asyncio.run(calls())
    assert most == 3


@pytest.mark.parametrize("error", [ValueError("as asked"), GeneratorExit("as asked")])
def test_an_error_reaches_its_caller_only(error: BaseException) -> None:
    def call(fails: bool) -> str:
        if fails:
            raise error
        return "done"

    threads: WorkerThreads[bool, str] = WorkerThreads(1, call)

    async def calls() -> list[str | BaseException]:
        futures = [threads.run(fails) for fails in (True, False)]
        return await asyncio.gather(*futures, return_exceptions=True)

    assert asyncio.run(calls()) == [error, "done"]


def test_a_caller_that_is_cancelled_keeps_no_result_from_others() -> None:
    proceed = threading.Event()

    def call(number: int) -> int:
        proceed.wait(PATIENCE_SECONDS)
        return number

    threads: WorkerThreads[int, int] = WorkerThreads(2, call)

    async def calls() -> int:
        abandoned, awaited = threads.run(1), threads.run(2)
        abandoned.cancel()
        proceed.set()
        return await asyncio.wait_for(awaited, PATIENCE_SECONDS)

    assert asyncio.run(calls()) == 2


def test_a_result_after_the_end_of_the_loop_ends_no_thread() -> None:
    proceed = threading.Event()
    threads: WorkerThreads[bool, bool] = WorkerThreads(1, lambda waits: waits and proceed.wait())

    async def leave() -> None:
        threads.run(True)

    asyncio.run(leave())
    proceed.set()

    async def call() -> bool:
        return await asyncio.wait_for(threads.run(False), PATIENCE_SECONDS)

    assert asyncio.run(call()) is False
