"""The commands with which staff handle dead letters."""

from __future__ import annotations

import os
import subprocess
import sys

from runner.processes.services import ROOT
from tests.conftest import eventually
from tests.faults.system import DEAD_LETTERS, ENVIRONMENT, System

_PENDING = {"status": "pending"}


def replay(system: System, program: str = "clinic") -> subprocess.Popen[bytes]:
    """Begin to send all dead letters round again."""
    return _dead_letters(system, "replay", "--all", program=program)


def drop(system: System) -> None:
    """Delete all dead letters, and wait until the broker has counted again."""
    assert _dead_letters(system, "drop", "--all", "--yes").wait() == 0
    eventually(lambda: not any(system.depths()[queue] for queue in DEAD_LETTERS))


def _dead_letters(
    system: System, *arguments: str, program: str = "clinic"
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", program, "dead-letters", *arguments],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT | system.variables | {"AMQP_URI": system.node.uri},
        stdout=subprocess.DEVNULL,
    )


def replay_until_decided(system: System) -> None:
    """Send round what failed while the check did, until nothing of it is left or on its way."""

    def is_done() -> bool:
        replay(system).wait()
        pending = system.database["bookings"].count_documents(_PENDING)
        return not pending and not any(system.depths().values())

    eventually(is_done)
