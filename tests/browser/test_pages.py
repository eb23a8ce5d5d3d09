"""The pages in Debian's Chromium, against real processes. All scenarios run in one browser process;
each is reported as a separate test."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.browser.operations import OPERATIONS
from tests.browser.scenarios import SCENARIOS
from tests.browser.staff_scenarios import STAFF_SCENARIOS

#: The first test waits for all scenarios.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def outcomes(browse: Callable[..., str]) -> dict[str, str]:
    found: dict[str, str] = json.loads(browse())
    return found


@pytest.mark.parametrize("name", [*OPERATIONS, *SCENARIOS, *STAFF_SCENARIOS])
def test_in_a_browser(outcomes: dict[str, str], name: str) -> None:
    assert not outcomes[name], outcomes[name]
