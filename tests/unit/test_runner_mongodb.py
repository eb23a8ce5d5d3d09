from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.backends.mongodb import MongoServer


@pytest.fixture
def mongod(tmp_path, monkeypatch) -> Path:
    program = tmp_path / "bin" / "mongod"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return program


@pytest.fixture
def no_mongod(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))


def test_mongod_is_used_when_the_machine_has_it(mongod, tmp_path):
    server = MongoServer(tmp_path / "data")

    assert server.server.command == [
        *(str(mongod), "--dbpath", str(tmp_path / "data" / "mongod")),
        *("--bind_ip", "127.0.0.1", "--port", str(server.port)),
    ]


@pytest.mark.usefixtures("no_mongod")
def test_secantus_stands_in_when_there_is_no_mongod(tmp_path):
    server = MongoServer(tmp_path / "data")
    command = server.server.command

    assert Path(command[0]).name == "secantusd-py"
    assert command[command.index("--port") + 1] == str(server.port)
    assert command[command.index("--host") + 1] == "127.0.0.1"


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one CPU")
def test_secantus_has_a_place_among_the_cpus_and_mongod_needs_none(mongod, tmp_path):
    taskset = mongod.parent / "taskset"
    taskset.touch(mode=0o755)
    assert str(taskset) not in MongoServer(tmp_path / "data", 0).server.command
    mongod.unlink()
    assert MongoServer(tmp_path / "data", 0).server.command[0] == str(taskset)
    assert str(taskset) not in MongoServer(tmp_path / "data").server.command


def test_neither_server_is_given_the_files_of_the_other(mongod, tmp_path):
    with_mongod = MongoServer(tmp_path / "data").server.command
    mongod.unlink()
    without = MongoServer(tmp_path / "data").server.command

    assert with_mongod[with_mongod.index("--dbpath") + 1] not in without


def test_the_port_stays_the_same_from_run_to_run(tmp_path):
    assert MongoServer(tmp_path).uri == MongoServer(tmp_path).uri


def test_a_server_that_does_not_run_is_not_ready(tmp_path):
    assert not MongoServer(tmp_path).is_ready()
