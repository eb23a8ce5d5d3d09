from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from typing import Protocol

from runner.server import Server
from runner.startup_error import StartupError


class Backend(Protocol):
    """A broker or a database, whoever runs it."""

    @property
    def uri(self) -> str: ...

    @property
    def servers(self) -> list[Server]:
        """What has to run for it, in the order to start it."""
        ...

    def is_ready(self) -> bool: ...


class ExternalBackend:
    """A backend somebody else runs: there is nothing to start, so it has to answer already."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.servers: list[Server] = []

    def is_ready(self) -> bool:
        return True


def given(variable: str, uri: str, connect: Callable[[str, float], None]) -> ExternalBackend:
    """The backend a variable names; a `Problem` unless it lets us connect."""
    try:
        connect(uri, 5)
    # Whatever a driver makes of a wrong URI, an absent server or a wrong password.
    except Exception as error:
        raise StartupError(
            f"{variable}: cannot connect to {_without_secrets(uri)}: {_reason(error)}"
        ) from error
    return ExternalBackend(uri)


def _reason(error: Exception) -> str:
    # pymongo goes on with its timeouts and all it knows of the servers.
    text = str(error).partition(" (configured timeouts")[0]
    return textwrap.shorten(text, 200, placeholder=" …") or type(error).__name__


def _without_secrets(uri: str) -> str:
    """Keep the address of each server of a list; `;` may also stand between options."""
    each = re.split(r";(?=\w+://)", uri)
    return ";".join(one.rpartition("@")[2].partition("?")[0] for one in each)
