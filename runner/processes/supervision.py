"""supervisord, which restarts servers that end unexpectedly."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from runner.processes.managed_process import (
    STOP_SECONDS,
    adopt_orphans,
    descendants,
    die_with_parent,
    end,
    orphans,
)
from runner.processes.server import Server

HEAD = """\
[supervisord]
nodaemon=true
logfile=logs/supervisord.log
loglevel=warn
pidfile=supervisord.pid
{user}

[unix_http_server]
file={socket}
chmod=0700
username=runner
password={password}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{socket}
username=runner
password={password}

[group:backends]
programs={backends}
priority=1

[group:services]
programs={services}
priority=2
"""

PROGRAM = """
[program:{name}]
command={command}
priority={priority}
autostart={autostart}
autorestart=true
startretries=1000000
stopsignal=TERM
stopwaitsecs={stop_seconds:.0f}
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes={log_bytes}
stdout_logfile_backups=1
"""


class Supervision:
    """Starts the backends first, the services on request, and stops the services first."""

    def __init__(self, directory: Path, backends: list[Server], services: list[Server]) -> None:
        (directory / "logs").mkdir(exist_ok=True)
        self._directory = directory
        self._configuration = directory / "supervisord.conf"
        self._configuration.touch(mode=0o600)
        self._socket = _socket(directory)
        text = configuration(backends, services, self._socket, os.environ)
        self._configuration.write_text(text)

    def start(self, lock: IO[str]) -> None:
        """Start the backends. The lock is held until supervisord has ended too."""
        adopt_orphans()
        self._process = subprocess.Popen(
            [_program("supervisord"), "-c", str(self._configuration)],
            cwd=self._directory,
            # supervisord does not read stdin, and closes all files but the standard ones.
            stdin=lock,
            stdout=subprocess.PIPE,
            # Only the runner receives Ctrl-C; it then stops everything in order.
            start_new_session=True,
            # Safe, because no other thread runs yet.
            preexec_fn=die_with_parent,
        )
        self._output_thread = threading.Thread(target=self._relay, daemon=True)
        self._output_thread.start()

    def start_services(self) -> None:
        """Return once each service has been started; supervisord retries failed ones."""
        subprocess.run(
            [_program("supervisorctl"), "-c", str(self._configuration), "start", "services:*"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            check=False,
        )

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def sweep(self) -> None:
        """End the orphans of a crashed program before it is restarted."""
        end(orphans(self._process.pid), deadline_seconds=1)

    def stop(self) -> None:
        """Stop all processes, the services first."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(4 * STOP_SECONDS)
        end(descendants(), deadline_seconds=10)
        self._process.wait()
        self._output_thread.join(timeout=1)
        if self._socket.parent != self._directory:
            shutil.rmtree(self._socket.parent, ignore_errors=True)

    def _relay(self) -> None:
        """Copy supervisord's output: it may lack the permission to reopen ours."""
        for line in self._process.stdout or ():
            with contextlib.suppress(OSError):
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()


def configuration(
    backends: list[Server], services: list[Server], socket: Path, environment: Mapping[str, str]
) -> str:
    """Return the text of supervisord.conf, for a supervisord with this environment.

    Variables that a server shares with it are omitted, so a password in the environment stays out
    of the file.
    """
    head = HEAD.format(
        user="user=root" if os.geteuid() == 0 else "",
        socket=socket,
        # The socket's mode protects it, but supervisord warns without a password.
        password=secrets.token_hex(),
        backends=",".join(backend.name for backend in backends),
        services=",".join(service.name for service in services),
    )
    backend_sections = [
        _program_section(backend, environment, priority, autostart="true")
        | {"log": f"logs/{backend.name}.log", "log_bytes": "10MB"}
        for priority, backend in enumerate(backends)
    ]
    service_sections = [
        _program_section(service, environment, priority, autostart="false")
        | {"log": "/dev/fd/1", "log_bytes": "0"}
        for priority, service in enumerate(services)
    ]
    sections = backend_sections + service_sections
    return head + "".join(PROGRAM.format(**section) for section in sections)


def _program_section(
    server: Server, environment: Mapping[str, str], priority: int, autostart: str
) -> dict[str, object]:
    return {
        "name": server.name,
        "command": _command_line(server, environment),
        "priority": priority,
        "autostart": autostart,
        "stop_seconds": STOP_SECONDS,
    }


def _command_line(server: Server, environment: Mapping[str, str]) -> str:
    """Return the command with `env`: supervisord's `environment=` does not support all values."""
    new = [f"{k}={v}" for k, v in server.environment.items() if environment.get(k) != v]
    line = shlex.join(["env", f"--chdir={server.directory}", *new, *server.command])
    # supervisord expands a percent sign, and treats a semicolon or hash after a blank as a
    # comment. Both are inside single quotes here, so quotes can be inserted between them.
    return re.sub(r"\s(?=[;#])", r"\g<0>''", line.replace("%", "%%"))


def _socket(directory: Path) -> Path:
    path = directory / "supervisor.sock"
    # The system's limit is 107 characters, and supervisord first appends its process id.
    if re.fullmatch(r"[\w./-]{1,95}", str(path), re.ASCII):
        return path
    return Path(tempfile.mkdtemp(prefix="clinic-")) / "supervisor.sock"


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))
