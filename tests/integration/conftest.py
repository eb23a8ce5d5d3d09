"""In these tests every answer of the gateway is held against its OpenAPI document."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.contract import CheckingClient


@pytest.fixture(autouse=True)
def _checked_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flask, "test_client_class", CheckingClient)
