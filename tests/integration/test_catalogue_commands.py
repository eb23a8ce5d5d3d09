"""`python -m clinic catalogue`: check, import and export."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pymongo.database import Database

from clinic.__main__ import main
from clinic.catalogue.schema.catalogue_schema import parse_catalogue
from clinic.catalogue.store import CatalogueStore
from clinic.catalogue.yaml_catalogue import to_yaml
from clinic.domain.catalogue import DEFAULT_CLINIC
from clinic.domain.clock import now
from tests.catalogues import WHOLE, with_item
from tests.conftest import CONFIG

Run = Callable[..., Result]


@pytest.fixture
def run(mongodb_uri: str) -> Run:
    def run(*arguments: Any, uri: str = mongodb_uri) -> Result:
        command = ["--config", str(CONFIG), "catalogue", *map(str, arguments)]
        return CliRunner(env={"MONGODB_URI": uri}).invoke(main, command)

    return run


def saved(tmp_path: Path, data: Any = WHOLE) -> Path:
    path = tmp_path / "clinic.yaml"
    path.write_text(to_yaml(data), encoding="utf-8")
    return path


@pytest.fixture
def store(database: Database[Any]) -> CatalogueStore:
    return CatalogueStore(database)


def test_a_valid_file_is_checked_without_a_database(tmp_path: Path) -> None:
    command = ["--config", "/no/such/file", "catalogue", "check", str(saved(tmp_path))]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "5 items, no problems" in result.output


def test_the_problems_of_a_file_are_listed_with_their_places(tmp_path: Path, run: Run) -> None:
    data = with_item("services", "visit", minutes=7, default=False)
    data["schedules"][0]["weight"] = 0
    path = saved(tmp_path, data)
    for command in ("check", "import"):
        result = run(command, path)
        assert result.exit_code == 1
        lines = result.output.splitlines()
        places = [
            line.removeprefix(f"{path}:").split(": ")[:2] for line in lines if f"{path}:" in line
        ]
        assert [name for _, name in places[:2]] == ["services[0].minutes", "schedules[0].weight"]
        number = int(places[0][0].split(":")[0])
        assert (
            path.read_text("utf-8").splitlines()[number - 1].lstrip(" -").startswith("minutes: 7")
        )
        assert lines[-1] == f"Error: {path}: problems: 2"


def test_a_file_may_come_from_standard_input(tmp_path: Path) -> None:
    text = saved(tmp_path).read_bytes()
    result = CliRunner().invoke(main, ["catalogue", "check", "-"], input=text)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("command", ["check", "import"])
def test_a_file_that_cannot_be_read_is_an_error_in_one_line(
    tmp_path: Path, run: Run, command: str
) -> None:
    result = run(command, tmp_path / "missing.yaml")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"Error: {tmp_path / 'missing.yaml'}: No such file or directory"
    ]


def test_an_import_shows_and_stores_what_changes(
    tmp_path: Path, run: Run, store: CatalogueStore
) -> None:
    first = run("import", saved(tmp_path))
    assert first.exit_code == 0, first.output
    assert first.output.splitlines()[-5:] == [
        "+ sites/centro",
        "services: 2 added, 0 changed, 0 removed",
        "schedules: 2 added, 0 changed, 0 removed",
        "sites: 1 added, 0 changed, 0 removed",
        "Imported: version 1",
    ]
    changed = with_item("schedules", "ana", name="Ana", services=["visit"])
    changed["services"] = changed["services"][:1]
    changed["schedules"][1]["services"] = ["visit"]
    second = run("import", saved(tmp_path, changed))
    assert second.output.splitlines()[1:4] == [
        "- services/review",
        "~ schedules/ana",
        "~ schedules/room-1",
    ]
    assert store.version(DEFAULT_CLINIC) == 2


def test_an_import_of_an_unchanged_file_changes_no_version(
    tmp_path: Path, run: Run, store: CatalogueStore
) -> None:
    path = saved(tmp_path)
    run("import", path)
    again = run("import", path)
    assert (again.exit_code, again.output.splitlines()[-1]) == (0, "No changes")
    assert store.version(DEFAULT_CLINIC) == 1


def test_a_dry_run_changes_nothing(tmp_path: Path, run: Run, store: CatalogueStore) -> None:
    result = run("import", saved(tmp_path), "--dry-run")
    assert result.exit_code == 0
    assert "+ services/visit" in result.output
    assert result.output.splitlines()[-1] == "Imported: (dry run, nothing was done)"
    assert store.export(DEFAULT_CLINIC) is None


def test_an_export_imports_to_the_same_catalogue(
    tmp_path: Path, run: Run, store: CatalogueStore
) -> None:
    run("import", saved(tmp_path))
    exported = tmp_path / "exported.yaml"
    assert run("export", exported).exit_code == 0
    assert run("import", exported).output.splitlines()[-1] == "No changes"
    assert run("export", "-").output == exported.read_text("utf-8")
    assert store.export(DEFAULT_CLINIC) == parse_catalogue(WHOLE).to_json()


def test_a_clinic_without_a_catalogue_has_nothing_to_export(tmp_path: Path, run: Run) -> None:
    result = run("export", tmp_path / "exported.yaml")
    assert (result.exit_code, result.output) == (1, "Error: the clinic has no catalogue\n")
    assert not (tmp_path / "exported.yaml").exists()


def test_clinics_have_their_own_catalogues(tmp_path: Path, run: Run, store: CatalogueStore) -> None:
    assert run("import", saved(tmp_path), "--clinic", "other").exit_code == 0
    assert (store.version("other"), store.version(DEFAULT_CLINIC)) == (1, 0)
    assert run("import", saved(tmp_path), "--clinic", "No Clinic").exit_code == 2


def test_an_item_with_upcoming_bookings_is_not_removed(
    tmp_path: Path, run: Run, database: Database[Any], store: CatalogueStore
) -> None:
    run("import", saved(tmp_path))
    booking = {"clinic": DEFAULT_CLINIC, "status": "confirmed", "date": now() + timedelta(days=1)}
    database["bookings"].insert_one(booking | {"service": "review"})
    changed = with_item("schedules", "ana", services=["visit"])
    changed["services"] = changed["services"][:1]
    changed["schedules"][1]["services"] = []
    for options in ([], ["--dry-run"]):
        result = run("import", saved(tmp_path, changed), *options)
        assert result.exit_code == 1
        message = "nothing was removed: upcoming bookings: services/review has 1"
        assert result.output.splitlines()[-1] == f"Error: {message}"
    assert store.version(DEFAULT_CLINIC) == 1


def test_an_unreachable_database_is_an_error_in_one_line(tmp_path: Path, run: Run) -> None:
    uri = "mongodb://127.0.0.1:1/clinic?serverSelectionTimeoutMS=50"
    result = run("import", saved(tmp_path), uri=uri)
    assert result.exit_code == 1
    (line,) = [each for each in result.output.splitlines() if "Error" in each]
    expected = "Error: the catalogue can't be read or written: 127.0.0.1:1: "
    assert line.startswith(expected)
    assert "Topology" not in line
