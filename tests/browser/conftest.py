from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from clinic.catalogue.store import CatalogueStore
from clinic.domain.catalogue import DEFAULT_CLINIC
from runner.backends.mongodb import MongoServer
from runner.backends.rabbitmq import RabbitNode
from runner.processes.services import ROOT
from tests.browser.visitor import STAFF_KEY
from tests.conftest import empty_queues, eventually
from tests.e2e.conftest import QUICK
from tests.e2e.stack import Stack
from tests.mailbox import Mailbox, running_mailbox

_DATABASE = "test_browser"
_NOWHERE = "amqp://guest:guest@127.0.0.1:1/"
#: Checks are slow enough for the pending page to be visible.
_ENVIRONMENT = QUICK | {
    "AVAILABILITY_DELAY_SECONDS": "0.7",
    "CLINIC_TIMEZONE": "Europe/Madrid",
    "STAFF_API_KEY": STAFF_KEY,
    "LINK_SECRET": "the secret that signs email links",
}


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    yield from running_mailbox(tmp_path_factory.mktemp("mail"))


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Any] | None:
    """What the clinic offers. Modules override it."""
    return None


@pytest.fixture(scope="module")
def stacks(
    rabbit_node: RabbitNode,
    mongo_server: MongoServer,
    mailbox: Mailbox,
    catalogue: dict[str, Any] | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Stack, Stack]]:
    """The clinic, and a second gateway of the same database without a broker."""
    empty_queues(rabbit_node.uri)
    database = mongo_server.uri.replace("/clinic", f"/{_DATABASE}")
    directory = tmp_path_factory.mktemp("browser")
    whole = Stack(rabbit_node.uri, database, directory, **_ENVIRONMENT)
    away = Stack(_NOWHERE, database, directory, **_ENVIRONMENT)
    try:
        if catalogue:
            with CatalogueStore.opened(database) as store:
                store.replace(DEFAULT_CLINIC, catalogue)
        away.start("gateway")
        smtp = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mailbox.port)}
        whole.start_all(PUBLIC_URL=whole.url, **smtp)
        eventually(away.is_ready)
        yield whole, away
    finally:
        whole.stop()
        away.stop()
        with MongoClient(mongo_server.uri) as client:
            client.drop_database(_DATABASE)
        empty_queues(rabbit_node.uri)


@pytest.fixture(scope="module")
def browse(
    stacks: tuple[Stack, Stack], mailbox: Mailbox, rabbit_node: RabbitNode
) -> Callable[..., str]:
    """Runs `python -m tests.browser` against the clinic and returns its output."""

    def run(*arguments: str | Path) -> str:
        clinic = [*(each.url for each in stacks), mailbox.directory, rabbit_node.uri]
        result = subprocess.run(
            [sys.executable, "-m", "tests.browser", *map(str, (*clinic, *arguments))],
            cwd=ROOT,
            env=os.environ | {"PYTHONWARNINGS": "default"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run
