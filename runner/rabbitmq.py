"""A private RabbitMQ node, made of the files of the Debian package."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from pathlib import Path

from amqp.exceptions import AMQPError
from kombu.connection import Connection
from kombu.exceptions import OperationalError

from clinic.messaging.connection import connect_once
from runner.ports import remembered_port
from runner.server import Server
from runner.startup_error import StartupError

# Not the wrappers on PATH: those switch to the package's own user, and need root for it.
PROGRAMS = Path("/usr/lib/rabbitmq/bin")

# What the node keeps in memory and on disk is meant for a server of its own by default.
CONFIGURATION = """\
disk_free_limit.absolute = 50MB
raft.wal_max_size_bytes = 33554432
log.console = false
"""


class RabbitNode:
    """A node whose data, name and (while they are free) ports live in one directory.

    It has an `epmd` of its own: the one Erlang would start by itself detaches and outlives it.
    """

    host = "127.0.0.1"
    #: The user whom the configuration makes, as it stands in a URI.
    credentials = "guest:guest"
    erlang_flags = "-start_epmd false"

    def __init__(self, directory: Path) -> None:
        directory = directory.resolve()
        for folder in ("data", "home", "logs"):
            (directory / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory
        self.port, self._distribution_port, self._epmd_port = self._ports()
        self.name = self._name()
        self._write_configuration()

    @property
    def uri(self) -> str:
        return f"amqp://{self.credentials}@{self.host}:{self.port}/"

    @property
    def epmd(self) -> Server:
        command = ["epmd", "-port", str(self._epmd_port), "-address", self.host]
        return Server("epmd", self._command(command), {}, self.directory)

    @property
    def server(self) -> Server:
        """The broker itself; it needs `epmd` to be running."""
        command = self._command([str(PROGRAMS / "rabbitmq-server")])
        return Server("rabbitmq", command, self._environment(), self.directory)

    @property
    def servers(self) -> list[Server]:
        """All that has to run, in the order to start it."""
        return [self.epmd, self.server]

    def is_ready(self) -> bool:
        """Whether a client can log in now, which is later than when the port opens."""
        try:
            connect(self.uri, timeout_seconds=2)
        except (OSError, AMQPError, OperationalError):
            return False
        return True

    def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` against this node and return what it printed."""
        command = self._command([str(PROGRAMS / "rabbitmqctl"), "--quiet", *arguments])
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        return subprocess.run(
            command,
            env=environment | self._environment(),
            cwd=self.directory,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    def _ports(self) -> tuple[int, int, int]:
        """For AMQP, for Erlang's distribution and for epmd."""
        amqp, distribution, epmd = (
            remembered_port(self.directory / f"{name}.port")
            for name in ("amqp", "distribution", "epmd")
        )
        return amqp, distribution, epmd

    def _name(self) -> str:
        # The data directory is named after the node, so a new name would be an empty broker.
        token = _kept(self.directory / "node.name", secrets.token_hex(4))
        return f"clinic-{token}@localhost"

    def _command(self, command: list[str]) -> list[str]:
        """How a program of this node is started; a node may live elsewhere than we do."""
        return command

    def _configuration(self) -> str:
        return CONFIGURATION

    def _cookie(self) -> str:
        return secrets.token_hex(20)

    def _environment(self) -> dict[str, str]:
        interface = f"{{{self.host.replace('.', ',')}}}"
        return {
            "HOME": str(self.directory / "home"),
            "ERL_EPMD_ADDRESS": self.host,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_ZFLAGS": f"{self.erlang_flags} -kernel inet_dist_use_interface {interface}",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_NODE_IP_ADDRESS": self.host,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self.directory / "data"),
            "RABBITMQ_LOG_BASE": str(self.directory / "logs"),
            "RABBITMQ_CONFIG_FILE": str(self.directory / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.directory / "enabled_plugins"),
            # Settings of the machine's own broker are not ours.
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.directory / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(self.directory / "rabbitmq-env.conf"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2",
            # The start script then becomes the broker instead of waiting for it as its parent,
            # where a SIGKILL would hit the script and leave the broker running.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _write_configuration(self) -> None:
        (self.directory / "rabbitmq.conf").write_text(self._configuration())
        (self.directory / "enabled_plugins").write_text("[].\n")
        cookie = self.directory / "home" / ".erlang.cookie"
        _kept(cookie, self._cookie())
        cookie.chmod(0o400)


def connect(uri: str, timeout_seconds: float) -> None:
    """Log in to one of the brokers and out again; raises what stood in the way of the last one."""
    with Connection(uri, connect_timeout=timeout_seconds) as connection:
        connect_once(connection)


def require_programs() -> None:
    """Raises the line that tells what to install."""
    if not (PROGRAMS / "rabbitmq-server").exists() or shutil.which("epmd") is None:
        raise StartupError("RabbitMQ is missing: install rabbitmq-server, or set AMQP_URI")


def _kept(file: Path, first_value: str) -> str:
    if not file.exists():
        file.write_text(first_value)
    return file.read_text()
