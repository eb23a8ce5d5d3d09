"""A mail server for tests, and the e-mails it has accepted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

from runner.backends.ports import free_port, is_taken
from runner.processes.managed_process import start
from runner.processes.server import Server
from tests.conftest import eventually
from tests.emails import emails_in

ROOT = Path(__file__).parent.parent


class Mailbox:
    def __init__(self, port: int, directory: Path) -> None:
        self.port = port
        self.directory = directory

    def emails(self) -> list[EmailMessage]:
        return emails_in(self.directory)

    def open(self) -> None:
        """Let in those who were told to come back later."""
        (self.directory / "open").touch()


def running_mailbox(directory: Path) -> Iterator[Mailbox]:
    directory.mkdir(exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "tests.smtp_sink", str(port), str(directory)]
    process = start(Server("smtp_sink", command, {}, ROOT))
    try:
        eventually(lambda: is_taken(port))
        yield Mailbox(port, directory)
    finally:
        process.stop()
