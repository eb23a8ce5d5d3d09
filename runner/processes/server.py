from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A program that runs in the foreground until it is stopped.

    `environment` is added to the environment of the process that starts it.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    directory: Path
