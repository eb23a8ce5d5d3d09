"""Schemathesis generates valid, invalid and chained requests from `/openapi.json` of a running
gateway. It runs in a separate process, without eventlet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.amqp import consumers
from tests.conftest import eventually
from tests.e2e.stack import Stack

KEY = "the-key-of-the-staff"
EXAMPLES = 10  # for each operation and phase, besides the edge cases that are always tested

#: The only check that fails, because JSON Schema cannot express all rules for names, e-mail
#: addresses and cursors.
EXCLUDED_CHECK = "positive_data_acceptance"

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
    "GET /admin/services",
    "GET /admin/schedules",
    "GET /admin/sites",
    "PUT /admin/sites/{id}",
}


def run_schemathesis(url: str, directory: Path) -> tuple[str, dict[str, Any]]:
    """Run Schemathesis and return its output and its report."""
    report = directory / "report.json"
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json"]
    command += ["--generation-deterministic", "--max-examples", str(EXAMPLES), "--no-color"]
    command += ["--header", f"Authorization: Bearer {KEY}", "--exclude-checks", EXCLUDED_CHECK]
    command += ["--report", "json", "--report-json-path", str(report)]
    environment = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore"}
    run = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    return run.stdout + run.stderr, json.loads(report.read_text())


@pytest.mark.timeout(600)
def test_the_gateway_conforms_to_its_openapi_document(
    make_stack: Callable[..., Stack], amqp_uri: str, mongodb_uri: str, tmp_path: Path
) -> None:
    stack = make_stack(amqp_uri, mongodb_uri, STAFF_API_KEY=KEY)
    stack.start("gateway")
    stack.start("booking_service")
    eventually(stack.is_ready)
    eventually(lambda: consumers(amqp_uri, "rpc-booking_service"))
    output, report = run_schemathesis(stack.url, tmp_path)
    assert report["exit_code"] == 0, output
    assert {phase["status"] for phase in report["phases"].values()} == {"success"}
    # It gets booking ids from the links of `POST /book`, which are not part of its rates.
    links = [("GET", "/booking/<booking_id>"), ("POST", "/booking/<booking_id>/cancel")]
    assert any(
        _has_answered(stack, route=route, method=method, status="200") for method, route in links
    )
    rates = report["valid_rates"]
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
