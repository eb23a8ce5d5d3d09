from __future__ import annotations

import os
import sys

import pytest

from runner.processes.cpu_affinity import DATABASE_PLACE, GATEWAY_PLACE, pinned
from runner.processes.managed_process import start
from runner.processes.server import Server

#: What a thread that is started later may use, besides.
TELL = """
import os, threading
def tell():
    print(sorted(os.sched_getaffinity(0)), flush=True)
tell()
thread = threading.Thread(target=tell)
thread.start()
thread.join()
"""

CPUS = sorted(os.sched_getaffinity(0))

several = pytest.mark.skipif(len(CPUS) < 2, reason="there is one CPU")


def affinities(server: Server, tmp_path) -> list[str]:
    log = tmp_path / "log"
    assert start(server, log)._process.wait(30) == 0
    return log.read_text().splitlines()


@pytest.fixture
def server(tmp_path) -> Server:
    return Server("test", [sys.executable, "-c", TELL], {"ITS": "1"}, tmp_path)


@several
@pytest.mark.parametrize("place", [0, 1, -1, len(CPUS)])
def test_a_pinned_server_has_one_cpu_for_all_its_threads(server, tmp_path, place):
    assert affinities(pinned(server, place), tmp_path) == [str([CPUS[place % len(CPUS)]])] * 2


@several
def test_database_and_gateway_have_each_their_own():
    assert DATABASE_PLACE % len(CPUS) != GATEWAY_PLACE % len(CPUS)


def test_a_pinned_server_is_the_same_in_all_else(server):
    started = pinned(server, 0)
    assert started.command[-3:] == server.command
    assert (started.name, started.environment, started.directory) == (
        "test",
        {"ITS": "1"},
        server.directory,
    )


def test_with_one_cpu_nothing_is_pinned(server, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert pinned(server, 0) == server


def test_without_the_program_nothing_is_pinned(server, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pinned(server, 0) == server
