"""Our reader of configuration files and nameko's agree on every value."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from nameko.cli.main import setup_yaml_parser

from clinic.configuration.yaml_file import load_yaml

CONFIG = Path(__file__).parents[2] / "config.yaml"
LINES = [
    *("${X}", "${X:}", "${X:5}", "${X:a b}", "${X:null}", "${X:[1, 2]}", "${X:{a: 1}}"),
    *("a${X:b}c${Y:d}", "${X:${Y:7}}", "${X:${Y}}", "${X:a${Y:b}c}", "${ X }", "${}", "$X"),
    *('"${X:5}"', "'${X:5}'", "!raw_env_var '${X:5}'", '!env_var "${X:5}"', "{a: '${X:1}'}"),
    *("[${X:1}, 2]", "amqp://${X:guest}:${Y:guest}@localhost"),
]
VALUES = [None, "", "5", "true", "null", "ñ €", "a: 1", "[1]", "${Y:9}", "#no comment", "1e3"]


def read_by_nameko(path: Path) -> object:
    setup_yaml_parser()
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("line", LINES)
def test_it_reads_what_nameko_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, value: str | None
) -> None:
    monkeypatch.delenv("Y", raising=False)
    if value is None:
        monkeypatch.delenv("X", raising=False)
    else:
        monkeypatch.setenv("X", value)
    path = tmp_path / "config.yaml"
    path.write_text(f"key: {line}\n", encoding="utf-8")
    try:
        expected = read_by_nameko(path)
    except yaml.YAMLError as error:
        with pytest.raises(type(error)):
            load_yaml(str(path))
    else:
        assert load_yaml(str(path)) == expected


def test_it_reads_our_own_file_as_nameko_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_yaml(str(CONFIG)) == read_by_nameko(CONFIG)
    monkeypatch.setenv("AMQP_URI", "amqp://me:secret@elsewhere/")
    monkeypatch.setenv("BOOKING_MAX_ATTEMPTS", "7")
    assert load_yaml(str(CONFIG)) == read_by_nameko(CONFIG)
