"""`nameko run` prints one line and exits before starting anything if a setting is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ["booking_service.service", "notification_service.service"]


def run(service: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": "ignore:pkg_resources,ignore::Warning:nameko.cli.commands",
        # No broker listens there: a service that started would wait for it.
        "AMQP_URI": "amqp://clinic:geheim@127.0.0.1:1/",
    }
    nameko = str(Path(sys.executable).with_name("nameko"))
    return subprocess.run(
        [nameko, "run", service, "--config", "config.yaml"],
        env=environment | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("service", "variable", "value"),
    [
        *[(service, "OUTBOX_MAX_PENDING", "0") for service in SERVICES],
        *[(service, "BOOKING_MAX_WORKERS", '"20"') for service in SERVICES],
        *[(service, "LOG_FORMAT", "json geheim") for service in SERVICES],
        *[(service, "MONGODB_URI", "mongodb://u:ge@heim@db/") for service in SERVICES],
        *[(service, "LINK_SECRET_FILE", "/missing") for service in SERVICES],
        (SERVICES[0], "AVAILABILITY_DELAY_SECONDS", "soon"),
        (SERVICES[1], "SMTP_SENDER", "recepción@clinica.example"),
        (SERVICES[1], "LINK_SECRET", "geheim"),
    ],
)
def test_a_wrong_setting_is_reported_in_one_line(service: str, variable: str, value: str) -> None:
    ended = run(service, **{variable: value})
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert variable in line
    assert "heim" not in line
    assert "starting services" not in ended.stdout
