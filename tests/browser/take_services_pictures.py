"""`make screenshots`, of a clinic with a catalogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runner.processes.services import ROOT
from tests.browser.services import CATALOGUE

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Any]:
    return CATALOGUE


def test_pictures_are_taken(browse: Callable[..., str]) -> None:
    browse("services", ROOT / "docs" / "images")
