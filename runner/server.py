from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A program that stays in the foreground until it is told to stop.

    `environment` is added to the environment of whoever starts it.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    directory: Path
