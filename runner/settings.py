from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runner.problem import Problem


@dataclass(frozen=True)
class Settings:
    """What the environment says about a run; a variable that is empty counts as not set."""

    host: str
    port: int
    directory: Path
    amqp_uri: str | None
    mongodb_uri: str | None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        return cls(
            host=environment.get("HOST") or "127.0.0.1",
            port=_port(environment.get("PORT") or "3000"),
            directory=Path(environment.get("RUN_DIR") or ".run").absolute(),
            amqp_uri=environment.get("AMQP_URI") or None,
            mongodb_uri=environment.get("MONGODB_URI") or None,
        )

    @property
    def client_host(self) -> str:
        """Where a client on this machine finds us: a wildcard is no address to connect to."""
        return "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104

    @property
    def url(self) -> str:
        return f"http://{self.client_host}:{self.port}"


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
        raise Problem(f"PORT must be a number from 1 to 65535, not {text!r}")
    return int(text)
