"""One broker and one database for a whole run, and an empty corner of both for each trial."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from runner.backends.mongodb import MongoServer
from runner.backends.rabbitmq import RabbitNode, require_programs
from runner.processes.cpu_affinity import DATABASE_PLACE
from runner.processes.managed_process import ManagedProcess, start
from runner.processes.server import Server

START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Corner:
    """A virtual host and a database that nobody has used before."""

    amqp_uri: str
    mongodb_uri: str
    database_pid: int


class Backends:
    """Started on entering `running`, stopped on leaving it."""

    def __init__(self, directory: Path) -> None:
        require_programs()
        for folder in ("rabbitmq", "mongodb"):
            (directory / folder).mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._node = RabbitNode(directory / "rabbitmq")
        self._mongo = MongoServer(directory / "mongodb", DATABASE_PLACE)
        self._running: dict[str, ManagedProcess] = {}
        self._numbers = count(1)

    @property
    def pids(self) -> dict[str, int]:
        """The processes by what they are: `broker` and `database`."""
        names = {"rabbitmq": "broker", "mongodb": "database"}
        return {title: self._running[name].pid for name, title in names.items()}

    @contextmanager
    def running(self) -> Iterator[None]:
        try:
            for server in self._node.servers + self._mongo.servers:
                self._start(server)
            wait_until(self._node.is_ready, START_SECONDS)
            wait_until(self._mongo.is_ready, START_SECONDS)
            yield
        finally:
            for running in reversed(self._running.values()):
                running.stop()

    @contextmanager
    def no_broker(self) -> Iterator[None]:
        """The broker is stopped within, and back with all it had afterwards."""
        self._running["rabbitmq"].stop()
        try:
            yield
        finally:
            self._start(self._node.server)
            wait_until(self._node.is_ready, START_SECONDS)

    @contextmanager
    def corner(self) -> Iterator[Corner]:
        with self._virtual_host() as name:
            mongodb_uri = f"{self._mongo.uri.rpartition('/')[0]}/{name}"
            try:
                yield Corner(f"{self._node.uri}{name}", mongodb_uri, self.pids["database"])
            finally:
                client: MongoClient[dict[str, Any]] = MongoClient(mongodb_uri)
                client.drop_database(name)
                client.close()

    @contextmanager
    def corner_of_its_own(self, directory: Path) -> Iterator[Corner]:
        """Its database shares neither cache nor files nor process with another corner."""
        mongo = MongoServer(directory, DATABASE_PLACE)
        running = start(mongo.server, directory / "mongodb.log")
        try:
            wait_until(mongo.is_ready, START_SECONDS)
            with self._virtual_host() as name:
                yield Corner(f"{self._node.uri}{name}", mongo.uri, running.pid)
        finally:
            running.stop()

    @contextmanager
    def _virtual_host(self) -> Iterator[str]:
        name = f"trial-{next(self._numbers)}"
        self._node.ctl("add_vhost", name)
        self._node.ctl("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
        try:
            yield name
        finally:
            self._node.ctl("delete_vhost", name)

    def _start(self, server: Server) -> None:
        self._running[server.name] = start(server, self._directory / f"{server.name}.log")


def wait_until(condition: Callable[[], object], seconds: float, every: float = 0.1) -> bool:
    """Poll until it holds or the time is up, and say which."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
