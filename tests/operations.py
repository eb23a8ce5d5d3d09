"""Counts what the database is asked to do."""

from __future__ import annotations

from typing import Any

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)


class Operations(CommandListener):
    """Notes the commands of a client, in order: all of them, or those of these names."""

    def __init__(self, *names: str) -> None:
        self._wanted = names
        self.ignored: list[str] = []  #: collections
        self.commands: list[dict[str, Any]] = []

    @property
    def names(self) -> list[str]:
        return [next(iter(command)) for command in self.commands]

    def clear(self) -> None:
        self.commands.clear()

    def started(self, event: CommandStartedEvent) -> None:
        if event.command.get(event.command_name) in self.ignored:
            return
        if not self._wanted or event.command_name in self._wanted:
            self.commands.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None: ...

    def failed(self, event: CommandFailedEvent) -> None: ...
