"""Waits for threads, in the same way with and without eventlet."""

from __future__ import annotations

import threading
import time

_POLL_SECONDS = 0.01


def join(thread: threading.Thread, timeout_seconds: float) -> None:
    """Wait until the thread has ended, or the timeout; not at all for one that was never started.

    `Thread.join` raises for the latter. On Python 3.13 that of eventlet's threads also raises
    eventlet's `Timeout` instead of returning.
    """
    deadline = time.monotonic() + timeout_seconds
    while thread.is_alive() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
