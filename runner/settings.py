from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from marshmallow import ValidationError

from clinic.configuration.secret_files import secret_of
from clinic.configuration.setting_text import plain_text
from clinic.errors import ConfigError
from runner.address import Address, parse_address
from runner.startup_error import StartupError


@dataclass(frozen=True)
class Settings:
    """The settings of a run from the environment; an empty variable counts as unset. `catalogue`
    is a file to import before the services start."""

    address: Address
    port: int
    directory: Path
    amqp_uri: str | None
    mongodb_uri: str | None
    catalogue: Path | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        return cls(
            address=parse_address(environment.get("HOST") or "127.0.0.1"),
            port=_port(environment.get("PORT") or "3000"),
            directory=_directory(environment.get("RUN_DIR") or ".run"),
            amqp_uri=_secret(environment, "AMQP_URI"),
            mongodb_uri=_secret(environment, "MONGODB_URI"),
            catalogue=_catalogue(environment.get("CATALOGUE") or ""),
        )

    @property
    def url(self) -> str:
        return f"http://{self.address.url_host}:{self.port}"


def _secret(environment: Mapping[str, str], name: str) -> str | None:
    try:
        return secret_of(environment, name)
    except ConfigError as error:
        raise StartupError(str(error)) from None


def _directory(text: str) -> Path:
    try:
        return Path(plain_text(text)).absolute()
    except ValidationError as error:
        raise StartupError(f"RUN_DIR: {error.messages[0]}") from None


def _catalogue(text: str) -> Path | None:
    if not text:
        return None
    file = Path(text).absolute()
    if not file.is_file():
        raise StartupError(f"CATALOGUE: there is no file {text}")
    return file


def _port(text: str) -> int:
    if not (re.fullmatch(r"[0-9]{1,5}", text) and 1 <= int(text) <= 65_535):
        raise StartupError(f"PORT must be a number from 1 to 65535, not {text!r}")
    return int(text)
