from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from runner.staff_key import staff_key


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_key_is_generated_once_and_found_again(tmp_path: Path) -> None:
    first = staff_key(tmp_path)
    assert len(first) == 64
    assert staff_key(tmp_path) == first


def test_each_directory_has_a_key_of_its_own(tmp_path: Path) -> None:
    keys = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        keys.add(staff_key(tmp_path / name))
    assert len(keys) == 2


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_only_its_owner_can_read_it(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        staff_key(tmp_path)
    finally:
        os.umask(before)
    assert mode(tmp_path / "staff-key") == 0o600


def test_a_file_that_others_could_read_is_closed(tmp_path: Path) -> None:
    key = staff_key(tmp_path)
    (tmp_path / "staff-key").chmod(0o644)
    assert staff_key(tmp_path) == key
    assert mode(tmp_path / "staff-key") == 0o600


@pytest.mark.parametrize("content", [b"", b"abc\n", b"\xff" * 64, b"A" * 64, b"0" * 63 + b"\n"])
def test_what_is_no_key_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "staff-key").write_bytes(content)
    key = staff_key(tmp_path)
    assert len(key) == 64
    assert (tmp_path / "staff-key").read_text() == f"{key}\n"


def test_a_run_that_was_killed_while_writing_leaves_no_half_key(tmp_path: Path) -> None:
    """The process dies just before the finished file gets its name."""
    script = (
        "import os, signal, pathlib, sys\n"
        "from runner.staff_key import staff_key\n"
        "pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "staff_key(pathlib.Path(sys.argv[1]))\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [file.name for file in tmp_path.iterdir()] == ["staff-key.new"]
    key = staff_key(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["staff-key"]
    assert staff_key(tmp_path) == key
