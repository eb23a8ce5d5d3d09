from __future__ import annotations

import os
import shutil
from dataclasses import replace

from runner.server import Server

#: Two that work at the same time. The first and the last: neighbours may be halves of one core.
DATABASE_PLACE, GATEWAY_PLACE = 0, -1


def pinned(server: Server, place: int) -> Server:
    """Keep a server of many threads, of which Python runs one at a time, on one CPU.

    On several, its threads hand the interpreter over from CPU to CPU, and may spend as much time
    on that as on their work. Different places are different CPUs, where there are enough. Where
    there is one, or no program to do it, the server stays as it is.
    """
    program = shutil.which("taskset")
    cpus = sorted(os.sched_getaffinity(0))
    if program is None or len(cpus) == 1:
        return server
    cpu = str(cpus[place % len(cpus)])
    return replace(server, command=[program, "--cpu-list", cpu, *server.command])
