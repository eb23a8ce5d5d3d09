"""Reads secrets from files, as Compose and Kubernetes mount them: `LINK_SECRET_FILE` etc."""

from __future__ import annotations

import codecs
import stat
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from clinic.configuration.setting_names import variable
from clinic.configuration.setting_text import plain_text
from clinic.errors import ConfigError

_MAX_BYTES = 16_384
#: Paths in the configuration; the key of the file adds _FILE or _file.
_SECRETS = (
    ("AMQP_URI",),
    ("MONGODB_CONNECTION_URL",),
    ("STAFF_API_KEY",),
    ("GENERATED_STAFF_KEY",),
    ("LINK_SECRET",),
    ("SMTP", "password"),
    ("WEBHOOK", "secret"),
)


def read_secret_files(config: MutableMapping[str, Any]) -> None:
    """Replace the keys of secret files by the secrets, in place. Raises: ConfigError."""
    for *parents, key in _SECRETS:
        part: Any = config
        for parent in parents:
            part = part.get(parent)
        if isinstance(part, MutableMapping):  # otherwise its schema rejects it
            _replace(part, ".".join([*parents, key]), key)


def secret_of(environment: Mapping[str, str], name: str) -> str | None:
    """Return the secret in the variable `name`, or in the file that `{name}_FILE` names.
    Raises: ConfigError."""
    value = _choose(name, environment.get(name), environment.get(f"{name}_FILE"))
    return value or None


def _replace(part: MutableMapping[str, Any], path: str, key: str) -> None:
    file = part.pop(key + ("_FILE" if key.isupper() else "_file"), None)
    part[key] = _choose(variable(path), part.get(key), file)


def _choose(name: str, value: Any, file: Any) -> Any:
    if file in (None, ""):
        return value
    if value not in (None, ""):
        raise ConfigError(f"{name} and {name}_FILE are both set; set only one of them")
    try:
        return _content(Path(plain_text(file)))
    except ValidationError as error:
        raise ConfigError(f"{name}_FILE: {error.messages[0]}") from None


def _content(path: Path) -> str:
    """Return the text without its final line ends. Raises: ValidationError."""
    try:
        # Opening a pipe would block until someone writes to it.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValidationError(f"{path} is not a file")
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ValidationError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > _MAX_BYTES:
        raise ValidationError(f"{path} has more than {_MAX_BYTES} bytes")
    content = content.removeprefix(codecs.BOM_UTF8)
    text = content.decode("utf-8", "surrogateescape").rstrip("\r\n")
    if not text:
        raise ValidationError(f"{path} is empty")
    return text
