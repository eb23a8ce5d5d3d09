from __future__ import annotations

import os
import subprocess
import sys

import pytest

from runner.processes.lock import lock
from runner.startup_error import StartupError


def test_a_directory_in_use_is_refused_and_the_user_learns_by_whom(tmp_path):
    with lock(tmp_path), pytest.raises(StartupError, match=f"started as process {os.getpid()}$"):
        lock(tmp_path)


def test_a_directory_is_free_again_when_its_run_has_ended(tmp_path):
    lock(tmp_path).close()

    with lock(tmp_path) as claim:
        assert not claim.closed


def test_a_process_that_inherits_the_lock_keeps_it(tmp_path):
    with lock(tmp_path) as claim:
        sleeper = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(60)"], stdin=claim
        )
    try:
        with pytest.raises(StartupError):
            lock(tmp_path)
    finally:
        sleeper.kill()
        sleeper.wait()

    lock(tmp_path).close()


def test_only_its_owner_may_look_into_a_new_directory(tmp_path):
    lock(tmp_path / "new").close()

    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
