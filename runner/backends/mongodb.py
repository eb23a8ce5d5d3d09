"""A private MongoDB server."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from runner.backends.ports import remembered_port
from runner.processes.cpu_affinity import pinned
from runner.processes.server import Server


class MongoServer:
    """A server with its data, and its port while that is free, in one directory.

    Uses `mongod` if installed, else SecantusDB, which has the same protocol. Their data is kept
    apart, because their file formats differ. SecantusDB is written in Python: `place` pins it to a
    CPU; None means no pinning.
    """

    def __init__(self, directory: Path, place: int | None = None) -> None:
        directory = directory.resolve()
        self._mongod = shutil.which("mongod")
        self._data = directory / ("mongod" if self._mongod else "secantus")
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory
        self._place = place
        self.port = remembered_port(directory / "mongodb.port")

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/clinic"

    @property
    def server(self) -> Server:
        if self._mongod:
            return Server("mongodb", self._mongod_command(), {}, self.directory)
        secantus = Server("mongodb", self._secantus_command(), {}, self.directory)
        return secantus if self._place is None else pinned(secantus, self._place)

    @property
    def servers(self) -> list[Server]:
        """The servers to run, in start order."""
        return [self.server]

    def is_ready(self) -> bool:
        """Return whether it responds to a ping."""
        try:
            ping(self.uri, timeout_seconds=1)
        except PyMongoError:
            return False
        return True

    def _mongod_command(self) -> list[str]:
        address = ["--bind_ip", "127.0.0.1", "--port", str(self.port)]
        return [str(self._mongod), "--dbpath", str(self._data), *address]

    def _secantus_command(self) -> list[str]:
        program = str(Path(sys.executable).with_name("secantusd-py"))
        storage = ["--standalone", "--storage-path", str(self._data), "--cache-size", "256M"]
        address = ["--host", "127.0.0.1", "--port", str(self.port)]
        return [program, *storage, *address, "--log-level", "WARNING"]


def ping(uri: str, timeout_seconds: float) -> None:
    """Ping the server. Raises: PyMongoError."""
    milliseconds = int(timeout_seconds * 1000)
    client: MongoClient[dict[str, Any]] = MongoClient(
        uri,
        serverSelectionTimeoutMS=milliseconds,
        connectTimeoutMS=milliseconds,
        socketTimeoutMS=milliseconds,
    )
    try:
        client.admin.command("ping")
    finally:
        client.close()
