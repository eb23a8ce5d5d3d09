"""The services as separate processes, accessed over HTTP and AMQP only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import requests

from runner.backends.ports import free_port
from runner.processes.managed_process import ManagedProcess, start
from runner.processes.services import services
from tests.conftest import eventually

EXAMPLE = {
    "patientName": "Juan Pérez",
    "patientEmail": "juan@example.com",
    "date": "2023-12-01T10:00:00Z",
}


class Stack:
    """`environment` is set for every service; each start of a service writes a separate log."""

    def __init__(
        self, amqp_uri: str, mongodb_uri: str, directory: Path, **environment: str
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._servers = {
            server.name: server
            for server in services("127.0.0.1", self.port, amqp_uri, mongodb_uri)
        }
        self._environment = environment
        self._directory = directory
        self._running: list[ManagedProcess] = []

    def start(self, name: str, **environment: str) -> ManagedProcess:
        server = self._servers[name]
        variables = server.environment | self._environment | environment
        log = self._directory / f"{name}.{len(self._running)}.log"
        running = start(replace(server, environment=variables), log)
        self._running.append(running)
        return running

    def start_all(self, **environment: str) -> None:
        for name in self._servers:
            self.start(name, **environment)
        eventually(self.is_ready)

    def stop(self) -> None:
        for running in self._running:
            running.stop()

    def logs(self, name: str = "") -> str:
        files = sorted(self._directory.glob(f"{name}*.log"))
        return "\n".join(file.read_text() for file in files)

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/health/ready", timeout=10).ok
        except requests.ConnectionError:
            return False

    def post(self, **fields: Any) -> requests.Response:
        return requests.post(f"{self.url}/book", json=EXAMPLE | fields, timeout=30)

    def book(self, **fields: Any) -> str:
        """Book and return the id."""
        response = self.post(**fields)
        assert response.status_code == 201, response.text
        booking_id: str = response.json()["booking"]["id"]
        return booking_id

    def get(self, booking_id: str) -> dict[str, Any]:
        response = requests.get(f"{self.url}/booking/{booking_id}", timeout=30)
        assert response.status_code == 200, response.text
        booking: dict[str, Any] = response.json()
        return booking

    def decided(self, booking_id: str) -> dict[str, Any]:
        """Wait for the decision and return the booking."""

        def booking() -> dict[str, Any] | None:
            current = self.get(booking_id)
            return current if current["status"] != "pending" else None

        found: dict[str, Any] = eventually(booking)
        return found
