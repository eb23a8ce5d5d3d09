"""Which Python versions are supported is said in several files, and installing is safe in each."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PINS = [*ROOT.glob("requirements*.txt"), ROOT / "bench" / "requirements.txt"]
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())


def supported() -> list[str]:
    script = (ROOT / "scripts/environment").read_text()
    (versions,) = re.findall(r'^supported="(.*)"$', script, re.MULTILINE)
    found: list[str] = versions.split()
    return found


def test_all_files_name_the_same_python_versions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    first, last = supported()[0], supported()[-1]
    after_last = f"3.{int(last.partition('.')[2]) + 1}"
    assert project["project"]["requires-python"] == f">={first},<{after_last}"
    assert project["tool"]["ruff"]["target-version"] == f"py{first.replace('.', '')}"
    assert project["tool"]["mypy"]["python_version"] == first
    assert WORKFLOW["jobs"]["python"]["strategy"]["matrix"]["python"] == supported()
    assert f"--python-version {first} " in (ROOT / "Makefile").read_text()
    images = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {re.match(r"python:(\d+\.\d+)-", image)[1] for image in images} <= {*supported()}  # type: ignore[index]
    assert WORKFLOW["jobs"]["test"]["strategy"]["matrix"]["debian"] == ["bookworm", "trixie"]


@pytest.mark.parametrize("file", PINS, ids=lambda file: str(file.relative_to(ROOT)))
def test_each_pin_has_hashes_and_no_address_of_a_registry(file: Path) -> None:
    text = file.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert lines
    for line in lines:
        assert re.match(r"[a-z0-9-]+(\[[a-z,]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line
    assert "://" not in text


@pytest.mark.parametrize("file", ["scripts/environment", "Dockerfile"])
def test_packages_are_checked_by_hash_and_never_built(file: str) -> None:
    text = (ROOT / file).read_text()
    for command in re.findall(r"-m pip\b.*?(?:\n(?! )|$)", text.replace("\\\n", " ")):
        if " install " in command:
            assert "--require-hashes" in command
            assert "--only-binary :all:" in command
    assert "--require-hashes" in text


def test_actions_are_pinned_by_commit_and_keep_no_credentials() -> None:
    steps = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
    used = [step for step in steps if "uses" in step]
    assert used
    for step in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", step["uses"])
        if step["uses"].startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where commands are looked for: some programs, and no Python."""
    for name in ("bash", "cmp", "dirname", "realpath", "sha256sum"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    return tmp_path


def add_python(path: Path, name: str, version: str) -> None:
    """Put a program there that says it is Python of that version, and has no pip."""
    program = path / name
    program.write_text(f"#!{path}/bash\n[ $1 = -c ] && echo {version}\n")
    program.chmod(0o755)


def complaint(path: Path, **variables: str) -> str:
    """The line with which `scripts/environment` ends before it makes anything."""
    done = subprocess.run(
        [path / "bash", ROOT / "scripts/environment", ".venv-missing", "requirements.txt"],
        env={"PATH": str(path)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert not (ROOT / ".venv-missing").exists()
    (line,) = done.stderr.splitlines()
    return line


def test_a_machine_without_a_supported_python_is_told_which_are(path: Path) -> None:
    assert complaint(path).startswith("Python 3.11, 3.12 or 3.13 is needed, and none is on PATH")
    add_python(path, "python3", "3.14")
    assert complaint(path).startswith("Python 3.11, 3.12 or 3.13 is needed, and none is on PATH")


@pytest.mark.parametrize("version", ["3.10", "3.14", "4.0", "2.7"])
def test_a_python_that_is_named_and_not_supported_is_refused(path: Path, version: str) -> None:
    add_python(path, "other", version)
    add_python(path, "python3", "3.12")
    line = complaint(path, PYTHON="other")
    assert (
        line == f"Python 3.11, 3.12 or 3.13 is needed, and 'other' is {version}: set PYTHON to one"
    )
    assert "'gone' does not run" in complaint(path, PYTHON="gone")


def test_another_python_is_taken_where_the_first_one_is_not_supported(path: Path) -> None:
    add_python(path, "python3", "3.14")
    add_python(path, "python3.12", "3.12")
    assert complaint(path) == "pip is missing: install python3-pip"
