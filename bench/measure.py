"""What processes cost."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil

_SAMPLE_SECONDS = 0.2
MIB = 1024 * 1024
_libc = ctypes.CDLL(None)


def family(pid: int) -> list[psutil.Process]:
    """A process and all it has started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time, so far, of these processes and all below them."""
    total = 0.0
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            times = [each.cpu_times() for each in family(pid)]
            total += sum(time.user + time.system for time in times)
    return total


def exact_cpu_seconds(pid: int) -> float:
    """The same of this process alone, exact enough for a single call."""
    clock = ctypes.c_int()
    if error := _libc.clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise OSError(error, os.strerror(error))
    return time.clock_gettime(clock.value)


def rss_mib(pid: int) -> float:
    with suppress(psutil.NoSuchProcess):
        return sum(each.memory_info().rss for each in family(pid)) / MIB
    return 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    """`peak_mib` has one number for each name: the most memory it held at any one time."""

    cpu_seconds: dict[str, float]
    peak_mib: dict[str, float]


class Meter:
    """Measures named processes, with all below them, from entering to leaving."""

    def __init__(self, **pids: int) -> None:
        self._pids = pids
        self._peaks = dict.fromkeys(pids, 0.0)
        self._ending = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._before = self._cpu()
        self._sampler.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        after = self._cpu()
        self._ending.set()
        self._sampler.join()
        used = {name: after[name] - before for name, before in self._before.items()}
        self.usage = Usage(used, self._peaks)

    def _cpu(self) -> dict[str, float]:
        return {name: cpu_seconds([pid]) for name, pid in self._pids.items()}

    def _sample(self) -> None:
        while True:
            for name, pid in self._pids.items():
                self._peaks[name] = max(self._peaks[name], rss_mib(pid))
            if self._ending.wait(_SAMPLE_SECONDS):
                return
