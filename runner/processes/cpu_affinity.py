from __future__ import annotations

import os
import shutil
from dataclasses import replace

from runner.processes.server import Server

#: For two busy servers. The first and the last CPU: adjacent ones may share a core.
DATABASE_PLACE, GATEWAY_PLACE = 0, -1


def pinned(server: Server, place: int) -> Server:
    """Pin a multi-threaded Python server to one CPU; `place` selects it.

    Python runs one thread at a time. On several CPUs, handing the interpreter lock over may take
    as much time as the work. Different places select different CPUs, if there are enough. With one
    CPU, or without `taskset`, the server is not changed.
    """
    program = shutil.which("taskset")
    cpus = sorted(os.sched_getaffinity(0))
    if program is None or len(cpus) == 1:
        return server
    cpu = str(cpus[place % len(cpus)])
    return replace(server, command=[program, "--cpu-list", cpu, *server.command])
