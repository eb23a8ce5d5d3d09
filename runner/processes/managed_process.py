"""Child processes, none of which may outlive the runner."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from pathlib import Path

import psutil

from runner.processes.server import Server

STOP_SECONDS = 25.0

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


class ManagedProcess:
    """A started server. It leads a process group, so `kill` also ends its children."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def stop(self, deadline_seconds: float = STOP_SECONDS) -> int:
        """Send SIGTERM, then SIGKILL after the deadline. Return its exit code."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(deadline_seconds)
        return self.kill()

    def kill(self) -> int:
        """Send SIGKILL to its process group. Return its exit code."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self._process.wait()


def start(server: Server, log_file: Path | None = None) -> ManagedProcess:
    """Start a server. Its output is appended to the log file, or inherits ours."""
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(log_file.open("ab")) if log_file else None
        process = subprocess.Popen(
            server.command,
            cwd=server.directory,
            env=os.environ | server.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT if log else None,
            start_new_session=True,
        )
    return ManagedProcess(process)


def die_with_parent() -> None:
    """Make the kernel send SIGTERM to this process when the thread that started it ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def orphans(known_pid: int) -> list[psutil.Process]:
    """Return the adopted children: all except the one we started."""
    return [child for child in psutil.Process().children() if child.pid != known_pid]


def descendants() -> list[psutil.Process]:
    """Return all descendants of this process."""
    return psutil.Process().children(recursive=True)


def end(processes: list[psutil.Process], deadline_seconds: float) -> None:
    """Send SIGTERM to all, then SIGKILL to those still alive after the deadline."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=deadline_seconds)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=deadline_seconds)
