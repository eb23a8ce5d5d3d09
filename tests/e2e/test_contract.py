"""Schemathesis reads `/openapi.json` of a running gateway and sends what it makes of it: valid and
invalid requests, and chains of them. It runs in a process of its own, without eventlet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.amqp import consumers
from tests.conftest import eventually
from tests.e2e.stack import Stack

KEY = "the-key-of-the-staff"
EXAMPLES = 10  # for each operation and phase, besides the edge cases that it always tries

#: What else there is to check holds. This does not, since JSON Schema can't say all that a name, an
#: e-mail address or a cursor has to be.
UNKEPT = "positive_data_acceptance"

ACCEPTED_ONCE = {
    "POST /book",
    "GET /slots",
    "POST /booking/{id}/cancel",
    "GET /bookings",
    "GET /bookings/",
    "GET /health/live",
    "GET /health/ready",
    "GET /metrics",
    "GET /docs",
}


def explored(url: str, directory: Path) -> tuple[str, dict[str, Any]]:
    """What it printed, and its report."""
    report = directory / "report.json"
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json"]
    command += ["--generation-deterministic", "--max-examples", str(EXAMPLES), "--no-color"]
    command += ["--header", f"Authorization: Bearer {KEY}", "--exclude-checks", UNKEPT]
    command += ["--report", "json", "--report-json-path", str(report)]
    environment = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore"}
    run = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    return run.stdout + run.stderr, json.loads(report.read_text())


def test_the_gateway_keeps_its_contract_whatever_it_is_sent(
    make_stack: Callable[..., Stack], amqp_uri: str, mongodb_uri: str, tmp_path: Path
) -> None:
    stack = make_stack(amqp_uri, mongodb_uri, STAFF_API_KEY=KEY)
    stack.start("gateway")
    stack.start("booking_service")
    eventually(stack.is_ready)
    eventually(lambda: consumers(amqp_uri, "rpc-booking_service"))
    output, report = explored(stack.url, tmp_path)
    assert report["exit_code"] == 0, output
    assert {phase["status"] for phase in report["phases"].values()} == {"success"}
    # All but `/openapi.json`, which it leaves out, have answered something else than a refusal. To
    # ids of bookings it finds its way by the links of `POST /book`, which it does not count.
    rates = report["valid_rates"]
    assert _has_answered(stack, route="/booking/<booking_id>", method="GET", status="200")
    assert {name for name in rates if _accepted(rates[name])} >= ACCEPTED_ONCE
    assert "unexpected error" not in stack.logs("gateway")


def _has_answered(stack: Stack, **labels: str) -> bool:
    key = {"Authorization": f"Bearer {KEY}"}
    text = requests.get(f"{stack.url}/metrics", headers=key, timeout=30).text
    answered = [
        sample.labels
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "clinic_http_requests_total"
    ]
    return labels in answered


def _accepted(rates: dict[str, dict[str, int]]) -> bool:
    return any(phase["accepted"] for phase in rates.values())
