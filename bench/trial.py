"""One stack, on an empty broker and an empty database."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from amqp.exceptions import NotFound
from kombu import Connection
from pymongo import MongoClient
from pymongo.collection import Collection

from bench.backends import Backends, Corner, wait_until
from bench.slots import body
from bench.stacks import REQUESTS, STACKS
from runner.backends.ports import free_port
from runner.processes.managed_process import ManagedProcess, start

READY_SECONDS = 60
#: How long after the load the last message may reach the broker.
SETTLE_SECONDS = 120
_POSTERS = 16


class Trial:
    """Starts the roles of a stack: `api`, `worker`, `notifier`. Logs go to `directory`."""

    def __init__(self, stack: str, backends: Backends, corner: Corner, directory: Path) -> None:
        self.stack = stack
        self.backends = backends
        self.corner = corner
        self.amqp_uri, self.mongodb_uri = corner.amqp_uri, corner.mongodb_uri
        self.port = free_port()
        self.directory = directory
        self._servers = STACKS[stack](self.port, corner.amqp_uri, corner.mongodb_uri)
        self._client: MongoClient[dict[str, Any]] = MongoClient(corner.mongodb_uri, tz_aware=True)
        self.running: list[ManagedProcess] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def bookings(self) -> Collection[dict[str, Any]]:
        return self._client.get_default_database()["bookings"]

    def log(self, role: str) -> Path:
        return self.directory / f"{role}.log"

    def start(self, role: str, **environment: str) -> ManagedProcess:
        server = self._servers.server(role)
        server = replace(server, environment=server.environment | environment)
        running = start(server, self.log(role))
        self.running.append(running)
        return running

    def start_api(self, **environment: str) -> ManagedProcess:
        api = self.start("api", **environment)
        if not wait_until(self._is_ready, READY_SECONDS):
            raise RuntimeError(f"{self.stack}: the API did not start, see {self.directory}")
        return api

    def prefill(self, count: int, slots: int | None = None) -> None:
        """Have bookings accepted while no worker runs, wait for their messages, end the API."""
        api = self.start_api()
        shares = [range(i, count, _POSTERS) for i in range(_POSTERS)]
        with ThreadPoolExecutor(_POSTERS) as pool:
            list(pool.map(partial(self._post, slots), shares))
        self.settle(count)
        api.stop()

    def settle(self, count: int) -> bool:
        """Wait until so many messages are in the queue."""
        return wait_until(lambda: self.queued() >= count, SETTLE_SECONDS)

    def queued(self) -> int:
        with Connection(self.amqp_uri) as connection:
            try:
                declared = connection.default_channel.queue_declare(REQUESTS, passive=True)
            except NotFound:
                return 0
        count: int = declared.message_count
        return count

    def stop(self) -> None:
        for running in self.running:
            running.stop()
        self._client.close()

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _post(self, slots: int | None, numbers: range) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        for number in numbers:
            data = json.dumps(body(number, slots)).encode()
            connection.request("POST", "/book", data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 201:
                raise RuntimeError(f"{self.stack} answered {answer.status} to a booking")
        connection.close()


@contextmanager
def trial(
    stack: str, backends: Backends, directory: Path, has_own_database: bool = False
) -> Iterator[Trial]:
    directory.mkdir(parents=True, exist_ok=True)
    place = backends.corner_of_its_own(directory) if has_own_database else backends.corner()
    with place as corner:
        one = Trial(stack, backends, corner, directory)
        try:
            yield one
        finally:
            one.stop()
