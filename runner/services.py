"""The three services of the clinic, as programs to run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from runner.server import Server

ROOT = Path(__file__).resolve().parent.parent


def services(host: str, port: int, amqp_uri: str, mongodb_uri: str) -> list[Server]:
    """The gateway listens on that address; the other two are reached through the broker alone."""
    environment = {
        "AMQP_URI": amqp_uri,
        "MONGODB_URI": mongodb_uri,
        # eventlet's own resolver ignores much of what the system's resolver honours.
        "EVENTLET_NO_GREENDNS": "yes",
        "PYTHONUNBUFFERED": "1",
        # That nameko imports pkg_resources and eventlet is no news to whoever runs this.
        "PYTHONWARNINGS": "ignore:pkg_resources,ignore::Warning:nameko.cli.commands",
    }
    commands = {
        "gateway": _gateway(host, port),
        "booking_service": _nameko("booking_service.service"),
        "notification_service": _nameko("notification_service.service"),
    }
    return [Server(name, command, environment, ROOT) for name, command in commands.items()]


def _gateway(host: str, port: int) -> list[str]:
    address = ["--host", host, "--port", str(port)]
    # At a higher level granian says where it listens, as we do, and doubts the number of threads.
    serving = ["--interface", "wsgi", "--no-ws", "--blocking-threads", "128"]
    return [_program("granian"), *serving, "--log-level", "error", *address, "gateway.wsgi:app"]


def _nameko(module: str) -> list[str]:
    # The gateway reads the same variable by itself.
    config = os.environ.get("CLINIC_CONFIG") or "config.yaml"
    return [_program("nameko"), "run", module, "--config", config]


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))
