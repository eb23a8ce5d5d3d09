"""Work that a service does again and again beside its messages."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from clinic.concurrency.threads import join
from clinic.errors import TransientError

logger = logging.getLogger(__name__)

#: How many times longer than a run the pause after it is: long runs must not follow each other.
_REST = 10
_LONGEST_PAUSE_SECONDS = 600.0


class PeriodicTask:
    """Calls `work` in a background greenthread, with a pause before each run.

    No error of `work` ends it: a later run sees what this one has left undone.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        interval_seconds: float,
        longest_pause_seconds: float = _LONGEST_PAUSE_SECONDS,
    ) -> None:
        self._name = name
        self._work = work
        self._interval_seconds = interval_seconds
        self._longest_pause_seconds = longest_pause_seconds
        self._is_failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_seconds: float = 10) -> None:
        """End after the current run. Gives up after the timeout."""
        self._stopping.set()
        join(self._thread, timeout_seconds)

    def _run(self) -> None:
        pause_seconds = self._interval_seconds
        while not self._stopping.wait(pause_seconds):
            began = time.monotonic()
            self._try()
            took_seconds = time.monotonic() - began
            rest_seconds = min(_REST * took_seconds, self._longest_pause_seconds)
            pause_seconds = max(self._interval_seconds, rest_seconds)

    def wait(self, seconds: float) -> bool:
        """Pause within a run. True when the task is to stop."""
        return self._stopping.wait(seconds)

    def _try(self) -> None:
        try:
            self._work()
        except TransientError as error:
            level = logging.DEBUG if self._is_failing else logging.WARNING  # once for each outage
            logger.log(level, "%s: %s", self._name, error, extra={"code": error.code})
            self._is_failing = True
        except Exception:
            logger.exception("%s failed", self._name)
        else:
            if self._is_failing:
                logger.info("%s: available again", self._name)
            self._is_failing = False
