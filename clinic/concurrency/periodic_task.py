"""Periodic background work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from clinic.concurrency.threads import join
from clinic.errors import TransientError

logger = logging.getLogger(__name__)

#: The pause after a run, in multiples of its duration, so that long runs are not back to back.
_REST_FACTOR = 10
_LONGEST_REST_SECONDS = 600.0
#: The shortest pause after a run that failed.
_RETRY_SECONDS = 1.0


class PeriodicTask:
    """Calls `run` in a background thread, or greenthread where eventlet has patched `threading`.

    It pauses for `interval_seconds` before each run. After a long run it pauses longer, up to
    `longest_rest_seconds`. Errors of `run` don't stop it. When stopped, it calls `on_stop` in the
    same thread.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[], None],
        interval_seconds: float,
        longest_rest_seconds: float = _LONGEST_REST_SECONDS,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._run = run
        self._interval_seconds = interval_seconds
        self._longest_rest_seconds = longest_rest_seconds
        self._on_stop = on_stop
        self.is_failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_seconds: float = 10) -> bool:
        """Stop after the current run. Return False if it still runs after the timeout."""
        self.finish()
        join(self._thread, timeout_seconds)
        return not self._thread.is_alive()

    def finish(self) -> None:
        """Stop after the current run; `run` may call this itself."""
        self._stopping.set()

    def wait(self, seconds: float) -> bool:
        """Pause within a run. Return True if the task is stopping."""
        return self._stopping.wait(seconds)

    def _loop(self) -> None:
        pause_seconds = self._interval_seconds
        while not self._stopping.wait(pause_seconds):
            began = time.monotonic()
            self._try(self._run)
            rest_seconds = _REST_FACTOR * (time.monotonic() - began)
            pause_seconds = max(
                self._interval_seconds,
                min(rest_seconds, self._longest_rest_seconds),
                _RETRY_SECONDS if self.is_failing else 0,
            )
        self._try(self._on_stop)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except TransientError as error:
            level = logging.DEBUG if self.is_failing else logging.WARNING  # once for each outage
            logger.log(level, "%s: %s", self._name, error, extra={"code": error.code})
            self.is_failing = True
        except Exception:
            logger.exception("%s failed", self._name)
            self.is_failing = True
        else:
            if self.is_failing:
                logger.info("%s: available again", self._name)
            self.is_failing = False
