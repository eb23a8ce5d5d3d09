"""Runs the whole system on this machine until Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import signal
import sys

from runner.processes.managed_process import die_with_parent
from runner.run import Run, Stopped
from runner.settings import Settings
from runner.startup_error import StartupError


def main() -> str | None:
    """Return an error message, or None after a requested stop."""
    if "MAKELEVEL" in os.environ:
        # A killed make can't forward a signal.
        die_with_parent()
    try:
        run = Run(Settings.of(os.environ))
        _stop_on_signals(run)
        run.forever()
    except Stopped:
        pass
    except (StartupError, OSError) as error:
        return str(error)
    return None


def _stop_on_signals(run: Run) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Under nohup SIGHUP is ignored and must stay so.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, run.request_stop)


if __name__ == "__main__":
    sys.exit(main())
