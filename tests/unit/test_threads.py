"""A thread is waited for until it ends or the time is over, also where eventlet has patched it."""

from __future__ import annotations

import threading
import time

import pytest

from clinic.concurrency.threads import join


@pytest.fixture
def ending() -> threading.Event:
    return threading.Event()


def test_it_returns_when_the_time_is_over(ending: threading.Event) -> None:
    thread = threading.Thread(target=ending.wait, daemon=True)
    thread.start()
    began = time.monotonic()
    join(thread, 0.1)
    assert time.monotonic() - began >= 0.1
    assert thread.is_alive()
    ending.set()


def test_it_returns_when_the_thread_has_ended(ending: threading.Event) -> None:
    thread = threading.Thread(target=lambda: ending.wait(0.1), daemon=True)
    thread.start()
    join(thread, 60)
    assert not thread.is_alive()


def test_a_thread_that_was_never_started_is_not_waited_for() -> None:
    began = time.monotonic()
    join(threading.Thread(target=print), 60)
    assert time.monotonic() - began < 30
