"""What a person of the clinic does about dead letters."""

from __future__ import annotations

import os
import subprocess
import sys

from runner.services import ROOT
from tests.conftest import eventually
from tests.faults.house import DEAD_LETTERS, ENVIRONMENT, House

_PENDING = {"status": "pending"}


def replay(house: House, program: str = "clinic") -> subprocess.Popen[bytes]:
    """Begin to send all dead letters round again."""
    return _dead_letters(house, "replay", "--all", program=program)


def drop(house: House) -> None:
    """Delete all dead letters, and wait until the broker has counted again."""
    assert _dead_letters(house, "drop", "--all", "--yes").wait() == 0
    eventually(lambda: not any(house.depths()[queue] for queue in DEAD_LETTERS))


def _dead_letters(
    house: House, *arguments: str, program: str = "clinic"
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", program, "dead-letters", *arguments],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT | house.variables | {"AMQP_URI": house.node.uri},
        stdout=subprocess.DEVNULL,
    )


def replay_until_decided(house: House) -> None:
    """Send round what failed while the check did, until nothing of it is left or on its way."""

    def is_done() -> bool:
        replay(house).wait()
        pending = house.database["bookings"].count_documents(_PENDING)
        return not pending and not any(house.depths().values())

    eventually(is_done)
