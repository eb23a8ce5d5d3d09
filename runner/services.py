"""The three services of the clinic, as programs to run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from runner.cpu_affinity import pinned
from runner.server import Server

ROOT = Path(__file__).resolve().parent.parent


def services(
    host: str, port: int, amqp_uri: str, mongodb_uri: str, gateway_place: int | None = None
) -> list[Server]:
    """The gateway listens on that address, and has its place among the CPUs; the other two are
    reached through the broker alone, and have one thread each."""
    environment = {
        "AMQP_URI": amqp_uri,
        "MONGODB_URI": mongodb_uri,
        # Ours come from there, and both would be one too many.
        "AMQP_URI_FILE": "",
        "MONGODB_URI_FILE": "",
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
    servers = {name: Server(name, each, environment, ROOT) for name, each in commands.items()}
    if gateway_place is not None:
        servers["gateway"] = pinned(servers["gateway"], gateway_place)
    return list(servers.values())


def _gateway(host: str, port: int) -> list[str]:
    address = ["--host", host, "--port", str(port)]
    return [sys.executable, "-m", "gateway", *address, "gateway.asgi:app"]


def _nameko(module: str) -> list[str]:
    # The gateway reads the same variable by itself.
    config = os.environ.get("CLINIC_CONFIG") or "config.yaml"
    return [_program("nameko"), "run", module, "--config", config]


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))
