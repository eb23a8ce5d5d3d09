"""Fixtures of the integration tests; every gateway response is checked against OpenAPI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pymongo import MongoClient
from pymongo.database import Database

from clinic.mongo.client import durable_uri
from tests.contract import CheckingClient
from tests.mailbox import Mailbox, running_mailbox
from tests.operations import Operations


@pytest.fixture(autouse=True)
def _check_responses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flask, "test_client_class", CheckingClient)


@pytest.fixture
def operations() -> Operations:
    return Operations()


@pytest.fixture
def counted(mongodb_uri: str, operations: Operations) -> Iterator[Database[Any]]:
    """The database, through a client that records its operations."""
    with MongoClient[Any](durable_uri(mongodb_uri), event_listeners=[operations]) as client:
        yield client.get_default_database()


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    yield from running_mailbox(tmp_path / "mail")
