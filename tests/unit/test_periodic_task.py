from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from clinic.concurrency.periodic_task import _RETRY_SECONDS, PeriodicTask
from clinic.errors import DatabaseUnavailable
from tests.conftest import PATIENCE_SECONDS, eventually


@pytest.fixture
def run() -> Iterator[Callable[..., PeriodicTask]]:
    """Start rounds that follow each other quickly."""
    running: list[PeriodicTask] = []

    def run(work: Callable[[], Any]) -> PeriodicTask:
        running.append(PeriodicTask("rounds", work, interval_seconds=0.001))
        running[-1].start()
        return running[-1]

    yield run
    for each in running:
        each.stop()


def test_work_is_done_again_and_again_until_it_is_stopped(run: Callable[..., PeriodicTask]) -> None:
    done: list[int] = []
    rounds = run(lambda: done.append(1))
    eventually(lambda: len(done) > 3)
    rounds.stop()
    count = len(done)
    assert rounds.is_stopping
    assert len(done) == count


def test_an_outage_is_logged_once_and_ends_nothing(
    run: Callable[..., PeriodicTask], caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[int] = []

    def fail() -> None:
        tries.append(1)
        raise DatabaseUnavailable("away")

    with caplog.at_level(logging.WARNING):
        rounds = run(fail)
        eventually(lambda: len(tries) > 3)
        rounds.stop()
    assert [record.message for record in caplog.records] == ["rounds: away"]


def test_a_fault_of_ours_is_reported_and_ends_nothing(
    run: Callable[..., PeriodicTask], caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[int] = []

    def fail() -> None:
        tries.append(1)
        raise KeyError("ours")

    rounds = run(fail)
    eventually(lambda: len(tries) > 3)
    rounds.stop()
    assert "rounds failed" in caplog.text


@pytest.mark.parametrize(
    ("interval_seconds", "pause_seconds"),
    [(0.001, _RETRY_SECONDS), (2 * _RETRY_SECONDS, 2 * _RETRY_SECONDS)],
)
def test_a_failed_run_is_repeated_after_a_pause(
    interval_seconds: float, pause_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = iter([DatabaseUnavailable("away"), KeyError("ours"), None])
    pauses: list[float] = []

    def run() -> None:
        outcome = next(outcomes)
        if outcome:
            raise outcome

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) > 3

    rounds = PeriodicTask("rounds", run, interval_seconds, longest_rest_seconds=0)
    monkeypatch.setattr(rounds._stopping, "wait", wait)
    rounds.start()
    assert rounds.stop(PATIENCE_SECONDS)
    assert pauses == [interval_seconds, pause_seconds, pause_seconds, interval_seconds]


def test_a_stopped_task_runs_its_last_action_in_its_own_thread() -> None:
    calls: list[tuple[str, threading.Thread]] = []

    def record(what: str) -> None:
        calls.append((what, threading.current_thread()))

    rounds = PeriodicTask("rounds", lambda: record("run"), 0.001, on_stop=lambda: record("on_stop"))
    rounds.start()
    eventually(lambda: len(calls) > 3)
    rounds.stop()
    names, threads = zip(*calls, strict=True)
    assert names == ("run",) * (len(calls) - 1) + ("on_stop",)
    assert set(threads) == {rounds._thread}


def test_who_never_began_can_be_stopped() -> None:
    PeriodicTask("rounds", lambda: None, interval_seconds=60).stop()
