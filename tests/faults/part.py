"""One process of the system under test, restarted when it dies, as `restart: always` does."""

from __future__ import annotations

import time
from pathlib import Path

from runner.process import Running, start
from runner.server import Server


class Part:
    def __init__(self, name: str, server: Server, log: Path) -> None:
        self.name = name
        self.starts = 0
        self._server = server
        self._log = log
        self._running: Running | None = None
        self._wanted_from: float | None = None

    @property
    def pid(self) -> int:
        assert self._running, f"{self.name} was never started"
        return self._running.pid

    @property
    def is_alive(self) -> bool:
        return self._running is not None and self._running.is_alive()

    def start(self) -> None:
        self._wanted_from = time.monotonic()
        self.keep()

    def keep(self) -> None:
        """Start it again if it ought to run and does not."""
        is_wanted = self._wanted_from is not None and time.monotonic() >= self._wanted_from
        if is_wanted and not self.is_alive:
            self._end_what_it_left()
            self._running = start(self._server, self._log)
            self.starts += 1

    def kill(self, down_seconds: float = 0) -> None:
        """End it as a crash would; it comes back after so many seconds."""
        self._wanted_from = time.monotonic() + down_seconds
        self._end_what_it_left()

    def hold_down(self) -> None:
        """End it as a crash would, until `start`."""
        self._wanted_from = None
        self._end_what_it_left()

    def stop(self, deadline_seconds: float = 60) -> int:
        """Ask it to end, until `start`; returns its exit code."""
        self._wanted_from = None
        return self._running.stop(deadline_seconds) if self._running else 0

    def _end_what_it_left(self) -> None:
        if self._running:
            self._running.kill()  # the rest of its process group too
