"""Cancelling and rescheduling by patients, and the e-mails about it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from clinic.domain.clock import now, to_wire
from runner.processes.services import ROOT
from tests.amqp import consumers
from tests.conftest import eventually
from tests.e2e.stack import Stack
from tests.mailbox import Mailbox

TOMORROW = (now() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
LATER = TOMORROW + timedelta(days=1)


@pytest.fixture
def stack(
    make_stack: Callable[..., Stack], amqp_uri: str, mongodb_uri: str, mailbox: Mailbox
) -> Stack:
    stack = make_stack(
        amqp_uri,
        mongodb_uri,
        SMTP_HOST="127.0.0.1",
        SMTP_PORT=str(mailbox.port),
        STAFF_API_KEY="the-key-of-the-staff",
    )
    stack.start_all()
    eventually(lambda: consumers(amqp_uri, "rpc-booking_service"))
    return stack


def confirmed(stack: Stack, slot: str) -> tuple[str, str]:
    """Book a slot, wait for the confirmation, and return the URL of the booking and its token."""
    booking = stack.post(date=slot).json()["booking"]
    assert stack.decided(booking["id"])["status"] == "confirmed"
    return f"{stack.url}/booking/{booking['id']}", booking["manageToken"]


def change(url: str, token: str, **body: Any) -> requests.Response:
    return requests.post(url, json=body or None, headers=bearer(token), timeout=30)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def free_slots(stack: Stack) -> list[str]:
    response = requests.get(f"{stack.url}/slots?date={TOMORROW.date()}", timeout=30)
    assert response.status_code == 200, response.text
    starts: list[str] = response.json()
    return starts


def test_a_patient_gets_an_email_for_confirmation_rescheduling_and_cancellation(
    stack: Stack, mailbox: Mailbox
) -> None:
    slot = to_wire(TOMORROW)
    assert slot in free_slots(stack)
    url, token = confirmed(stack, slot)
    assert slot not in free_slots(stack)
    eventually(lambda: len(mailbox.emails()) == 1)

    moved = change(f"{url}/reschedule", token, date=to_wire(LATER))
    assert (moved.status_code, moved.json()["date"]) == (200, to_wire(LATER))
    assert requests.get(url, headers=bearer(token), timeout=30).json() == moved.json()
    assert slot in free_slots(stack)
    eventually(lambda: len(mailbox.emails()) == 2)

    cancelled = change(f"{url}/cancel", token)
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert change(f"{url}/cancel", token).json() == cancelled.json()
    eventually(lambda: len(mailbox.emails()) == 3)
    assert [email["Subject"] for email in mailbox.emails()] == [
        "Su cita está confirmada",
        "Su cita ha cambiado de fecha",
        "Su cita está anulada",
    ]


def test_rescheduling_to_a_taken_slot_is_rejected(stack: Stack) -> None:
    confirmed(stack, to_wire(LATER))
    url, token = confirmed(stack, to_wire(TOMORROW))
    response = change(f"{url}/reschedule", token, date=to_wire(LATER))
    assert (response.status_code, response.json()["reason"]) == (409, "slot_full")
    assert requests.get(url, timeout=30).json()["date"] == to_wire(TOMORROW)
    assert change(f"{url}/cancel", "wrong").status_code == 403
    assert change(f"{url}/cancel", "the-key-of-the-staff").json()["reason"] == "cancelled_by_clinic"


def test_without_the_booking_service_only_new_bookings_are_accepted(
    make_stack: Callable[..., Stack], amqp_uri: str, mongodb_uri: str
) -> None:
    stack = make_stack(amqp_uri, mongodb_uri)
    stack.start("gateway")
    eventually(stack.is_ready)
    booking = stack.post(date=to_wire(TOMORROW)).json()["booking"]
    url = f"{stack.url}/booking/{booking['id']}"
    response = change(f"{url}/cancel", booking["manageToken"])
    assert (response.status_code, response.json()["code"]) == (503, "service_unavailable")
    assert response.headers["Retry-After"] == "5"
    service = stack.start("booking_service")
    eventually(lambda: change(f"{url}/cancel", booking["manageToken"]).status_code == 200)
    service.stop()
    assert change(f"{url}/cancel", booking["manageToken"]).status_code == 503
    assert stack.get(booking["id"])["status"] == "cancelled"


SHELL = """
service = n.rpc.booking_service
print("FREE", len(service.list_free_slots("{day}")) > 0)
print("MOVED", service.reschedule_booking("{id}", "{later}")["date"])
print("CANCELLED", service.cancel_booking("{id}")["reason"])
service.reschedule_booking("{id}", "{later}")
"""


def test_nameko_shell_reschedules_and_cancels(stack: Stack, amqp_uri: str, tmp_path: Path) -> None:
    url, _ = confirmed(stack, to_wire(TOMORROW))
    booking_id = url.rpartition("/")[2]
    shell = subprocess.run(
        [Path(sys.executable).with_name("nameko"), "shell", "--config", "config.yaml"],
        input=SHELL.format(id=booking_id, later=to_wire(LATER), day=LATER.date()),
        env={"AMQP_URI": amqp_uri, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    output = shell.stdout + shell.stderr
    for expected in (
        "FREE True",
        f"MOVED {to_wire(LATER)}",
        "CANCELLED cancelled_by_clinic",
        "RemoteError: IllegalTransition",
    ):
        assert expected in output
