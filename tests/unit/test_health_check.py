from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import eventlet
import eventlet.wsgi
import pytest

from clinic.observability.health_check import check_health


@pytest.fixture
def address() -> Iterator[str]:
    """A server that answers /fine with 200 and everything else with 503."""

    def app(environ, start_response):  # type: ignore[no-untyped-def]
        fine = environ["PATH_INFO"] == "/fine"
        start_response("200 OK" if fine else "503 Service Unavailable", [])
        return [b""]

    listener = eventlet.listen(("127.0.0.1", 0))
    server = eventlet.spawn(eventlet.wsgi.server, listener, app, log_output=False)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.kill()
    listener.close()


def test_an_answer_of_200_is_healthy(address: str) -> None:
    assert check_health(f"{address}/fine") is None


def test_any_other_answer_is_not(address: str) -> None:
    assert "503" in (check_health(f"{address}/ill") or "")


def test_nobody_there_is_not_healthy_and_exits_with_1() -> None:
    command = [sys.executable, "-m", "clinic.observability.health_check", "http://127.0.0.1:9/"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_it_imports_nothing_heavy() -> None:
    loaded = (
        "import clinic.observability.health_check, sys; "
        "print([m for m in sys.modules if m in ('nameko', 'click')])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
