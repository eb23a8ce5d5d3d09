"""Fibers at work, to be run in an interpreter that eventlet has not patched.

`python -m tests.fibers <scenario> [<MongoDB URI>]`; each scenario asserts what it shows.
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from clinic.bookings.repository import BookingRepository
from clinic.concurrency.batching import MAX_BATCH_SIZE, Batcher
from clinic.concurrency.fibers import Fiber, ThreadBell, aside, pause, ring, silent_bell
from clinic.contracts import strict_json
from clinic.errors import DatabaseUnavailable, OutboxFull, SeatTaken
from clinic.mongo.client import durable_uri
from clinic.observability.logs import ConsoleHandler
from clinic.outbox.outbox import Outbox
from gateway.app import create_app
from gateway.server import request_body
from gateway.server.asgi_adapter import AsgiAdapter
from gateway.settings import GatewaySettings

PATIENCE_SECONDS = 30
WHO: ContextVar[str] = ContextVar("who", default="nobody")


async def outcomes(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make each call in a fiber of its own, all at once; their results or errors."""
    loop = asyncio.get_running_loop()
    futures: list[asyncio.Future[Any]] = []
    for call in calls:
        future = loop.create_future()
        futures.append(future)
        Fiber(lambda call=call, future=future: future.set_result(_outcome(call))).switch()  # type: ignore[misc]
    await asyncio.sleep(0)  # since Python 3.12 `wait_for` takes no turn for what is done already
    return list(await asyncio.wait_for(asyncio.gather(*futures), PATIENCE_SECONDS))


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return error


async def a_bell_is_rung_by_any_thread_before_or_after_it_is_waited_for() -> None:
    bells: list[Any] = []

    def wait_late() -> str:
        bell = silent_bell()
        ring([bell])
        pause(0.01)
        bell.wait()
        return "late"

    def wait_early() -> str:
        bells.append(silent_bell())
        bells[0].wait()
        return "early"

    threading.Timer(0.05, lambda: ring(bells)).start()
    assert await outcomes([wait_early, wait_late]) == ["early", "late"]


async def threads_have_bells_of_their_own() -> None:
    bell = silent_bell()
    assert isinstance(bell, ThreadBell)
    ring([bell])
    bell.wait()


async def who_waits_aside_or_pauses_holds_up_nobody() -> None:
    together = threading.Barrier(3)  # is passed only by three at once

    def meet() -> int:
        return aside(together.wait, PATIENCE_SECONDS)

    assert set(await outcomes([meet] * 3)) == {0, 1, 2}
    order: list[str] = []

    def slow() -> None:
        pause(0.05)
        order.append("slow")

    await outcomes([slow, lambda: order.append("quick")])
    assert order == ["quick", "slow"]


async def what_is_called_aside_has_its_context_and_its_errors() -> None:
    def look(name: str) -> tuple[str, bool]:
        WHO.set(name)
        pause(0.01)  # meanwhile the others set theirs
        here = threading.get_ident()
        return aside(lambda: (WHO.get(), threading.get_ident() == here))

    def fail() -> None:
        aside(lambda: [][0])

    found = await outcomes([lambda: look("a"), lambda: look("b"), fail])
    assert found[:2] == [("a", False), ("b", False)]
    assert isinstance(found[2], IndexError)
    assert WHO.get() == "nobody"


async def outside_of_fibers_all_happens_right_here() -> None:
    assert aside(threading.get_ident) == threading.get_ident()
    before = time.monotonic()
    pause(0.02)
    assert time.monotonic() - before >= 0.02


async def a_loop_that_has_ended_is_told_nothing() -> None:
    bells: list[Any] = []

    async def leave_somebody_waiting() -> None:
        Fiber(lambda: bells.append(silent_bell()) or bells[0].wait()).switch()

    await asyncio.to_thread(asyncio.run, leave_somebody_waiting())
    ring(bells)


class Writes(io.StringIO):
    """A console that knows what was written to it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str) -> int:
        self.pieces.append(text)
        return len(text)


async def the_lines_of_one_turn_are_written_at_once_and_before_any_answer() -> None:
    console = Writes()
    logger = _logger_to(console)
    written_before_answers: list[int] = []

    async def one(number: int) -> None:
        await outcomes([lambda: logger.info("fiber %s", number)])
        written_before_answers.append(len(console.pieces))

    await asyncio.gather(*(one(number) for number in range(3)))
    assert console.pieces == ["fiber 0\nfiber 1\nfiber 2\n"]
    assert written_before_answers == [1, 1, 1]
    logger.info("a thread")
    assert console.pieces[1:] == ["a thread\n"]


async def a_warning_is_written_at_once_with_all_that_came_before_it() -> None:
    console = Writes()
    logger = _logger_to(console)

    def warn() -> None:
        logger.info("one")
        logger.warning("two")
        assert console.pieces == ["one\ntwo\n"]
        logger.info("three")

    assert await outcomes([warn]) == [None]
    assert console.pieces[1:] == ["three\n"]


def _logger_to(console: Writes) -> logging.Logger:
    logger = logging.Logger("test", logging.INFO)
    logger.addHandler(ConsoleHandler(console))
    return logger


class Operation:
    """Its results are texts. Knows which items came together, and where it ran."""

    def __init__(self, seconds: float = 0.01) -> None:
        self._seconds = seconds
        self.groups: list[list[Any]] = []
        self.threads: set[int] = set()
        self.running = self.most_running = 0
        self.failure: Exception | None = None

    def run(self, items: Sequence[Any]) -> list[str | Exception]:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.threads.add(threading.get_ident())
        self.groups.append(list(items))
        time.sleep(self._seconds)
        self.running -= 1
        if self.failure:
            raise self.failure
        return [SeatTaken("x") if each == "taken" else str(each) for each in items]


async def fibers_share_operations_and_never_run_one_themselves() -> None:
    operation = Operation()
    commit = Batcher(operation.run)
    items: list[Any] = [*range(2 * MAX_BATCH_SIZE), "taken"]
    found = await outcomes([lambda item=item: commit.submit(item) for item in items])
    assert found[:-1] == [str(each) for each in range(2 * MAX_BATCH_SIZE)]
    assert isinstance(found[-1], SeatTaken)
    assert [each for group in operation.groups for each in group] == items
    assert len(operation.groups) <= 4
    assert max(len(group) for group in operation.groups) <= MAX_BATCH_SIZE
    assert threading.get_ident() not in operation.threads
    assert operation.most_running == 1


async def threads_have_one_operation_in_flight() -> None:
    operation = Operation(seconds=0.001)
    commit = Batcher(operation.run)
    got: list[tuple[str, str]] = []

    def come(caller: int) -> None:
        for number in range(20):
            item = f"{caller}.{number}"
            got.append((item, commit.submit(item)))

    threads = [threading.Thread(target=come, args=(each,), daemon=True) for each in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert not any(thread.is_alive() for thread in threads)
    assert all(item == result for item, result in got)
    done = [each for group in operation.groups for each in group]
    assert len(set(done)) == len(done) == len(got) == 2000
    assert operation.most_running == 1
    assert len(operation.groups) < 1000


async def fibers_and_threads_share_operations() -> None:
    operation = Operation()
    commit = Batcher(operation.run)

    def come(caller: str) -> list[str]:
        return [commit.submit(f"{caller}.{number}") for number in range(20)]

    threads = [asyncio.to_thread(come, f"thread-{each}") for each in range(16)]
    fibers = outcomes([lambda each=each: come(f"fiber-{each}") for each in range(100)])
    results = await asyncio.wait_for(asyncio.gather(fibers, *threads), PATIENCE_SECONDS)
    got = [each for caller in (*results[0], *results[1:]) for each in caller]
    assert sorted(got) == sorted(each for group in operation.groups for each in group)
    assert len(set(got)) == 116 * 20
    assert operation.most_running == 1
    assert threading.get_ident() not in operation.threads


async def a_failure_is_told_to_all_fibers() -> None:
    operation = Operation()
    operation.failure = ValueError("x")
    commit = Batcher(operation.run)
    first, *others = await outcomes([lambda: commit.submit("a")] * 100)
    assert first is operation.failure
    assert {type(each) for each in others} == {DatabaseUnavailable}
    operation.failure = None
    assert await outcomes([lambda: commit.submit("b")]) == ["b"]


async def requests_run_as_fibers_leave_the_database_to_threads() -> None:
    seen = _Threads()
    with MongoClient[dict[str, Any]](durable_uri(sys.argv[2]), event_listeners=[seen]) as client:
        database = client.get_default_database()
        store = BookingRepository(database, Outbox(database, limit=3))
        nobody: Any = None
        app = create_app(store, nobody, GatewaySettings(), nobody, nobody)
        front = AsgiAdapter(app, fibers=4, threads=4)
        one, other = _body("Ana"), _body("Eva")
        made = await _ask(front, "POST", "/book", one, key="k")
        again = await _ask(front, "POST", "/book", one, key="k")
        assert (made[0], again[0]) == (201, 201)
        booking_id = made[1]["booking"]["id"]
        assert again[1]["booking"]["id"] == booking_id
        assert (await _ask(front, "POST", "/book", other, key="k"))[0] == 422
        assert (await _ask(front, "GET", f"/booking/{booking_id}"))[1]["id"] == booking_id
        assert (await _ask(front, "GET", "/booking/unknown"))[0] == 404
        assert {"update", "insert", "find", "createIndexes"} <= seen.commands
        assert threading.get_ident() not in seen.threads
        await _is_refused_in_words(front)
        crowd = [_ask(front, "POST", "/book", one) for _ in range(8)]
        statuses = [status for status, _ in await asyncio.gather(*crowd)]
        assert OutboxFull.code in str(await _ask(front, "POST", "/book", one))
        assert set(statuses) == {201, 503}
        assert threading.get_ident() not in seen.threads


async def _is_refused_in_words(front: AsgiAdapter) -> None:
    """A body that breaks off, and one that takes too long."""
    request_body.BODY_SECONDS = 0.05
    for chunks, expected in (([b"{", b""], "bad_request"), ([b"{", None], "request_timeout")):
        asking = Request("POST", "/book", b"", {"content-type": "application/json"}, chunks)
        await asyncio.wait_for(front(asking.scope, asking.receive, asking.send), PATIENCE_SECONDS)
        assert strict_json.loads(asking.answer)["code"] == expected
        assert asking.status == {"bad_request": 400, "request_timeout": 408}[expected]


async def no_more_requests_are_fibers_at_once_than_there_is_room() -> None:
    running: list[int] = [0]
    most: list[int] = []

    def application(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
        running[0] += 1
        most.append(running[0])
        pause(0.01)
        running[0] -= 1
        start_response("200 OK", [("Content-Length", "2")])
        return [b"{}"]

    front = AsgiAdapter(application, fibers=3, threads=1)
    answers = await asyncio.gather(*(_ask(front, "GET", "/book") for _ in range(20)))
    assert answers == [(200, {})] * 20
    assert max(most) == 3


async def a_fiber_that_wants_to_end_the_process_ends_its_request_only() -> None:
    def application(_environ: object, _start_response: object) -> list[bytes]:
        pause(0.01)
        raise SystemExit("as asked")

    front = AsgiAdapter(application, fibers=1, threads=1)
    asking = Request("GET", "/book", b"", {})
    try:
        await front(asking.scope, asking.receive, asking.send)
    except SystemExit:
        return
    raise AssertionError("granian was not told")


class _Threads(CommandListener):
    def __init__(self) -> None:
        self.threads: set[int] = set()
        self.commands: set[str] = set()

    def started(self, event: CommandStartedEvent) -> None:
        self.threads.add(threading.get_ident())
        self.commands.add(event.command_name)

    def succeeded(self, event: object) -> None: ...

    def failed(self, event: object) -> None: ...


def _body(name: str) -> bytes:
    patient = {"patientName": name, "patientEmail": "ana@example.com"}
    return strict_json.dumps(patient | {"date": "2031-01-07T10:00:00Z"})


async def _ask(
    front: AsgiAdapter, method: str, path: str, body: bytes = b"", key: str = ""
) -> tuple[int, Any]:
    headers = {"content-type": "application/json"} | ({"idempotency-key": key} if key else {})
    request = Request(method, path, body, headers)
    await asyncio.wait_for(front(request.scope, request.receive, request.send), PATIENCE_SECONDS)
    return request.status, strict_json.loads(request.answer)


class Request:
    """A request as granian hands it over by ASGI. Of `chunks`, an empty one says that the client
    has gone, and None that nothing comes any more."""

    def __init__(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: dict[str, str],
        chunks: Sequence[bytes | None] = (),
    ) -> None:
        headers = headers | {"host": "127.0.0.1:3000"}
        if body:
            headers["content-length"] = str(len(body))
        if chunks:
            headers["transfer-encoding"] = "chunked"
        self.scope: dict[str, Any] = {
            "type": "http",
            "http_version": "1.1",
            "scheme": "http",
            "server": ("127.0.0.1", "3000"),
            "client": ("127.0.0.1", "50000"),
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        self.status, self.answer = 0, b""
        self._headers: dict[bytes, bytes] = {}
        self._chunks = list(chunks) or [body]
        self._has_end = not chunks

    async def receive(self) -> dict[str, Any]:
        chunk = self._chunks.pop(0)
        if chunk is None:
            await asyncio.Event().wait()
        if not chunk and not self._has_end:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": not self._has_end}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert not self.status, "answered twice"
            self.status, self._headers = message["status"], dict(message["headers"])
        else:
            self.answer = message["body"]
            assert self._headers[b"content-length"] == str(len(self.answer)).encode()


SCENARIOS = [
    a_bell_is_rung_by_any_thread_before_or_after_it_is_waited_for,
    threads_have_bells_of_their_own,
    who_waits_aside_or_pauses_holds_up_nobody,
    what_is_called_aside_has_its_context_and_its_errors,
    outside_of_fibers_all_happens_right_here,
    a_loop_that_has_ended_is_told_nothing,
    the_lines_of_one_turn_are_written_at_once_and_before_any_answer,
    a_warning_is_written_at_once_with_all_that_came_before_it,
    fibers_share_operations_and_never_run_one_themselves,
    threads_have_one_operation_in_flight,
    fibers_and_threads_share_operations,
    a_failure_is_told_to_all_fibers,
    no_more_requests_are_fibers_at_once_than_there_is_room,
    a_fiber_that_wants_to_end_the_process_ends_its_request_only,
]

if __name__ == "__main__":
    asyncio.run(globals()[sys.argv[1]]())
