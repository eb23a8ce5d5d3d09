from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from supervisor.options import ProcessConfig, ServerOptions

from runner.processes.server import Server
from runner.processes.services import services
from runner.processes.supervision import Supervision, configuration

AWKWARD = '100%2F %(here)s "quoted" it\'s ; no comment # this neither, x=y $HOME {brace}'


def parsed(tmp_path: Path, text: str) -> dict[str, ProcessConfig]:
    """What supervisor itself reads there."""
    (tmp_path / "logs").mkdir(exist_ok=True)
    file = tmp_path / "supervisord.conf"
    file.write_text(text)
    options = ServerOptions()
    options.realize(args=["-c", str(file)], doc="")
    groups = sorted(options.process_group_configs)
    return {config.name: config for group in groups for config in group.process_configs}


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(backend: Server, service: Server, **environment: str) -> dict[str, ProcessConfig]:
        text = configuration([backend], [service], tmp_path / "socket", environment)
        return parsed(tmp_path, text)

    return read


def server(name: str, *command: str, **environment: str) -> Server:
    return Server(name, list(command), environment, Path("/"))


def test_supervisor_reads_back_every_command_and_value_as_it_was(read):
    programs = read(server("backend", "run", AWKWARD, KEY=AWKWARD), server("service", "serve"))

    command = shlex.split(programs["backend"].command)

    assert command == ["env", "--chdir=/", f"KEY={AWKWARD}", "run", AWKWARD]


def test_whatever_ends_is_started_again_and_never_given_up(read):
    for program in read(server("backend", "b"), server("service", "s")).values():
        assert program.autorestart
        assert program.startretries > 100_000
        assert program.stopasgroup
        assert program.killasgroup


def test_services_wait_to_be_asked_for_and_stop_before_the_backends(read):
    programs = read(server("backend", "b"), server("service", "s"))

    assert list(programs) == ["backend", "service"]
    assert programs["backend"].autostart
    assert not programs["service"].autostart


def test_a_value_that_is_in_our_environment_already_is_not_written_down(tmp_path):
    service = server("service", "s", AMQP_URI="amqp://user:secret@host", OURS="new")
    environment = {"AMQP_URI": "amqp://user:secret@host", "OURS": "old"}

    text = configuration([], [service], tmp_path / "socket", environment)

    assert "secret" not in text
    assert "OURS=new" in text


def test_only_its_owner_reads_the_configuration(tmp_path):
    Supervision(tmp_path, [server("backend", "b")], [server("service", "s")])

    assert (tmp_path / "supervisord.conf").stat().st_mode & 0o777 == 0o600


def test_a_socket_has_a_short_path_however_deep_the_directory(tmp_path):
    directory = tmp_path / ("d" * 100)
    directory.mkdir()

    Supervision(directory, [], [server("service", "s")])

    lines = (directory / "supervisord.conf").read_text().splitlines()
    socket = next(line.removeprefix("file=") for line in lines if line.startswith("file="))
    assert len(socket) < 95
    Path(socket).parent.rmdir()


def test_the_services_know_where_broker_and_database_are():
    gateway, *others = services("127.0.0.1", 8080, "amqp://broker", "mongodb://database")

    assert gateway.command[gateway.command.index("--port") + 1] == "8080"
    assert [other.name for other in others] == ["booking_service", "notification_service"]
    for service in (gateway, *others):
        assert service.environment["AMQP_URI"] == "amqp://broker"
        assert service.environment["MONGODB_URI"] == "mongodb://database"
