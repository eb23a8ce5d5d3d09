"""One process of the system under test, restarted when it dies, as `restart: always` does."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from runner.processes.managed_process import ManagedProcess, start
from runner.processes.server import Server


class Part:
    """Whoever made it calls `keep` again and again, and nobody else starts the process."""

    def __init__(self, name: str, server: Server, log: Path) -> None:
        self.name = name
        self._server = server
        self._log = log
        self._running: ManagedProcess | None = None
        self._wanted_from: float | None = None
        #: How often it ended though nobody had asked for it.
        self.unasked_ends = 0
        # Starting and ending take a while, in which another greenthread may want the opposite.
        self._changing = threading.Lock()

    @property
    def pid(self) -> int:
        assert self._running, f"{self.name} was never started"
        return self._running.pid

    @property
    def is_alive(self) -> bool:
        return self._running is not None and self._running.is_alive()

    def start(self) -> None:
        """Want it to run from now on."""
        self._wanted_from = time.monotonic()

    def keep(self) -> None:
        """Start it if it ought to run and does not."""
        if not self._changing.acquire(blocking=False):
            return
        try:
            if self._is_wanted and not self.is_alive:
                self.unasked_ends += self._running is not None
                self._end_what_it_left()
                self._running = start(self._server, self._log)
        finally:
            self._changing.release()

    def kill(self, down_seconds: float = 0) -> None:
        """End it as a crash would; it comes back after so many seconds."""
        self._wanted_from = time.monotonic() + down_seconds
        with self._changing:
            self._end_what_it_left()

    def hold_down(self) -> None:
        """End it as a crash would, until `start`."""
        self._wanted_from = None
        with self._changing:
            self._end_what_it_left()

    def stop(self, deadline_seconds: float = 60) -> int:
        """Ask it to end, until `start`; returns its exit code."""
        self._wanted_from = None
        with self._changing:
            running, self._running = self._running, None
            return running.stop(deadline_seconds) if running else 0

    @property
    def _is_wanted(self) -> bool:
        return self._wanted_from is not None and time.monotonic() >= self._wanted_from

    def _end_what_it_left(self) -> None:
        running, self._running = self._running, None
        if running:
            running.kill()  # the rest of its process group too
