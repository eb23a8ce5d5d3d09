from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from runner.processes.managed_process import ManagedProcess, start
from runner.processes.server import Server

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


@pytest.fixture
def run(tmp_path):
    started: list[ManagedProcess] = []

    def run(code: str, **environment: str) -> tuple[ManagedProcess, Path]:
        log = tmp_path / f"{len(started)}.log"
        command = [sys.executable, "-c", code]
        started.append(start(Server("test", command, environment, tmp_path), log))
        return started[-1], log

    yield run
    for running in started:
        running.kill()


def first_line(log: Path) -> str:
    deadline = time.monotonic() + 30
    while not log.read_text().endswith("\n"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return log.read_text().splitlines()[0]


def test_a_server_gets_its_variables_on_top_of_ours_and_its_directory(run, monkeypatch, tmp_path):
    monkeypatch.setenv("OURS", "1")
    code = "import os; print(os.environ['OURS'], os.environ['ITS'], os.getcwd())"

    _, log = run(code, ITS="2")

    assert first_line(log) == f"1 2 {tmp_path}"


def test_a_kill_takes_what_the_server_spawned_with_it(run):
    running, log = run(PARENT)
    grandchild = psutil.Process(int(first_line(log)))

    assert running.kill() == -signal.SIGKILL

    deadline = time.monotonic() + 10
    while grandchild.is_running() and grandchild.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_server_that_heeds_sigterm_is_not_killed(run):
    running, _ = run("import time; time.sleep(60)")

    assert running.is_alive()
    assert running.stop() == -signal.SIGTERM
    assert not running.is_alive()


def test_a_server_deaf_to_sigterm_is_killed_after_the_deadline(run):
    running, log = run(STUBBORN)
    first_line(log)

    assert running.stop(deadline_seconds=0.2) == -signal.SIGKILL
