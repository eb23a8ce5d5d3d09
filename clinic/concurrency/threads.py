"""Joins threads, with and without eventlet."""

from __future__ import annotations

import threading
import time

_POLL_SECONDS = 0.01


def join(thread: threading.Thread, timeout_seconds: float) -> None:
    """Wait until the thread ends or the timeout expires; return at once if it never started.

    `Thread.join` raises for a thread that never started. On Python 3.13, eventlet's version raises
    eventlet's `Timeout` instead of returning.
    """
    deadline = time.monotonic() + timeout_seconds
    while thread.is_alive() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
