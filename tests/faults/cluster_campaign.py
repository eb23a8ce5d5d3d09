"""Campaign: the nodes of a three-node broker are killed and isolated while bookings arrive."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import eventlet
import requests
from nameko.standalone.rpc import ServiceRpcProxy
from pymongo import MongoClient

from clinic.messaging.topology import WORK_QUEUES
from clinic.mongo.client import durable_uri
from runner.backends.mongodb import MongoServer
from runner.processes.managed_process import start
from tests.amqp import depth
from tests.conftest import eventually
from tests.e2e.stack import EXAMPLE, Stack
from tests.faults.claims import of_claims
from tests.faults.cluster import RabbitCluster
from tests.faults.outcome import Outcome, markdown
from tests.faults.system import SEATS, UNCONFIGURED
from tests.mailbox import Mailbox, running_mailbox

QUEUE = "booking_requests"
FIGURES = "cluster.md"
SLOTS = 400
#: As long as an e-mail may be in the hands of a notifier that is gone, and some more; but shorter
#: than it takes until a request that the broker lost is sent again, so that it would be seen.
QUIET_SECONDS = 400

Fault = Callable[[], None]


@dataclass(frozen=True)
class Answer:
    at: float
    seconds: float
    #: 0 where there was none.
    status: int
    booking_id: str = ""


@dataclass
class Load:
    """Clients that come at a steady pace and do not wait for each other."""

    url: str
    per_second: float
    answers: list[Answer] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        pool = eventlet.GreenPool(500)
        pace = eventlet.spawn(self._come, pool)
        try:
            yield
        finally:
            pace.kill()
            pool.waitall()

    @property
    def accepted(self) -> set[str]:
        return {answer.booking_id for answer in self.answers if answer.status == 201}

    def _come(self, pool: eventlet.GreenPool) -> None:
        while True:
            pool.spawn_n(self._post)
            eventlet.sleep(1 / self.per_second)

    def _post(self) -> None:
        at = time.time()
        status, booking_id = 0, ""
        with suppress(requests.RequestException):
            answer = requests.post(f"{self.url}/book", json=EXAMPLE | {"date": _slot()}, timeout=60)
            status = answer.status_code
            booking_id = answer.json().get("booking", {}).get("id", "")
        self.answers.append(Answer(at, time.time() - at, status, booking_id))


class ClusterCampaign:
    """`run` it once; `figures` tells how long things took, fault by fault."""

    def __init__(
        self,
        cluster: RabbitCluster,
        mongodb_uri: str,
        mailbox: Mailbox,
        directory: Path,
        *,
        posts_per_second: float = 5,
        cut_seconds: float = 30,
    ) -> None:
        self._cluster = cluster
        self._mailbox = mailbox
        self._cut_seconds = cut_seconds
        client: MongoClient[dict[str, Any]] = MongoClient(durable_uri(mongodb_uri))
        self._database = client.get_default_database()
        environment = {
            "AVAILABILITY_DELAY_SECONDS": "0-1",
            "CLINIC_SEATS_PER_SLOT": str(SEATS),
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(mailbox.port),
        }
        self._stack = Stack(cluster.uri, mongodb_uri, directory, **environment)
        self._load = Load(self._stack.url, posts_per_second)
        self._spans: dict[str, tuple[float, float]] = {}
        self._restarts = 0

    def run(self) -> tuple[list[str], dict[str, Any]]:
        """Return what was violated, and the figures."""
        try:
            self._stack.start_all()
            self._stack.start("booking_service")
            # Each client keeps its connection, which the faults are about to break.
            first = self._stack.book()
            self._stack.decided(first)
            self._call_rpc(first)
            assert self._cluster.busiest(QUEUE) is self._cluster.nodes[0], "the list has an order"
            with self._load.running():
                self._commit_faults()
            quiet_after = self._wait_for_quiet()
            return self.violations(), {"quietAfterSeconds": quiet_after} | self.figures()
        finally:
            self._stack.stop()
            self._database.client.close()

    def _commit_faults(self) -> None:
        eventlet.sleep(10)
        faults: dict[str, Fault] = {
            "leaderKilled": self._kill_leader,
            "twoKilled": self._kill_two,
            "leaderCutOff": lambda: self._cut_off(self._cluster.leader_of(QUEUE)),
            "consumersCutOff": lambda: self._cut_off(self._cluster.busiest(QUEUE)),
            "allKilled": self._kill_all,
        }
        for name, fault in faults.items():
            began = time.time()
            fault()
            eventlet.sleep(10)
            self._spans[name] = (began, time.time())

    def _kill_leader(self) -> None:
        self._cluster.leader_of(QUEUE).kill()
        eventlet.sleep(10)
        self._cluster.start_all()

    def _kill_two(self) -> None:
        """The one that is left is a minority: it closes its port until another one is back."""
        leader = self._cluster.leader_of(QUEUE)
        for node in self._cluster.nodes:
            if node is not leader:
                node.kill()
        eventlet.sleep(15)
        self._cluster.start_all()

    def _cut_off(self, node: Any) -> None:
        self._cluster.cut(node)
        try:
            eventlet.sleep(self._cut_seconds)
        finally:
            self._cluster.restore(node)
        self._restart_if_stuck(node)
        self._cluster.await_whole()

    def _restart_if_stuck(self, node: Any) -> None:
        """Do what a person would do: Erlang 25 sometimes lets a node that was cut off wait for
        ever for a lock while it comes back."""
        try:
            self._cluster.await_whole()
        except AssertionError:
            self._restarts += 1
            node.kill()
            node.start()

    def _kill_all(self) -> None:
        for node in self._cluster.nodes:
            node.kill()
        eventlet.sleep(3)
        self._cluster.start_all()

    def _wait_for_quiet(self) -> float:
        """Return how long it took; what is not quiet after a while, the violations tell."""
        began = time.time()
        with suppress(AssertionError):
            eventually(self._is_quiet, QUIET_SECONDS)
        return round(time.time() - began, 1)

    def _is_quiet(self) -> bool:
        eventlet.sleep(1)
        rows = self._delivery_log()
        return all(rows.get(self._row_of(each)) == "sent" for each in self._load.accepted)

    def _delivery_log(self) -> dict[str, str]:
        return {row["_id"]: row["state"] for row in self._database["notifications"].find()}

    @staticmethod
    def _row_of(booking_id: str) -> str:
        """Each booking takes one step: to confirmed, or to rejected."""
        return f"{booking_id}:2:email"

    def _bookings(self) -> dict[str, dict[str, Any]]:
        wanted = self._load.accepted
        return {
            row["_id"]: row for row in self._database["bookings"].find() if row["_id"] in wanted
        }

    def violations(self) -> list[str]:
        return [
            *self._wrong_answers(),
            *self._wrong_bookings(),
            *self._wrong_rows(),
            *self._wrong_emails(),
            *self._wrong_queues(),
            *self._wrong_rpc(),
        ]

    def _wrong_answers(self) -> Iterator[str]:
        """A booking needs the database only, so no fault of the broker is an excuse."""
        for status, count in Counter(answer.status for answer in self._load.answers).items():
            if status != 201:
                yield f"{count} answers had status {status}"

    def _wrong_bookings(self) -> Iterator[str]:
        bookings = self._bookings()
        for missing in self._load.accepted - bookings.keys():
            yield f"booking {missing} was answered with 201 and is gone"
        for booking in bookings.values():
            if booking["version"] != 2:
                yield f"booking {booking['_id']} is {booking['status']}, v{booking['version']}"
        for _, text in of_claims(bookings.values(), UNCONFIGURED):
            yield text

    def _wrong_rows(self) -> Iterator[str]:
        rows = self._delivery_log()
        for booking_id in self._load.accepted:
            mine = {key: rows[key] for key in rows if key.startswith(booking_id)}
            if mine != {self._row_of(booking_id): "sent"}:
                yield f"the delivery log of booking {booking_id} is {mine}"

    def _wrong_emails(self) -> Iterator[str]:
        emails = Counter(email["Message-ID"] for email in self._mailbox.emails())
        for booking_id in self._load.accepted:
            count = emails[f"<{booking_id}.2@clinica.example>"]
            if count != 1:
                yield f"the patient of booking {booking_id} has {count} e-mails"

    def _wrong_queues(self) -> Iterator[str]:
        for work in WORK_QUEUES:
            for name in (work.name, work.dead_letter):
                count = depth(self._cluster.uri, name)
                if count:
                    yield f"{name} holds {count} messages"

    def _wrong_rpc(self) -> Iterator[str]:
        try:
            self._call_rpc(next(iter(self._load.accepted)))
        except Exception as error:
            yield f"RPC does not answer: {type(error).__name__}: {error}"

    def _call_rpc(self, booking_id: str) -> None:
        config = {"AMQP_URI": self._cluster.uri}
        with ServiceRpcProxy("booking_service", config, timeout=60) as service:
            service.get_booking(booking_id)

    def figures(self) -> dict[str, Any]:
        statuses = Counter(row["status"] for row in self._bookings().values())
        whole = (0.0, time.time())
        spans = {name: self._figures_of(span) for name, span in self._spans.items()}
        return {
            "posts": len(self._load.answers),
            "stuck nodes restarted": self._restarts,
            **statuses,
            "all": self._figures_of(whole),
            **spans,
        }

    def _figures_of(self, span: tuple[float, float]) -> dict[str, float]:
        answers = [answer for answer in self._load.answers if span[0] <= answer.at <= span[1]]
        made = {answer.booking_id for answer in answers}
        decided = [row for row in self._bookings().values() if row["version"] > 1]
        waits = [
            (row["updatedAt"] - row["createdAt"]).total_seconds()
            for row in decided
            if row["_id"] in made
        ]
        times = [row["updatedAt"].timestamp() for row in decided]
        return {
            "slowestAnswerSeconds": _longest([answer.seconds for answer in answers]),
            "longestGapBetweenAnswersSeconds": _gap(
                [answer.at + answer.seconds for answer in answers]
            ),
            "longestGapBetweenDecisionsSeconds": _gap(
                [at for at in times if span[0] <= at <= span[1]]
            ),
            "longestWaitForDecisionSeconds": _longest(waits),
        }


def _slot() -> str:
    """One of the slots of the coming weeks, as the default calendar has them."""
    day, half_hour = divmod(random.randrange(SLOTS), 24)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight + timedelta(days=2 + day, hours=8, minutes=30 * half_hour)
    return start.isoformat()


def _gap(times: list[float]) -> float:
    times = sorted(times)
    return _longest([later - earlier for earlier, later in pairwise(times)])


def _longest(seconds: list[float]) -> float:
    return round(max(seconds, default=0), 2)


def run(directory: Path, seed: int) -> Outcome:
    """Needs root, for the network namespaces of the nodes. The seed draws the slots."""
    random.seed(seed)
    with ExitStack() as stack:
        mongo = MongoServer(directory / "mongodb")
        for server in mongo.servers:
            running = start(server, directory / f"{server.name}.log")
            stack.callback(running.stop)
        eventually(mongo.is_ready)
        (directory / "mail").mkdir()
        open_mailbox = contextmanager(partial(running_mailbox, directory / "mail"))
        mailbox = stack.enter_context(open_mailbox())
        cluster = stack.enter_context(RabbitCluster(directory))
        violations, figures = ClusterCampaign(cluster, mongo.uri, mailbox, directory).run()
    (directory / FIGURES).write_text(_table(figures))
    whole = {name: value for name, value in figures.items() if not isinstance(value, dict)}
    return Outcome("cluster", whole, violations)


def _table(figures: dict[str, Any]) -> str:
    """One row for each fault, one column for each figure."""
    spans = {name: value for name, value in figures.items() if isinstance(value, dict)}
    head = ["fault", *spans["all"]]
    return markdown(head, [[name, *map(str, row.values())] for name, row in spans.items()]) + "\n"
