"""A separate Compose project with the deployment of docker-compose.yml."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import requests

from runner.backends.ports import free_port
from runner.processes.services import ROOT
from tests.conftest import UNLIMITED, eventually
from tests.e2e.stack import EXAMPLE

#: Limit for an image pull, a build or the first start of the broker on a slow machine.
PATIENCE_SECONDS = 300


class Project:
    """Runs the available Compose command; `environment` replaces .env."""

    def __init__(self, name: str, **environment: str) -> None:
        self._command = (
            ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
        )
        self._command += ["--project-name", name]
        self.gateway, self._mailpit, self.https, self.http = (
            ("127.0.0.1", free_port()) for _ in range(4)
        )
        addresses = {
            "GATEWAY_ADDRESS": self.gateway,
            "MAILPIT_ADDRESS": self._mailpit,
            "HTTPS_ADDRESS": self.https,
            "HTTP_ADDRESS": self.http,
        }
        variables = {name: "{}:{}".format(*address) for name, address in addresses.items()}
        self._environment = os.environ | variables | UNLIMITED | environment

    @classmethod
    @contextmanager
    def started(cls, name: str, **environment: str) -> Iterator[Self]:
        """Start a project and remove it completely afterwards."""
        project = cls(name, **environment)
        try:
            project.up("--build")
            yield project
        finally:
            project.run("--profile", "tls", "down", "--volumes", "--remove-orphans")

    def run(self, *arguments: str) -> str:
        """Run a Compose command and return its output."""
        done = subprocess.run(
            [*self._command, *arguments],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def up(self, *arguments: str) -> None:
        self.run("up", "-d", *arguments)
        try:
            eventually(self.is_ready, PATIENCE_SECONDS)
        except AssertionError:
            raise AssertionError(self.run("logs", "--no-color", "--tail", "40")) from None

    def containers(self, service: str = "") -> list[str]:
        return self.run("ps", "-q", *[service] if service else []).split()

    def is_ready(self) -> bool:
        try:
            return self.request("GET", "/health/ready").status_code == 200
        except requests.RequestException:
            return False

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, f"{self._url(self.gateway)}{path}", timeout=30, **options)

    def _url(self, address: tuple[str, int]) -> str:
        return "http://{}:{}".format(*address)

    def book(self, **fields: str) -> str:
        response = self.request("POST", "/book", json=EXAMPLE | fields)
        assert response.status_code == 201, response.text
        booking_id: str = response.json()["booking"]["id"]
        return booking_id

    def decided(self, booking_id: str) -> dict[str, Any]:
        def booking() -> dict[str, Any] | None:
            current = self.request("GET", f"/booking/{booking_id}").json()
            return current if current["status"] != "pending" else None

        found: dict[str, Any] = eventually(booking, PATIENCE_SECONDS)
        return found

    def sent_message_ids(self) -> list[str]:
        """The Message-IDs of all e-mails received by Mailpit."""
        response = requests.get(
            f"{self._url(self._mailpit)}/api/v1/messages?limit=1000", timeout=30
        )
        return [message["MessageID"] for message in response.json()["messages"]]


def inspect(container: str, template: str) -> str:
    """Inspect a container with a template of Docker."""
    command = ["docker", "inspect", "--format", template, container]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
