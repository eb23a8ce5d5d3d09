"""Concurrent bookings, and several processes that share the work."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import eventlet
from nameko.standalone.rpc import ServiceRpcProxy

from clinic.domain.clock import now, to_wire
from tests.amqp import consumers
from tests.conftest import eventually
from tests.e2e.stack import Stack
from tests.mailbox import Mailbox

TOMORROW = (now() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
CHECK_SECONDS = 6


def book_at_once(stack: Stack, count: int, **fields: Any) -> list[str]:
    pool = eventlet.GreenPool(16)
    return list(pool.imap(lambda _: stack.book(**fields), range(count)))


def test_racing_requests_fill_a_slot_exactly(
    make_stack: Callable[..., Stack], amqp_uri: str, mongodb_uri: str
) -> None:
    stack = make_stack(amqp_uri, mongodb_uri, CLINIC_SEATS_PER_SLOT="3")
    stack.start_all()
    stack.start("booking_service")
    eventually(lambda: "starting services" in stack.logs("booking_service.3"))
    ids = book_at_once(stack, 40, date=to_wire(TOMORROW))
    after = [stack.decided(booking_id) for booking_id in ids]
    assert Counter((each["status"], each["reason"]) for each in after) == {
        ("confirmed", None): 3,
        ("rejected", "slot_full"): 37,
    }
    for log in ("booking_service.1", "booking_service.3"):
        assert "booking decided" in stack.logs(log)


def test_a_hundred_checks_run_concurrently_and_do_not_block_rpc(
    make_stack: Callable[..., Stack], amqp_uri: str, mongodb_uri: str, config: dict[str, Any]
) -> None:
    stack = make_stack(
        amqp_uri,
        mongodb_uri,
        AVAILABILITY_DELAY_SECONDS=str(CHECK_SECONDS),
        BOOKING_MAX_WORKERS="120",
    )
    stack.start_all()
    eventually(lambda: consumers(amqp_uri, "rpc-booking_service"))
    with ServiceRpcProxy("booking_service", config, timeout=60) as rpc:
        rpc.list_bookings(limit=1)
        ids = book_at_once(stack, 100)
        responses = []
        while rpc.get_booking(ids[-1])["status"] == "pending":
            before = time.monotonic()
            rpc.get_booking(ids[0])
            responses.append(time.monotonic() - before)
    after = [stack.decided(booking_id) for booking_id in ids]
    decided_at = [datetime.fromisoformat(each["updatedAt"]) for each in after]
    # All checks take the same time. If the last one ended within that time of the first, it began
    # before the first one ended, so that all of them were in flight together.
    assert max(decided_at) - min(decided_at) < timedelta(seconds=CHECK_SECONDS)
    # An RPC call waiting for a worker would take as long as the rest of a check.
    assert statistics.median(responses) < CHECK_SECONDS / 10


def _shares(stack: Stack, logs: tuple[str, ...]) -> list[int] | None:
    """The number of e-mails that each process sent, once all were sent."""
    shares = [stack.logs(log).count("patient notified") for log in logs]
    return shares if sum(shares) == 60 else None


def test_several_notifiers_share_the_work_and_send_no_duplicate_emails(
    make_stack: Callable[..., Stack], amqp_uri: str, mongodb_uri: str, mailbox: Mailbox
) -> None:
    stack = make_stack(amqp_uri, mongodb_uri, SMTP_HOST="127.0.0.1", SMTP_PORT=str(mailbox.port))
    stack.start_all()
    stack.start("notification_service")
    logs = ("notification_service.2", "notification_service.3")
    eventually(lambda: all("starting services" in stack.logs(log) for log in logs))
    ids = book_at_once(stack, 60)
    emails = eventually(lambda: (found := mailbox.emails()) and len(found) >= 60 and found)
    message_ids = Counter(email["Message-ID"] for email in emails)
    assert message_ids == {f"<{booking_id}.2@clinica.example>": 1 for booking_id in ids}
    shares = eventually(lambda: _shares(stack, logs))
    assert min(shares) > 0
