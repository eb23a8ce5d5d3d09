from __future__ import annotations

import http.client
import os
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import IO

from runner.backends import mongodb, rabbitmq
from runner.backends.external_backend import Backend, external
from runner.backends.mongodb import MongoServer
from runner.backends.ports import is_taken, reserve
from runner.backends.rabbitmq import RabbitNode
from runner.catalogue import check_catalogue, import_catalogue
from runner.configuration import require_configuration
from runner.processes.cpu_affinity import DATABASE_PLACE, GATEWAY_PLACE
from runner.processes.lock import lock
from runner.processes.services import services
from runner.processes.supervision import Supervision
from runner.processes.terminal import Terminal
from runner.settings import Settings
from runner.staff_key import staff_key
from runner.startup_error import StartupError

DEADLINE_SECONDS = 120
TICK_SECONDS = 0.2

READY = """
Ready: {url}
Try:   curl -s -X POST {url}/book -H 'Content-Type: application/json' -d \
'{{"patientName":"Juan Pérez","patientEmail":"juan@example.com","date":"2023-12-01T10:00:00Z"}}'
       curl -s {url}/bookings/{authorization}
Staff: {url}/staff{key}
Stop:  Ctrl-C

"""


class Stopped(Exception):
    """The user requested the end of the run."""


class Run:
    """A run of the whole system, from the first check until all processes have ended."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop_requested = False
        self._generated_key = ""
        self._terminal = Terminal()

    def request_stop(self, _signal: int, _frame: FrameType | None) -> None:
        """A signal handler: only sets a flag, because it may interrupt anything."""
        self._stop_requested = True

    def forever(self) -> None:
        """Run until stopped; all processes have then ended. Raises: Stopped, StartupError."""
        has_staff_key = bool(require_configuration().staff_keys)
        if self._settings.catalogue:
            check_catalogue(self._settings.catalogue)
        self._require_port()
        with lock(self._settings.directory) as claim:
            if not has_staff_key:
                self._generate_staff_key()
            broker, database = self._broker(), self._database()
            supervision = Supervision(
                self._settings.directory,
                backends=broker.servers + database.servers,
                services=services(
                    str(self._settings.address.ip),
                    self._settings.port,
                    broker.uri,
                    database.uri,
                    GATEWAY_PLACE,
                ),
            )
            self._supervise(supervision, claim, broker, database)

    def _supervise(
        self, supervision: Supervision, claim: IO[str], broker: Backend, database: Backend
    ) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        _say(f"Starting; data and logs are in {self._settings.directory}\n")
        supervision.start(claim)
        try:
            self._wait("MongoDB", database.is_ready, supervision, deadline)
            if self._settings.catalogue:
                _say(import_catalogue(self._settings.catalogue, database.uri) + "\n")
            self._wait("RabbitMQ", broker.is_ready, supervision, deadline)
            supervision.start_services()
            self._wait("/health/ready", self._is_healthy, supervision, deadline)
            _say(self._welcome())
            while True:
                self._tick(supervision)
        finally:
            supervision.stop()

    def _generate_staff_key(self) -> None:
        """Pass the key by environment, so that it is on no command line and in no other file."""
        self._generated_key = staff_key(self._settings.directory)
        os.environ["GENERATED_STAFF_KEY"] = self._generated_key

    def _welcome(self) -> str:
        """Return the usage text. Only a generated staff key is shown."""
        key = self._generated_key
        return READY.format(
            url=self._settings.url,
            authorization="" if key else ' -H "Authorization: Bearer $STAFF_API_KEY"',
            key=f"  (key: {key})" if key else "",
        )

    def _wait(
        self, what: str, is_ready: Callable[[], bool], supervision: Supervision, deadline: float
    ) -> None:
        while not is_ready():
            self._tick(supervision)
            if time.monotonic() > deadline:
                logs = self._settings.directory / "logs"
                raise StartupError(f"{what} was not ready in {DEADLINE_SECONDS} s; see {logs}")

    def _tick(self, supervision: Supervision) -> None:
        if self._stop_requested or self._terminal.is_gone():
            raise Stopped
        if not supervision.is_alive():
            raise StartupError("supervisord ended, so everything was stopped")
        supervision.sweep()
        time.sleep(TICK_SECONDS)

    def _is_healthy(self) -> bool:
        gateway = http.client.HTTPConnection(
            self._settings.address.client_ip, self._settings.port, timeout=5
        )
        try:
            gateway.request("GET", "/health/ready")
            return gateway.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            gateway.close()

    def _require_port(self) -> None:
        ip, port = str(self._settings.address.ip), self._settings.port
        try:
            taken = is_taken(port, ip)
        except OSError as error:
            raise StartupError(f"Cannot listen on {ip}, port {port}: {error.strerror}") from error
        if taken:
            raise StartupError(f"Port {port} is taken: set PORT to another one")
        reserve(port)

    def _broker(self) -> Backend:
        if self._settings.amqp_uri:
            return external("AMQP_URI", self._settings.amqp_uri, rabbitmq.connect)
        rabbitmq.require_programs()
        return RabbitNode(self._settings.directory / "rabbitmq")

    def _database(self) -> Backend:
        if self._settings.mongodb_uri:
            return external("MONGODB_URI", self._settings.mongodb_uri, mongodb.ping)
        return MongoServer(self._settings.directory / "mongodb", DATABASE_PLACE)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
