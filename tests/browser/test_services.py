"""The pages of a clinic with a catalogue, in a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.services import CATALOGUE, SERVICES
from tests.browser.staff_services import STAFF_SERVICES

#: The first test waits for all scenarios.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Any]:
    return CATALOGUE


@pytest.fixture(scope="module")
def outcomes(browse: Callable[..., str]) -> dict[str, str]:
    found: dict[str, str] = json.loads(browse("services"))
    return found


@pytest.mark.parametrize("name", [*SERVICES, *STAFF_SERVICES])
def test_in_a_browser(outcomes: dict[str, str], name: str) -> None:
    assert not outcomes[name], outcomes[name]
