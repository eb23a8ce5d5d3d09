"""What `make run CATALOGUE=FILE` says of a file that it can't use."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.catalogue import check_catalogue
from runner.settings import Settings
from runner.startup_error import StartupError

EXAMPLE = Path(__file__).parents[2] / "examples" / "clinic.yaml"


def test_the_example_is_accepted() -> None:
    check_catalogue(EXAMPLE)


def test_all_problems_of_a_file_are_named_with_their_place(tmp_path: Path) -> None:
    file = tmp_path / "clinic.yaml"
    file.write_text("services:\n  - {id: Visit, minutes: 7}\n", encoding="utf-8")
    with pytest.raises(StartupError, match=r"CATALOGUE: (.|\n)*clinic\.yaml:2"):
        check_catalogue(file)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(StartupError, match="no-such-file"):
        Settings.of({"CATALOGUE": "no-such-file.yaml"})


def test_without_a_file_nothing_is_imported() -> None:
    assert Settings.of({"CATALOGUE": ""}).catalogue is None
