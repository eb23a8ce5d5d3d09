from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from clinic.concurrency.periodic_task import PeriodicTask
from clinic.errors import DatabaseUnavailable
from tests.conftest import eventually


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


def test_who_never_began_can_be_stopped() -> None:
    PeriodicTask("rounds", lambda: None, interval_seconds=60).stop()
