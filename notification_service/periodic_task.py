"""Work that a service does again and again beside its messages."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from clinic.concurrency.threads import join
from clinic.errors import TransientError

logger = logging.getLogger(__name__)

#: What a rest is longer than the round before it: a long round must not fill the day.
_REST = 10


class PeriodicTask:
    """Calls `work` in a background greenthread, with a rest before each time.

    Nothing that it raises ends it: a later round sees what this one has left.
    """

    def __init__(self, name: str, work: Callable[[], None], interval_seconds: float) -> None:
        self._name = name
        self._work = work
        self._interval_seconds = interval_seconds
        self._is_failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_seconds: float = 10) -> None:
        """End after what is in hand, if that does not take longer than the timeout."""
        self._stopping.set()
        join(self._thread, timeout_seconds)

    def _run(self) -> None:
        pause_seconds = self._interval_seconds
        while not self._stopping.wait(pause_seconds):
            began = time.monotonic()
            self._try()
            took_seconds = time.monotonic() - began
            pause_seconds = max(self._interval_seconds, min(_REST * took_seconds, 600.0))

    def _try(self) -> None:
        try:
            self._work()
        except TransientError as error:
            level = logging.DEBUG if self._is_failing else logging.WARNING  # say it once an outage
            logger.log(level, "%s: %s", self._name, error, extra={"code": error.code})
            self._is_failing = True
        except Exception:
            logger.exception("%s failed", self._name)
        else:
            self._is_failing = False
