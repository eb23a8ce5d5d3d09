"""A private RabbitMQ node that uses the files of the Debian package."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from pathlib import Path

from amqp.exceptions import AMQPError
from kombu.connection import Connection
from kombu.exceptions import OperationalError

from clinic.messaging.connection import connect_once
from runner.backends.ports import remembered_port
from runner.processes.server import Server
from runner.startup_error import StartupError

# Not the wrappers on PATH: those switch to the package's own user, which requires root.
PROGRAMS = Path("/usr/lib/rabbitmq/bin")

# The default memory and disk limits assume a dedicated server.
CONFIGURATION = """\
disk_free_limit.absolute = 50MB
raft.wal_max_size_bytes = 33554432
log.console = false
"""


class RabbitNode:
    """A node with its data, its name, and its ports while they are free, in one directory.

    It has its own `epmd`: one started by Erlang would detach and outlive the node.
    """

    host = "127.0.0.1"
    #: The user created by the configuration, in URI form.
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
        """The broker itself; it requires a running `epmd`."""
        command = self._command([str(PROGRAMS / "rabbitmq-server")])
        return Server("rabbitmq", command, self._environment(), self.directory)

    @property
    def servers(self) -> list[Server]:
        """The servers to run, in start order."""
        return [self.epmd, self.server]

    def is_ready(self) -> bool:
        """Return whether a client can log in, which is later than when the port opens."""
        try:
            connect(self.uri, timeout_seconds=2)
        except (OSError, AMQPError, OperationalError):
            return False
        return True

    def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` against this node and return its output."""
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
        """Return the ports for AMQP, for Erlang's distribution and for epmd."""
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
        """Return the command line of a program; subclasses may run it elsewhere."""
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
            # Don't use the settings of the machine's own broker.
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.directory / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(self.directory / "rabbitmq-env.conf"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2",
            # Makes the start script exec the broker. As its parent, the script would receive
            # SIGKILL and leave the broker running.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _write_configuration(self) -> None:
        (self.directory / "rabbitmq.conf").write_text(self._configuration())
        (self.directory / "enabled_plugins").write_text("[].\n")
        cookie = self.directory / "home" / ".erlang.cookie"
        _kept(cookie, self._cookie())
        cookie.chmod(0o400)


def connect(uri: str, timeout_seconds: float) -> None:
    """Log in to one of the broker nodes and disconnect. Raises: the error of the last node."""
    with Connection(uri, connect_timeout=timeout_seconds) as connection:
        connect_once(connection)


def require_programs() -> None:
    """Raises: StartupError, which says what to install."""
    if not (PROGRAMS / "rabbitmq-server").exists() or shutil.which("epmd") is None:
        raise StartupError("RabbitMQ is missing: install rabbitmq-server, or set AMQP_URI")


def _kept(file: Path, first_value: str) -> str:
    if not file.exists():
        file.write_text(first_value)
    return file.read_text()
