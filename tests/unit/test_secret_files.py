"""Secrets that files hold: read once, and refused in one line if they can't be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from clinic.config import load, prepare
from clinic.configuration.setting_names import variable
from clinic.errors import ConfigError

FILE = Path(__file__).parents[2] / "config.yaml"

SECRET = "contraseñ4 of a file"
#: The variable of each, where its value is read, and a value that it may have.
FILES: dict[str, tuple[str, str]] = {
    "AMQP_URI": ("AMQP_URI", "amqp://clinic:geheim@broker/"),
    "MONGODB_URI": ("MONGODB_CONNECTION_URL", "mongodb://clinic:geheim@db/clinic"),
    "STAFF_API_KEY": ("STAFF_API_KEY", SECRET),
    "GENERATED_STAFF_KEY": ("GENERATED_STAFF_KEY", SECRET),
    "LINK_SECRET": ("LINK_SECRET", SECRET),
    "SMTP_PASSWORD": ("SMTP.password", SECRET),
    "WEBHOOK_SECRET": ("WEBHOOK.secret", SECRET),
}

each_secret = pytest.mark.parametrize("name", FILES)


def found(config: dict[str, Any], path: str) -> Any:
    value: Any = config
    for key in path.split("."):
        value = value[key]
    return value


def set_file(monkeypatch: pytest.MonkeyPatch, file: Path, name: str, content: bytes) -> str:
    """Returns the path in the configuration."""
    file.write_bytes(content)
    monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{name}_FILE", str(file))
    return FILES[name][0]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=repr)
@each_secret
def test_a_secret_may_be_in_a_file(
    name: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = FILES[name][1]
    path = set_file(monkeypatch, tmp_path / "secret", name, f"{value}{end}".encode())
    assert found(load(str(FILE)), path) == value


def test_a_byte_order_mark_is_no_part_of_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = set_file(monkeypatch, tmp_path / "s", "LINK_SECRET", b"\xef\xbb\xbf" + SECRET.encode())
    assert found(load(str(FILE)), path) == SECRET


def test_to_prepare_a_configuration_again_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    set_file(monkeypatch, file, "LINK_SECRET", SECRET.encode())
    config = load(str(FILE))
    file.unlink()
    before = dict(config)
    prepare(config)
    assert config == before


@each_secret
def test_a_value_and_a_file_are_one_too_many(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_file(monkeypatch, tmp_path / "secret", name, SECRET.encode())
    monkeypatch.setenv(name, FILES[name][1])
    with pytest.raises(ConfigError, match=rf"^{name} and {name}_FILE are both set"):
        load(str(FILE))


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"x" * 16_385, "more than 16384 bytes")],
    ids=["empty", "a line end", "too large"],
)
@each_secret
def test_a_file_with_no_secret_in_it_is_refused(
    name: str, content: bytes, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_file(monkeypatch, tmp_path / "secret", name, content)
    with pytest.raises(ConfigError, match=rf"^{name}_FILE: .*{reason}"):
        load(str(FILE))


@each_secret
def test_what_is_not_a_readable_file_is_refused_and_not_waited_for(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "pipe", Path('"/quoted"'), Path("a\r")):
        monkeypatch.setenv(f"{name}_FILE", str(path))
        with pytest.raises(ConfigError, match=f"^{name}_FILE: ") as fault:
            load(str(FILE))
        assert len(str(fault.value).splitlines()) == 1


def test_a_file_of_a_part_that_is_none_is_left_to_its_schema() -> None:
    config: dict[str, Any] = {"SMTP": "text", "WEBHOOK": None}
    prepare(config)
    assert config["SMTP"] == "text"


def test_the_names_of_variables_are_those_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is set to a text that no schema sees, and found again at the path that names it."""
    import re

    import yaml
    from nameko.cli.main import setup_yaml_parser

    setup_yaml_parser()
    names = re.findall(r"^[^#\n]*\$\{([A-Z_]+):", FILE.read_text("utf-8"), re.MULTILINE)
    for name in names:
        monkeypatch.setenv(name, f"<{name}>")
    config = yaml.safe_load(FILE.read_text("utf-8"))
    config.pop("LOGGING")
    assert sorted(names) == sorted(value for _, value in _named(config))
    assert all(variable(path) == value for path, value in _named(config))


def _named(part: dict[str, Any], parent: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in part.items():
        path = f"{parent}.{key}".lstrip(".")
        if isinstance(value, dict):
            pairs += _named(value, path)
        elif isinstance(value, str) and value.startswith("<"):
            pairs.append((path, value.strip("<>")))
    return pairs
