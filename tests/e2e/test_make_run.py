"""`make run` in a freshly cloned repository."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests

from runner.backends.ports import free_port
from runner.processes.services import ROOT
from tests.conftest import eventually
from tests.e2e.stack import EXAMPLE


class MakeRun:
    def __init__(self, directory: Path, **variables: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.run_dir = directory / "run"
        self.output = directory / "output.txt"
        self._variables = {
            "PORT": str(self.port),
            "RUN_DIR": str(self.run_dir),
            "AVAILABILITY_DELAY_SECONDS": "0",
        } | variables

    def start(self) -> subprocess.Popen[bytes]:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("MAKE")
        }
        with self.output.open("wb") as output:
            return subprocess.Popen(
                ["make", "run"],
                cwd=ROOT,
                env=environment | self._variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def printed(self) -> str:
        return self.output.read_text()

    def decided(self, booking_id: str) -> str:
        def status() -> str | None:
            booking = requests.get(f"{self.url}/booking/{booking_id}", timeout=30).json()
            return None if booking["status"] == "pending" else booking["status"]

        found: str = eventually(status)
        return found


@pytest.fixture
def start() -> Iterator[Callable[[MakeRun], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start_ready(run: MakeRun) -> subprocess.Popen[bytes]:
        process = run.start()
        started.append(process)
        eventually(lambda: "Ready: " in run.printed() or process.poll() is not None)
        assert process.poll() is None, run.printed()
        return process

    yield start_ready
    for process in started:
        if process.poll() is None:
            end(process)


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> list[psutil.Process]:
    """Signal the whole process group as a terminal does; return the surviving processes."""
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, number)
    process.wait(60)
    _, left = psutil.wait_procs(family, timeout=20)
    return left


def test_make_run_prints_a_working_curl_command_when_ready(
    tmp_path: Path, start: Callable[[MakeRun], subprocess.Popen[bytes]]
) -> None:
    run = MakeRun(tmp_path)
    process = start(run)
    (line,) = [line for line in run.printed().splitlines() if line.startswith("Try:")]
    command = line.partition("curl")
    response = subprocess.run(
        ["bash", "-c", "".join(command[1:])], capture_output=True, text=True, check=True
    )
    assert run.url in line
    assert '"status":"pending"' in response.stdout
    if len(os.sched_getaffinity(0)) > 1 and not shutil.which("mongod"):
        affinities = cpus(process, "gateway.asgi:app"), cpus(process, "secantusd-py")
        assert [len(each) for each in affinities] == [1, 1]
        assert affinities[0] != affinities[1]


def test_make_run_prints_a_generated_staff_key(
    tmp_path: Path, start: Callable[[MakeRun], subprocess.Popen[bytes]]
) -> None:
    run = MakeRun(tmp_path, STAFF_API_KEY="")
    start(run)
    found = re.search(r"^Staff: (\S+)  \(key: (\w+)\)$", run.printed(), re.MULTILINE)
    assert found
    assert found[2] == (run.run_dir / "staff-key").read_text().strip()
    requests.post(f"{run.url}/book", json=EXAMPLE, timeout=30)
    key = {"Authorization": f"Bearer {found[2]}"}
    public, full = (
        requests.get(f"{run.url}/bookings/", headers=each, timeout=30).json()[0]
        for each in ({}, key)
    )
    assert set(full) - set(public) == {"patientName", "patientEmail"}
    codes = [
        requests.get(f"{run.url}/metrics", headers=each, timeout=30).status_code
        for each in ({}, key)
    ]
    assert codes == [401, 200]
    assert requests.get(found[1], timeout=30).ok


def cpus(run: subprocess.Popen[bytes], word: str) -> list[int]:
    """The CPU affinity of the program with this word in its command line."""
    family = psutil.Process(run.pid).children(recursive=True)
    named = (each for each in family if word in " ".join(each.cmdline()))
    allowed: list[int] = next(named).cpu_affinity()
    return allowed


@pytest.mark.parametrize(
    ("host", "in_url"), [("localhost", "localhost"), ("::1", "[::1]"), ("0.0.0.0", "127.0.0.1")]
)
def test_make_run_prints_the_url_of_the_given_host(
    host: str, in_url: str, tmp_path: Path, start: Callable[[MakeRun], subprocess.Popen[bytes]]
) -> None:
    run = MakeRun(tmp_path, HOST=host)
    start(run)
    (url,) = [
        line.removeprefix("Ready: ") for line in run.printed().splitlines() if "Ready: " in line
    ]
    assert url == f"http://{in_url}:{run.port}"
    assert requests.post(f"{url}/book", json=EXAMPLE, timeout=30).status_code == 201


def test_bookings_survive_a_restart_and_no_process_outlives_make_run(
    tmp_path: Path, start: Callable[[MakeRun], subprocess.Popen[bytes]]
) -> None:
    run = MakeRun(tmp_path)
    first = start(run)
    response = requests.post(f"{run.url}/book", json=EXAMPLE, timeout=30)
    booking_id = response.json()["booking"]["id"]
    assert run.decided(booking_id) == "rejected"
    assert end(first, signal.SIGINT) == []
    second = start(run)
    assert run.decided(booking_id) == "rejected"
    assert end(second, signal.SIGTERM) == []


def test_a_crashed_service_is_restarted(
    tmp_path: Path, start: Callable[[MakeRun], subprocess.Popen[bytes]]
) -> None:
    run = MakeRun(tmp_path)
    process = start(run)
    family = psutil.Process(process.pid).children(recursive=True)
    for service in ("booking_service.service", "notification_service.service"):
        (victim,) = [each for each in family if service in each.cmdline()]
        victim.kill()
    response = requests.post(f"{run.url}/book", json=EXAMPLE, timeout=30)
    assert run.decided(response.json()["booking"]["id"]) == "rejected"
    eventually(lambda: "patient notified" in run.printed())


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        pytest.param({"AMQP_URI": "amqp://guest:geheim@127.0.0.1:9/"}, "AMQP_URI", id="broker"),
        pytest.param({"MONGODB_URI": "mongodb://127.0.0.1:9/clinic"}, "MONGODB_URI", id="mongo"),
        pytest.param({"PORT": "many"}, "PORT", id="no port"),
        pytest.param({"HOST": "nowhere.invalid"}, "HOST", id="no host"),
        pytest.param({"HOST": "192.0.2.1"}, "192.0.2.1", id="not our host"),
    ],
)
def test_an_invalid_setting_is_reported_in_one_line(
    tmp_path: Path, variables: dict[str, str], complaint: str
) -> None:
    run = MakeRun(tmp_path, **variables)
    process = run.start()
    assert process.wait(60) != 0
    (line,) = [line for line in run.printed().splitlines() if not line.startswith("make")]
    assert complaint in line
    assert "geheim" not in line


def test_a_port_in_use_is_reported_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupant:
        port = occupant.getsockname()[1]
        run = MakeRun(tmp_path, PORT=str(port))
        assert run.start().wait(60) != 0
    (line,) = [line for line in run.printed().splitlines() if not line.startswith("make")]
    assert f"Port {port} is taken" in line
