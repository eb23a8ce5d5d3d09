"""The commands of the three services."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from runner.processes.cpu_affinity import pinned
from runner.processes.server import Server

ROOT = Path(__file__).resolve().parents[2]


def services(
    host: str, port: int, amqp_uri: str, mongodb_uri: str, gateway_place: int | None = None
) -> list[Server]:
    """Return the servers of the three services. The gateway listens on `host` and `port`;
    `gateway_place` pins it to a CPU. The others are single-threaded and only use the broker."""
    environment = {
        "AMQP_URI": amqp_uri,
        "MONGODB_URI": mongodb_uri,
        # Empty, because setting both forms of a variable is an error.
        "AMQP_URI_FILE": "",
        "MONGODB_URI_FILE": "",
        # eventlet's own resolver ignores parts of the system's resolver configuration.
        "EVENTLET_NO_GREENDNS": "yes",
        "PYTHONUNBUFFERED": "1",
        # Users can't act on nameko's imports of pkg_resources and eventlet.
        "PYTHONWARNINGS": "ignore:pkg_resources,ignore::Warning:nameko.cli.commands",
    }
    commands = {
        "gateway": _gateway(host, port),
        "booking_service": _nameko("booking_service.service"),
        "notification_service": _nameko("notification_service.service"),
    }
    servers = {name: Server(name, argv, environment, ROOT) for name, argv in commands.items()}
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
