from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from notification_service.channels.webhook_signature import sign
from tests.conftest import eventually
from tests.e2e.stack import Stack
from tests.mailbox import Mailbox, running_mailbox
from tests.receiver import Receiver, receiving


def test_a_hanging_endpoint_does_not_delay_the_email_to_the_patient(
    make_stack: Callable[..., Stack], amqp_uri: str, mongodb_uri: str, tmp_path: Path
) -> None:
    for mailbox in running_mailbox(tmp_path):
        with receiving() as endpoint:
            endpoint.hang()
            stack = make_stack(
                amqp_uri,
                mongodb_uri,
                SMTP_HOST="127.0.0.1",
                SMTP_PORT=str(mailbox.port),
                WEBHOOK_URL=endpoint.url,
                WEBHOOK_SECRET="known to the two",
            )
            stack.start_all()
            assert_patient_first(stack, mailbox, endpoint)


def assert_patient_first(stack: Stack, mailbox: Mailbox, endpoint: Receiver) -> None:
    booking_id = stack.book()
    eventually(mailbox.emails)
    assert "webhook endpoint notified" not in stack.logs("notification_service")
    endpoint.go_on()
    eventually(lambda: "webhook endpoint notified" in stack.logs("notification_service"))
    call = endpoint.calls[-1]
    timestamp = int(call.headers["X-Clinic-Timestamp"])
    assert call.headers["X-Clinic-Signature"] == sign(call.raw, timestamp, ["known to the two"])
    assert set(endpoint.event_ids) == {f"{booking_id}:2"}
    assert "known to the two" not in stack.logs()
