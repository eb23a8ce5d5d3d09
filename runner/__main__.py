"""Run the whole clinic on this machine until Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import signal
import sys

from runner.managed_process import die_with_parent
from runner.run import Run, Stopped
from runner.settings import Settings
from runner.startup_error import StartupError


def main() -> str | None:
    """The line to end with, when it was not asked to end."""
    if "MAKELEVEL" in os.environ:
        # A killed make could not pass its end on to us.
        die_with_parent()
    try:
        run = Run(Settings.of(os.environ))
        _stop_on_signals(run)
        run.forever()
    except Stopped:
        pass
    except (StartupError, OSError) as problem:
        return str(problem)
    return None


def _stop_on_signals(run: Run) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Under nohup a hang-up is ignored, and is to stay so.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, run.request_stop)


if __name__ == "__main__":
    sys.exit(main())
