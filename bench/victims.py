"""A tree of this product under attack: its services are started, and another client books."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from kombu import Connection

from bench.backends import Backends, Corner, wait_until
from bench.bystander import PATIENCE_SECONDS, Client, post
from bench.measure import Meter, cpu_seconds
from bench.slots import A_DAY, HORIZON_DAYS, body, slot
from runner.backends.ports import free_port
from runner.processes.managed_process import ManagedProcess, start
from runner.processes.server import Server

ROOT = Path(__file__).resolve().parent.parent
STAFF_KEY = "a-staff-key-of-32-characters-000"
_READY_SECONDS = 90
#: Days that the staff search through, and where the slots of other clients begin.
_SEARCHED = timedelta(days=100)
_FIRST_OF_OTHERS = 100 * A_DAY

#: Lists the programs of a tree by that tree's own code.
_LIST = """
import json, sys
from runner.processes.services import services
servers = services("127.0.0.1", int(sys.argv[1]), sys.argv[2], sys.argv[3])
print(json.dumps({s.name: [s.command, s.environment, str(s.directory)] for s in servers}))
"""


class Tree:
    """The gateway and the booking service of a source tree."""

    def __init__(self, directory: Path, logs: Path, corner: Corner) -> None:
        self.port = free_port()
        self.amqp_uri = corner.amqp_uri
        self._running: dict[str, ManagedProcess] = {}
        self._logs = logs
        self._first = _FIRST_OF_OTHERS
        self._searched = 0
        listed = subprocess.run(
            [sys.executable, "-c", _LIST, str(self.port), corner.amqp_uri, corner.mongodb_uri],
            cwd=directory,
            capture_output=True,
            check=True,
        )
        self._servers = json.loads(listed.stdout.splitlines()[-1])

    def start(self) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        for name in ("gateway", "booking_service"):
            command, environment, directory = self._servers[name]
            variables = environment | {
                "AVAILABILITY_DELAY_SECONDS": "0",
                "CLINIC_HORIZON_DAYS": str(HORIZON_DAYS),
                "STAFF_API_KEY": STAFF_KEY,
                "RATE_LIMIT": "1000000/minute",
                "MAX_OPEN_BOOKINGS": "off",
            }
            server = Server(name, command, variables, Path(directory))
            self._running[name] = start(server, self._logs / f"{name}.log")
        if not wait_until(lambda: post(self.port, self.next_numbers(1)) == 201, _READY_SECONDS):
            raise RuntimeError(f"the gateway did not start, see {self._logs}")

    def stop(self) -> None:
        for running in self._running.values():
            running.stop()

    def next_numbers(self, count: int) -> int:
        """Return the first of so many numbers of slots that nobody else books."""
        self._first += count
        return self._first - count

    def under(self, name: str, connections: int, seconds: float) -> dict[str, Any]:
        """Book while that attack lasts; `attacker_cpu` is its CPU, in seconds a second."""
        time.sleep(1)
        with (
            Client(self.port, self.next_numbers(1000)) as client,
            attacking(name, self.port, connections, seconds) as attacker,
        ):
            used = 0.0
            while attacker.poll() is None:
                used = cpu_seconds([attacker.pid]) or used
                time.sleep(0.1)
        return asdict(client.booked) | {"attacker_cpu": used / seconds}

    def at_rest(self, seconds: float) -> dict[str, Any]:
        with Client(self.port, self.next_numbers(1000)) as client:
            time.sleep(seconds)
        return asdict(client.booked)

    def cancelling_under(self, name: str, connections: int, seconds: float) -> dict[str, Any]:
        """Cancel bookings one after the other meanwhile; `refused` is the share of 503."""
        tokens = [self.book_for_token() for _ in range(40)]
        statuses: list[int] = []
        with attacking(name, self.port, connections, seconds) as attacker:
            time.sleep(1)
            while attacker.poll() is None and tokens:
                booking_id, token = tokens.pop()
                address = f"http://127.0.0.1:{self.port}/booking/{booking_id}/cancel"
                headers = {"Authorization": f"Bearer {token}"}
                statuses.append(requests.post(address, headers=headers, timeout=60).status_code)
        return {"cancelled": len(statuses), "refused": statuses.count(503) / len(statuses)}

    def searching(self, seconds: float) -> dict[str, Any]:
        """Have staff search for 15 kB of combining characters, and book meanwhile."""
        session, token = self._signed_in()
        text = ("x" + "\u0301" * 3500 + "\u0316" * 3500).encode()
        days = {"first": f"{slot(0):%Y-%m-%d}", "last": f"{slot(0) + _SEARCHED:%Y-%m-%d}"}
        fields = {name: (None, value) for name, value in days.items()}
        fields |= {"csrf_token": (None, token), "text": (None, text)}
        address = f"http://127.0.0.1:{self.port}/staff/search"
        with Client(self.port, self.next_numbers(1000)) as client:
            began = time.monotonic()
            try:
                found = session.post(address, files=fields, timeout=seconds)  # type: ignore[arg-type]
                took, status = time.monotonic() - began, found.status_code
            except requests.Timeout:
                took, status = float("inf"), 0
            time.sleep(1)
        return asdict(client.booked) | {"search_seconds": took, "search_status": status}

    def inflating(self, megabytes: int) -> dict[str, float]:
        """Send the booking service a message that is small on the wire; its peak memory, in MiB."""
        pid = self._running["booking_service"].pid
        with Meter(worker=pid) as before:
            time.sleep(1)
        with Meter(worker=pid) as meter:
            with Connection(self.amqp_uri) as connection:
                producer = connection.Producer()
                text = '"' + "x" * (megabytes * 1024 * 1024) + '"'
                for _ in range(3):
                    producer.publish(
                        text,
                        routing_key="booking_requests",
                        compression="gzip",
                        content_type="application/json",
                        content_encoding="utf-8",
                    )
            time.sleep(5)
        return {
            "rest_mib": before.usage.peak_mib["worker"],
            "peak_mib": meter.usage.peak_mib["worker"],
        }

    def book_for_token(self) -> tuple[str, str]:
        data = body(self._searched)
        self._searched += 1
        answer = requests.post(f"http://127.0.0.1:{self.port}/book", json=data, timeout=30)
        booking = answer.json()["booking"]
        return booking["id"], booking["manageToken"]

    def _signed_in(self) -> tuple[requests.Session, str]:
        """A session of staff, and the token that its forms have to send."""
        session = requests.Session()
        address = f"http://127.0.0.1:{self.port}/staff"
        token = _csrf_token(session.get(f"{address}/login", timeout=30).text)
        session.post(
            f"{address}/login", data={"csrf_token": token, "key": STAFF_KEY}, timeout=30
        ).raise_for_status()
        return session, _csrf_token(session.get(f"{address}/search", timeout=30).text)


@contextmanager
def attacking(
    name: str, port: int, connections: int, seconds: float
) -> Iterator[subprocess.Popen[bytes]]:
    arguments = [name, str(port), str(connections), str(seconds)]
    attacker = subprocess.Popen([sys.executable, "-m", "bench.attackers", *arguments], cwd=ROOT)
    try:
        yield attacker
        attacker.wait(seconds + PATIENCE_SECONDS)
    finally:
        attacker.kill()
        attacker.wait()


@contextmanager
def tree(directory: Path, logs: Path, backends: Backends) -> Iterator[Tree]:
    with backends.corner() as corner:
        one = Tree(directory, logs, corner)
        try:
            one.start()
            yield one
        finally:
            one.stop()


def _csrf_token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    if found is None:
        raise RuntimeError("a page has no form of the staff's")
    return found[1]
