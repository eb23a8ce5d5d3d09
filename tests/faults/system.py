"""The whole system as processes of its own, with a broker, a database and a mail server that can
be failed one by one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import eventlet
import requests
from kombu.exceptions import OperationalError
from pymongo import MongoClient
from pymongo.database import Database

from clinic.catalogue.store import CatalogueStore
from clinic.domain.catalogue import DEFAULT_CLINIC, Catalogue
from clinic.mongo.client import durable_uri
from runner.backends.mongodb import MongoServer
from runner.backends.ports import free_port, is_taken
from runner.backends.rabbitmq import RabbitNode
from runner.processes.server import Server
from runner.processes.services import ROOT, services
from tests.amqp import consumers, depth
from tests.clinics import make_calendar
from tests.conftest import UNLIMITED, eventually
from tests.faults.part import Part
from tests.mailbox import Mailbox
from tests.proxy import Proxy
from tests.receiver import Receiver, receiving

SEATS = 2
#: The catalogue that the services make of their configuration.
UNCONFIGURED = make_calendar(seats_per_slot=SEATS).to_catalogue()
#: Longer than a campaign needs to come to the end of tomorrow and of the day after.
REMINDER_HOURS = 72
WEBHOOK_SECRET = "known to two of them"
#: What the receiver of webhooks says at first, as one that has failures of its own.
_FIRST_ANSWERS = (503, 500, 503)
DEAD_LETTERS = (
    "booking_dead_letter",
    "notification_service.email.dead_letter",
    "notification_service.webhook.dead_letter",
)
ENVIRONMENT = {
    "AVAILABILITY_DELAY_SECONDS": "0.1-0.4",
    "BOOKING_RETRY_TTL_SECONDS": "1",
    "EMAIL_RETRY_TTL_SECONDS": "1",
    "WEBHOOK_RETRY_TTL_SECONDS": "1",
    "OUTBOX_HEARTBEAT_TIMEOUT_SECONDS": "2",
    "OUTBOX_RECOVERY_INTERVAL_SECONDS": "1",
    # Nothing may be saved by asking again; what is about that sets it.
    "OUTBOX_REPUBLISH_SECONDS": "3600",
    "CLINIC_SEATS_PER_SLOT": str(SEATS),
    "REMINDER_HOURS": str(REMINDER_HOURS),
    "STAFF_API_KEY": "",
    "LOG_FORMAT": "json",
    **UNLIMITED,
}
#: Each service and the module with fault injection that stands in for its own.
_ENTRIES = {
    "gateway.asgi:app": "tests.faults.injection.gateway:app",
    "booking_service.service": "tests.faults.injection.booking_service",
    "notification_service.service": "tests.faults.injection.notification_service",
}
_BOOT_SECONDS = 180

#: The harness reads whole collections while all processes work.
_PATIENT = "socketTimeoutMS=60000&serverSelectionTimeoutMS=60000"


class System:
    """`parts` by name: broker, database, mail, gateway, worker.1, notifier.1, ... `links` are the
    proxies before the first three, and the only way in which the services reach them."""

    def __init__(
        self,
        directory: Path,
        *,
        workers: int = 2,
        notifiers: int = 2,
        has_webhook: bool = False,
        stored_catalogue: dict[str, Any] | None = None,
        **environment: str,
    ) -> None:
        self.directory = directory
        self._open = ExitStack()
        self.receiver = self._open.enter_context(receiving()) if has_webhook else None
        if self.receiver:
            self.receiver.answers = list(_FIRST_ANSWERS)
        self.logs = _made(directory / "logs")
        self.fault_files = _made(directory / "faults")
        self.node = RabbitNode(directory / "rabbitmq")
        self.mongo = MongoServer(_made(directory / "mongodb"))
        self.mailbox = Mailbox(free_port(), _made(directory / "mail"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.links = {
            "broker": Proxy(self.node.port),
            "database": Proxy(self.mongo.port),
            "mail": Proxy(self.mailbox.port),
        }
        self._environment = self.variables | ENVIRONMENT | environment
        self.parts = {part.name: part for part in self._make_parts(workers, notifiers)}
        self._client: MongoClient[dict[str, Any]] = MongoClient(
            durable_uri(f"{self.mongo.uri}?{_PATIENT}")
        )
        self.database: Database[dict[str, Any]] = self._client.get_default_database()
        self._stored_catalogue = stored_catalogue
        self.catalogue: Catalogue = UNCONFIGURED
        self._keeper: Any = None

    @property
    def services(self) -> list[Part]:
        known = ("gateway", "worker", "notifier")
        return [part for part in self.parts.values() if part.name.startswith(known)]

    def parts_of(self, service: str) -> list[Part]:
        """All processes of one service: gateway, worker or notifier."""
        return [part for part in self.services if part.name.startswith(service)]

    def start(self) -> None:
        self._keeper = eventlet.spawn(self._keep)
        for part in self.parts.values():
            if part not in self.services:
                part.start()
        eventually(lambda: self.node.is_ready() and self.mongo.is_ready(), _BOOT_SECONDS)
        eventually(lambda: is_taken(self.mailbox.port))
        self._store_catalogue()
        for part in self.services:
            part.start()
        self.wait_until_ready()

    def stop(self) -> None:
        for link in self.links.values():
            link.restore()
        for part in reversed(list(self.parts.values())):
            part.stop()
        self._keeper.kill()
        for link in self.links.values():
            link.close()
        self._client.close()
        self._open.close()

    def _store_catalogue(self) -> None:
        if self._stored_catalogue is None:
            return
        store = CatalogueStore(self.database)
        store.replace(DEFAULT_CLINIC, self._stored_catalogue)
        stored = store.load(DEFAULT_CLINIC)
        assert stored is not None
        self.catalogue = stored

    def wait_until_ready(self) -> None:
        """Wait until every part is up and consumes."""
        eventually(self._is_ready, _BOOT_SECONDS)

    def text_of_logs(self) -> str:
        return "\n".join(log.read_text(errors="replace") for log in self.logs.glob("*.log"))

    def depths(self) -> dict[str, int]:
        """Messages of each queue of the system, those in a consumer's hands included."""
        listed = self.node.ctl("list_queues", "name", "messages", "--no-table-headers")
        rows = [line.split("\t") for line in listed.splitlines() if "\t" in line]
        counts = {name: int(count) for name, count in rows if not name.startswith("rpc")}
        # The list is some seconds old; nobody consumes dead letters, so these can be asked for.
        return counts | {queue: depth(self.node.uri, queue) for queue in DEAD_LETTERS}

    def _is_ready(self) -> bool:
        if not all(part.is_alive for part in self.parts.values()):
            return False
        return self._is_consuming() and self._answers()

    def _is_consuming(self) -> bool:
        alive = [part.name.partition(".")[0] for part in self.services]
        wanted = {
            "booking_requests": alive.count("worker"),
            "notification_service.email": alive.count("notifier"),
            "notification_service.webhook": alive.count("notifier") if self.receiver else 0,
        }
        try:
            return all(consumers(self.node.uri, queue) == n for queue, n in wanted.items())
        except (OSError, OperationalError):
            return False

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/health/ready", timeout=5).ok
        except requests.RequestException:
            return False

    def _keep(self) -> None:
        while True:
            eventlet.sleep(0.2)
            for part in self.parts.values():
                part.keep()

    @property
    def variables(self) -> dict[str, str]:
        """What the processes of this system are told beyond `ENVIRONMENT`."""
        return {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(self.links["mail"].port),
            "FAULT_DIRECTORY": str(self.fault_files),
        } | (_webhook(self.receiver) if self.receiver else {})

    def _make_parts(self, workers: int, notifiers: int) -> Iterator[Part]:
        mail_command = [sys.executable, "-m", "tests.smtp_sink", str(self.mailbox.port)]
        mail = Server("mail", [*mail_command, str(self.mailbox.directory)], {}, ROOT)
        yield self._part("epmd", self.node.epmd)
        yield self._part("broker", self.node.server)
        yield self._part("database", self.mongo.server)
        yield self._part("mail", mail)
        gateway, worker, notifier = self._services()
        yield self._part("gateway", gateway)
        for number in range(1, workers + 1):
            yield self._part(f"worker.{number}", worker)
        for number in range(1, notifiers + 1):
            yield self._part(f"notifier.{number}", notifier)

    def _services(self) -> list[Server]:
        amqp_uri = f"amqp://guest:guest@127.0.0.1:{self.links['broker'].port}/"
        mongodb_uri = f"mongodb://127.0.0.1:{self.links['database'].port}/clinic"
        return [
            replace(
                server,
                command=[_ENTRIES.get(word, word) for word in server.command],
                environment=server.environment | self._environment,
            )
            for server in services("127.0.0.1", self.port, amqp_uri, mongodb_uri)
        ]

    def _part(self, name: str, server: Server) -> Part:
        return Part(name, server, self.logs / f"{name}.log")


@contextmanager
def running_system(directory: Path, **options: Any) -> Iterator[System]:
    system = System(directory, **options)
    try:
        system.start()
        yield system
    finally:
        system.stop()


def _webhook(receiver: Receiver) -> dict[str, str]:
    return {"WEBHOOK_URL": receiver.url, "WEBHOOK_SECRET": WEBHOOK_SECRET}


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory


os.environ.pop("CLINIC_CONFIG", None)
