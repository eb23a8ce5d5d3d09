"""The stacks that are compared: how each is started, and where its work waits."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bench.slots import HORIZON_DAYS
from runner.processes.cpu_affinity import GATEWAY_PLACE
from runner.processes.server import Server
from runner.processes.services import services

HERE = Path(__file__).resolve().parent
OURS = "ours"
#: The queue in which accepted bookings wait; each stack chose the documented name.
REQUESTS = "booking_requests"


@dataclass(frozen=True, slots=True)
class Stack:
    """One API process, one worker process and one notifier."""

    api: Server
    worker: Server
    notifier: Server

    def server(self, role: str) -> Server:
        found: Server = getattr(self, role)
        return found


#: Makes a stack, given the API's port and where the broker and the database are.
Builder = Callable[[int, str, str], Stack]


def ours(port: int, amqp_uri: str, mongodb_uri: str) -> Stack:
    """The clinic as `make run` starts it, but without a simulated delay."""
    variables = {
        "AVAILABILITY_DELAY_SECONDS": "0",
        "AVAILABILITY_FAILURE_RATE": "0",
        "CLINIC_HORIZON_DAYS": str(HORIZON_DAYS),
        "SMTP_HOST": "",
        # All load comes from one client; the peers have no limits either.
        "RATE_LIMIT": "off",
        "MAX_OPEN_BOOKINGS": os.environ.get("MAX_OPEN_BOOKINGS", "off"),
        "MAX_EMAILS_PER_ADDRESS": os.environ.get("MAX_EMAILS_PER_ADDRESS", "off"),
    }
    api, worker, notifier = (
        replace(server, environment=server.environment | variables)
        for server in services("127.0.0.1", port, amqp_uri, mongodb_uri, GATEWAY_PLACE)
    )
    return Stack(api, worker, notifier)


def fastapi_faststream(port: int, amqp_uri: str, mongodb_uri: str) -> Stack:
    peer = _Peer("fastapi_faststream", amqp_uri, mongodb_uri)
    serve = ["uvicorn", "api:app", "--no-access-log", "--log-level", "warning"]
    return Stack(
        peer.server("api", *serve, "--port", str(port)),
        peer.server("worker", "faststream", "run", "worker:app"),
        peer.server("notifier", "faststream", "run", "notifier:app"),
    )


def flask_celery(port: int, amqp_uri: str, mongodb_uri: str) -> Stack:
    peer = _Peer("flask_celery", amqp_uri, mongodb_uri)
    serve = ["gunicorn", "--workers", "1", "--threads", "64", "--log-level", "warning"]
    work = ["celery", "-A", "tasks", "worker", "--pool", "threads", "--concurrency", "16"]
    return Stack(
        peer.server("api", *serve, "--bind", f"127.0.0.1:{port}", "api:app"),
        peer.server("worker", *work, "-Q", REQUESTS, "-n", "worker@%h"),
        peer.server("notifier", *work, "-Q", "emails", "-n", "notifier@%h"),
    )


STACKS: dict[str, Builder] = {
    OURS: ours,
    "fastapi_faststream": fastapi_faststream,
    "flask_celery": flask_celery,
}
TITLES = {
    OURS: "ours",
    "fastapi_faststream": "FastAPI + FastStream",
    "flask_celery": "Flask + Celery",
}


@dataclass(frozen=True, slots=True)
class _Peer:
    folder: str
    amqp_uri: str
    mongodb_uri: str

    def server(self, name: str, program: str, *arguments: str) -> Server:
        """A program of the peers' environment, run in the peer's folder."""
        command = [str(HERE / ".venv" / "bin" / program), *arguments]
        variables = {
            "AMQP_URI": self.amqp_uri,
            # The durability that ours has, so that like is compared with like.
            "MONGODB_URI": f"{self.mongodb_uri}?w=majority&journal=true",
            "PYTHONUNBUFFERED": "1",
        }
        return Server(name, command, variables, HERE / "peers" / self.folder)
