"""Fibers need an event loop with real threads beside it, and eventlet has patched this process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import fibers


@pytest.mark.parametrize("scenario", [each.__name__ for each in fibers.SCENARIOS])
def test_fibers(scenario: str) -> None:
    command = [sys.executable, "-m", "tests.fibers", scenario]
    subprocess.run(command, check=True, timeout=100)
