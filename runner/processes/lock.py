from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from runner.startup_error import StartupError


def lock(directory: Path) -> IO[str]:
    """Lock a run directory while the returned file is open. Create it if necessary.

    A process that inherits the file also holds the lock. Raises: StartupError.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = (directory / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        pid = file.read().strip()
        file.close()
        raise StartupError(
            f"{directory} is in use by another run, started as process {pid}"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
