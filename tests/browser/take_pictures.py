"""`make screenshots`: not a test, but it needs the fixtures of the tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runner.processes.services import ROOT

pytestmark = pytest.mark.timeout(600)


def test_pictures_are_taken(browse: Callable[..., str]) -> None:
    browse(ROOT / "docs" / "images")
