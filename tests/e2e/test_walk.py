"""The documented example, its events and the nameko shell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from nameko.events import event_handler

from clinic.domain.clock import now, to_wire
from runner.processes.services import ROOT
from tests.amqp import body_of, consumers, depth, subscriber
from tests.conftest import eventually
from tests.e2e.stack import EXAMPLE, Stack

TOMORROW = (now() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture
def stack(make_stack: Callable[..., Stack], amqp_uri: str, mongodb_uri: str) -> Stack:
    stack = make_stack(amqp_uri, mongodb_uri)
    stack.start_all()
    return stack


def test_the_documented_example_works_unchanged(
    make_stack: Callable[..., Stack], amqp_uri: str, mongodb_uri: str
) -> None:
    stack = make_stack(amqp_uri, mongodb_uri, AVAILABILITY_DELAY_SECONDS="2-5")
    stack.start_all()
    response = stack.post()
    booking = response.json()["booking"]
    assert (response.status_code, booking["status"]) == (201, "pending")
    assert {name: booking[name] for name in EXAMPLE} == EXAMPLE
    after = stack.decided(booking["id"])
    assert (after["status"], after["reason"]) == ("rejected", "past")
    took = datetime.fromisoformat(after["updatedAt"]) - datetime.fromisoformat(after["createdAt"])
    assert took >= timedelta(seconds=2)
    listed = requests.get(f"{stack.url}/bookings/", timeout=30).json()
    assert listed == [after]
    assert not {"patientName", "patientEmail"} & set(after)
    credential = {"Authorization": f"Bearer {booking['manageToken']}"}
    shown = requests.get(f"{stack.url}/booking/{booking['id']}", headers=credential, timeout=30)
    assert shown.json() == after | {name: EXAMPLE[name] for name in ("patientName", "patientEmail")}


def test_a_free_slot_is_confirmed_and_the_patient_notified(
    stack: Stack, delivery_records: Callable[[], dict[str, str]]
) -> None:
    booking_id = stack.book(date=to_wire(TOMORROW))
    assert stack.decided(booking_id)["status"] == "confirmed"
    eventually(lambda: delivery_records() == {f"{booking_id}:2:email": "sent"})
    eventually(lambda: f"event_id={booking_id}:2" in stack.logs("notification_service"))


def test_logs_contain_no_personal_data(
    stack: Stack, delivery_records: Callable[[], dict[str, str]]
) -> None:
    name, address = "Canario Azul", "canario.azul@jaula.example"
    for date in (EXAMPLE["date"], to_wire(TOMORROW), "nonsense"):
        stack.post(patientName=name, patientEmail=address, date=date)
    eventually(lambda: list(delivery_records().values()) == ["sent", "sent"])
    logs = stack.logs()
    assert "booking decided" in logs
    for secret in (name, "Canario", address, "canario.azul", "jaula"):
        assert secret not in logs


class ThirdPartyService:
    """A third-party service that uses only nameko."""

    name = "stranger"
    heard: list[dict[str, Any]]

    @event_handler("booking_service", "booking_state_changed")
    def listen(self, event: dict[str, Any]) -> None:
        self.heard.append(event)


def test_a_third_party_service_gets_each_event_once(
    stack: Stack, config: dict[str, Any], container_factory: Any, amqp_uri: str
) -> None:
    ThirdPartyService.heard = []
    container = container_factory(ThirdPartyService, config)
    container.start()
    with subscriber(amqp_uri, "booking_notifications") as received:
        ids = [stack.book() for _ in range(5)]
        for booking_id in ids:
            stack.decided(booking_id)
        eventually(lambda: len(ThirdPartyService.heard) == 5)
        plain = [body_of(message) for message in eventually(lambda: received())]
        plain += [body_of(message) for message in received()]
    container.stop()
    expected = sorted(f"{booking_id}:2" for booking_id in ids)
    assert sorted(event["eventId"] for event in ThirdPartyService.heard) == expected
    assert sorted(event["eventId"] for event in plain) == expected


SHELL = """
created = n.rpc.booking_service.create_booking(
    "Ana", "ana@example.com", "2023-12-01T10:00:00Z")
print("CREATED", created["status"])
print("READ", n.rpc.booking_service.get_booking(created["id"])["id"] == created["id"])
print("LISTED", len(n.rpc.booking_service.list_bookings(limit=10)))
n.rpc.booking_service.get_booking("nobody")
"""


def test_nameko_shell_reaches_the_service(stack: Stack, amqp_uri: str, tmp_path: Path) -> None:
    eventually(lambda: consumers(amqp_uri, "rpc-booking_service"))
    output = _run_in_shell(SHELL, amqp_uri, tmp_path)
    for expected in ("CREATED pending", "READ True", "LISTED 1", "RemoteError: BookingNotFound"):
        assert expected in output


ADMIN_SHELL = """
admin, booking_id = n.rpc.notification_admin, "{}"
print("LISTED", [each["state"] for each in admin.list_notifications(booking_id)])
print("OPENED", admin.resend(booking_id, 2, "email")["state"])
admin.resend(booking_id, 1, "email")
"""


def test_nameko_shell_resends_an_email(
    stack: Stack, amqp_uri: str, tmp_path: Path, delivery_records: Callable[[], dict[str, str]]
) -> None:
    booking_id = stack.book()
    message_id = f"{booking_id}.2"
    eventually(lambda: delivery_records() == {f"{booking_id}:2:email": "sent"})
    eventually(lambda: consumers(amqp_uri, "rpc-notification_admin"))
    output = _run_in_shell(ADMIN_SHELL.format(booking_id), amqp_uri, tmp_path)
    for expected in ("LISTED ['sent']", "OPENED postponed", "RemoteError: ResendRejected"):
        assert expected in output
    eventually(lambda: f"{message_id}.resend1" in stack.logs("notification_service"))
    assert "rpc requested a resend: email" in stack.logs("notification_service")


def _run_in_shell(text: str, amqp_uri: str, home: Path) -> str:
    """Run the code in the shell and return its output."""
    command = [Path(sys.executable).with_name("nameko"), "shell", "--config", "config.yaml"]
    shell = subprocess.run(
        command,
        input="\n".join(_join_calls(text)),
        env={"AMQP_URI": amqp_uri, "PATH": "/usr/bin:/bin", "HOME": str(home)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return shell.stdout + shell.stderr


def _join_calls(text: str) -> list[str]:
    """The shell reads line by line, so calls are joined into one line."""
    return text.replace("(\n    ", "(").strip().splitlines()


def test_decided_requests_leave_the_queue(stack: Stack, amqp_uri: str) -> None:
    for booking_id in [stack.book() for _ in range(20)]:
        stack.decided(booking_id)
    eventually(lambda: depth(amqp_uri, "booking_requests") == 0)
