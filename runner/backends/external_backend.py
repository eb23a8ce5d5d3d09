from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from typing import Protocol

from runner.processes.server import Server
from runner.startup_error import StartupError


class Backend(Protocol):
    """A broker or a database, managed by the runner or external."""

    @property
    def uri(self) -> str: ...

    @property
    def servers(self) -> list[Server]:
        """The servers to run for it, in start order."""
        ...

    def is_ready(self) -> bool: ...


class ExternalBackend:
    """A backend that already runs: there is nothing to start."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.servers: list[Server] = []

    def is_ready(self) -> bool:
        return True


def external(variable: str, uri: str, connect: Callable[[str, float], None]) -> ExternalBackend:
    """Return the backend that a variable names. Raises: StartupError if it can't be reached."""
    try:
        connect(uri, 5)
    # Drivers raise various errors for a wrong URI, a missing server or a wrong password.
    except Exception as error:
        raise StartupError(
            f"{variable}: cannot connect to {_without_secrets(uri)}: {_reason(error)}"
        ) from error
    return ExternalBackend(uri)


def _reason(error: Exception) -> str:
    # pymongo appends its timeouts and a server description.
    text = str(error).partition(" (configured timeouts")[0]
    return textwrap.shorten(text, 200, placeholder=" …") or type(error).__name__


def _without_secrets(uri: str) -> str:
    """Keep only the address of each server in a list; `;` may also separate options."""
    nodes = re.split(r";(?=\w+://)", uri)
    return ";".join(node.rpartition("@")[2].partition("?")[0] for node in nodes)
