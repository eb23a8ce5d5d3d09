"""Counts database operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import eventlet
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
        self._is_held = False
        self.commands: list[dict[str, Any]] = []

    @property
    def names(self) -> list[str]:
        return [next(iter(command)) for command in self.commands]

    def clear(self) -> None:
        self.commands.clear()

    def crowd(self, calls: Iterable[Callable[[], Any]]) -> list[Any]:
        """Make all calls while the operation of the first is held up; their results or errors."""
        self._is_held = True
        callers = [eventlet.spawn(_outcome, call) for call in calls]
        for _ in range(3):
            eventlet.sleep(0)
        self._is_held = False
        return [each.wait() for each in callers]

    def started(self, event: CommandStartedEvent) -> None:
        if event.command.get(event.command_name) in self.ignored:
            return
        if not self._wanted or event.command_name in self._wanted:
            self.commands.append(dict(event.command))
        while self._is_held:
            eventlet.sleep(0.001)

    def succeeded(self, event: CommandSucceededEvent) -> None: ...

    def failed(self, event: CommandFailedEvent) -> None: ...


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return error
