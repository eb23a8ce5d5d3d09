"""The short selection of `make faults`, as a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import short

SEED = 1


@pytest.mark.timeout(900)
def test_nothing_is_lost_and_nobody_is_booked_twice(tmp_path: Path) -> None:
    outcome = short.run(tmp_path, SEED)
    assert outcome.violations == []
