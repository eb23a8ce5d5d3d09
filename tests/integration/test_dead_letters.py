"""`python -m clinic dead-letters ...`, run as a command against a real broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection
from kombu.message import Message
from pymongo.database import Database

from booking_service.service import BookingWorker
from clinic.bookings.repository import BookingRepository
from clinic.contracts import strict_json
from clinic.contracts.messages import BookingRequested, BookingStateChanged
from clinic.domain import booking as steps
from clinic.domain.booking import Booking, Status
from clinic.domain.clock import now, to_wire
from clinic.domain.retry_policy import ATTEMPT_HEADER
from clinic.messaging import topology
from clinic.outbox.outbox import Outbox
from notification_service.service import NotificationService, WebhookService
from runner.backends.ports import free_port
from runner.backends.rabbitmq import RabbitNode
from runner.processes.services import ROOT
from tests.amqp import body_of, depth, put, take
from tests.bookings import put_booking
from tests.conftest import eventually
from tests.dead_letters import DEAD_LETTERED_AT, park, request
from tests.mailbox import Mailbox
from tests.receiver import receiving

REQUESTS = topology.BOOKING_REQUESTS
EMAIL = topology.EMAIL
WEBHOOK = topology.WEBHOOK
MANY = 300


class CommandLine:
    """The command line, run in a process of its own."""

    def __init__(self, amqp_uri: str) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "AMQP_URI": amqp_uri,
            "MONGODB_URI": "mongodb://127.0.0.1:1/nobody",
            "BOOKING_RETRY_TTL_SECONDS": "1",
            "EMAIL_RETRY_TTL_SECONDS": "1",
        }

    def run(
        self, *arguments: str, stdin: str = "", program: Sequence[str] = ("-m", "clinic")
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *program, *arguments],
            input=stdin,
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    def dead_letters(self, *arguments: str) -> list[str]:
        """Run `dead-letters` and return its lines, which must be its only output."""
        run = self.run("dead-letters", *arguments)
        assert (run.returncode, run.stderr) == (0, "")
        return run.stdout.splitlines()

    def listed_rows(self, *arguments: str) -> list[list[str]]:
        """The cells of each row of the list, without heading and count."""
        return [line.split() for line in self.dead_letters("list", *arguments)[1:-1]]

    def fail(self, *arguments: str, stdin: str = "") -> tuple[int, str]:
        run = self.run("dead-letters", *arguments, stdin=stdin)
        assert run.returncode != 0
        return run.returncode, run.stderr


@pytest.fixture
def cli(amqp_uri: str) -> CommandLine:
    with Connection(amqp_uri) as connection:
        topology.declare(connection.default_channel, [1, 2])
    return CommandLine(amqp_uri)


@pytest.fixture
def store(database: Database[Any]) -> BookingRepository:
    return BookingRepository(database, Outbox(database, 60))


@pytest.fixture
def mailbox(mailbox: Mailbox, config: dict[str, Any]) -> Mailbox:
    config["SMTP"] |= {"host": "127.0.0.1", "port": mailbox.port}
    return mailbox


def pending(store: BookingRepository, address: str = "ana@example.com") -> Booking:
    return put_booking(store, patient_email=address, date=now() - timedelta(days=1))


def message_of(booking: Booking) -> bytes:
    return strict_json.dumps(BookingRequested.of(booking).to_body())


def headers_of(message: Message) -> dict[str, Any]:
    """The headers as sent, without the delivery count that the broker adds."""
    return {name: each for name, each in message.headers.items() if name != "x-delivery-count"}


def take_all(amqp_uri: str, queue: str) -> list[Message]:
    return list(iter(lambda: take(amqp_uri, queue), None))


def reject(amqp_uri: str, queue: str) -> None:
    """Reject a message, as a consumer does that cannot unpack it."""
    with Connection(amqp_uri) as connection:
        channel = connection.default_channel
        message = channel.message_to_python(channel.basic_get(queue))
        message.reject()


def requeue_until_dead_lettered(amqp_uri: str, queue: str) -> None:
    """Requeue a message up to the delivery limit, as consumers do that it crashes."""

    def is_gone() -> bool:
        with Connection(amqp_uri) as connection:
            channel = connection.default_channel
            found = channel.basic_get(queue)
            if found is not None:
                channel.message_to_python(found).requeue()
            return found is None and depth(amqp_uri, f"{REQUESTS.dead_letter}") == 1

    eventually(is_gone)


# --- list


def test_an_empty_list_prints_a_heading_and_a_zero_count(cli: CommandLine) -> None:
    heading, count = cli.dead_letters("list")
    assert heading.split() == ["ID", "QUEUE", "ERROR", "ATTEMPT", "REPLAYED", "DEAD-LETTERED"]
    assert count == "0 dead letters"


def test_the_list_has_a_row_per_dead_letter_oldest_first(cli: CommandLine, amqp_uri: str) -> None:
    ids = [park(amqp_uri) for _ in range(3)]
    ids.append(park(amqp_uri, work=EMAIL, headers={"x-error-code": "recipient_rejected"}))
    rows = cli.listed_rows()
    assert rows[0][:5] == [ids[0], "booking_dead_letter", "check_unavailable", "3", "0"]
    assert rows[0][5].startswith("2026-01-02T03:")
    assert [row[0] for row in rows] == ids
    assert rows[3][1:3] == ["notification_service.email.dead_letter", "recipient_rejected"]
    assert cli.dead_letters("list")[-1] == "4 dead letters"


def test_the_columns_of_the_list_are_aligned(cli: CommandLine, amqp_uri: str) -> None:
    park(amqp_uri)
    park(amqp_uri, work=EMAIL)
    heading, first, second, _ = cli.dead_letters("list")
    for name, start in (("QUEUE", "booking_d"), ("ERROR", "check_"), ("DEAD-LETTERED", "2026")):
        assert heading.index(name) == first.index(start)
    assert first.index("check_") == second.index("check_")


def test_the_list_filters_by_error_code(cli: CommandLine, amqp_uri: str) -> None:
    park(amqp_uri)
    wanted = park(amqp_uri, headers={"x-error-code": "poison_message"})
    assert [row[0] for row in cli.listed_rows("--error-code", "poison_message")] == [wanted]
    assert cli.dead_letters("list", "--error-code", "poison_message")[-1] == "1 dead letters"
    assert cli.listed_rows("--error-code", "nonsense") == []


def test_reading_dead_letters_changes_nothing(cli: CommandLine, amqp_uri: str) -> None:
    ids = [park(amqp_uri) for _ in range(50)]
    for _ in range(3):
        assert [row[0] for row in cli.listed_rows()] == ids
        cli.dead_letters("show", ids[7])
        cli.dead_letters("replay", "--all", "--dry-run")
    assert depth(amqp_uri, REQUESTS.name) == 0
    left = take_all(amqp_uri, REQUESTS.dead_letter)
    assert {message.headers["x-dead-letter-id"] for message in left} == set(ids)
    assert len(left) == 50


def test_reading_does_not_hide_dead_letters_from_the_next_reader(
    cli: CommandLine, amqp_uri: str
) -> None:
    park(amqp_uri)
    cli.listed_rows()
    assert depth(amqp_uri, REQUESTS.dead_letter) == 1


def test_a_message_dead_lettered_by_a_service_is_listed_with_its_attempts(
    cli: CommandLine,
    store: BookingRepository,
    config: dict[str, Any],
    container_factory: Any,
    amqp_uri: str,
) -> None:
    config["AVAILABILITY"]["failure_rate"] = 1
    worker = container_factory(BookingWorker, config)
    worker.start()
    put(amqp_uri, REQUESTS.name, message_of(pending(store)), content_type="application/json")
    put(amqp_uri, REQUESTS.name, b"{", content_type="application/json")
    eventually(lambda: depth(amqp_uri, REQUESTS.dead_letter) == 2)
    worker.stop()
    poison, failed = cli.listed_rows()
    assert poison[1:5] == ["booking_dead_letter", "poison_message", "1", "0"]
    assert failed[1:5] == ["booking_dead_letter", "check_unavailable", "3", "0"]
    assert poison[0] != failed[0]


def test_a_message_dead_lettered_by_the_broker_is_listed_with_its_reason(
    cli: CommandLine, amqp_uri: str
) -> None:
    body = strict_json.dumps(request())
    put(amqp_uri, REQUESTS.name, body, content_type="application/json")
    requeue_until_dead_lettered(amqp_uri, REQUESTS.name)
    (row,) = cli.listed_rows()
    assert row[1:5] == ["booking_dead_letter", "delivery_limit", "1", "0"]
    assert abs(datetime.fromisoformat(row[5]) - now()) < timedelta(minutes=2)
    # It has no dead-letter id; the one derived from it is the same at every read.
    assert cli.listed_rows() == [row]
    shown = cli.dead_letters("show", row[0])
    assert f"body: {body.decode()}" in shown
    cli.dead_letters("replay", row[0])
    message = take(amqp_uri, REQUESTS.name)
    assert message is not None
    assert body_of(message) == strict_json.loads(body)
    assert headers_of(message) == {"x-replay-count": 1}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(b"not zlib", {"compression": "application/x-gzip"}, id="false compression"),
        pytest.param(b"\xff\x00\x1b[31m", {}, id="no text"),
    ],
)
def test_an_unreadable_rejected_message_can_be_inspected_and_replayed(
    cli: CommandLine, amqp_uri: str, body: bytes, headers: dict[str, Any]
) -> None:
    put(amqp_uri, REQUESTS.name, body, content_type="application/x-nonsense", headers=headers)
    reject(amqp_uri, REQUESTS.name)
    (row,) = eventually(cli.listed_rows)
    assert row[2] == "rejected"
    shown = cli.dead_letters("show", row[0])
    assert shown[-1].startswith("body: ")
    cli.dead_letters("replay", row[0])
    message = take(amqp_uri, REQUESTS.name)
    assert message is not None
    assert (message.body, message.content_type) == (body, "application/x-nonsense")


@pytest.mark.parametrize(
    "headers",
    [
        {ATTEMPT_HEADER: ["x"]},
        {ATTEMPT_HEADER: None},
        {ATTEMPT_HEADER: {"a": 1}},
        {"x-replay-count": "many"},
        {"x-replay-count": [1]},
        {"x-dead-lettered-at": {"a": 1}},
        {"x-dead-letter-id": {"a": 1}},
        {"x-error-code": ["a", "b"]},
        {"x-error-code": None, "x-error-message": 7},
    ],
    ids=repr,
)
def test_malformed_headers_do_not_block_other_dead_letters(
    cli: CommandLine, amqp_uri: str, headers: dict[str, Any]
) -> None:
    park(amqp_uri, headers=headers)
    innocent = park(amqp_uri)
    _, *rows, count = cli.dead_letters("list")
    assert [row.startswith(innocent) for row in rows].count(True) == 1
    assert count == "2 dead letters"
    assert cli.dead_letters("replay", "--all")[-1] == "Replayed: 2"
    assert depth(amqp_uri, REQUESTS.name) == 2


# --- show


def test_a_dead_letter_is_shown_with_its_headers_and_body(cli: CommandLine, amqp_uri: str) -> None:
    park(amqp_uri)
    body = strict_json.dumps(request())
    id_ = park(amqp_uri, body, headers={"nameko.request_id": "r-1"})
    shown = dict(line.partition(": ")[::2] for line in cli.dead_letters("show", id_))
    headers = strict_json.loads(shown.pop("headers").encode())
    assert shown == {
        "id": id_,
        "queue": "booking_dead_letter",
        "errorCode": "check_unavailable",
        "errorMessage": "the availability check gave no answer",
        "attempt": "3",
        "replayCount": "0",
        "deadLetteredAt": headers["x-dead-lettered-at"],
        "body": body.decode(),
    }
    assert (headers["nameko.request_id"], headers["x-original-queue"]) == (
        "r-1",
        "booking_requests",
    )


def test_an_unknown_id_is_reported_in_one_line(cli: CommandLine, amqp_uri: str) -> None:
    park(amqp_uri)
    assert cli.fail("show", "nobody") == (1, "Error: there is no dead letter nobody\n")


# --- replay


def test_a_dead_letter_replayed_by_id_starts_over_as_a_new_message(
    cli: CommandLine, amqp_uri: str
) -> None:
    body = strict_json.dumps(request())
    ids = [
        park(amqp_uri),
        park(amqp_uri, body, headers={"nameko.request_id": "r-1"}),
        park(amqp_uri),
    ]
    assert cli.dead_letters("replay", ids[1])[-1] == "Replayed: 1"
    (message,) = take_all(amqp_uri, REQUESTS.name)
    assert body_of(message) == strict_json.loads(body)
    assert message.content_type == "application/json"
    assert message.properties["delivery_mode"] == 2
    # It has all its attempts again, and keeps its request id for tracing.
    assert headers_of(message) == {
        "x-replay-count": 1,
        "nameko.request_id": "r-1",
    }
    assert [row[0] for row in cli.listed_rows()] == [ids[0], ids[2]]


def test_several_ids_can_be_replayed_at_once(cli: CommandLine, amqp_uri: str) -> None:
    ids = [park(amqp_uri) for _ in range(3)]
    assert cli.dead_letters("replay", ids[2], ids[0])[-1] == "Replayed: 2"
    assert [row[0] for row in cli.listed_rows()] == [ids[1]]


def test_dead_letters_are_replayed_by_error_code(cli: CommandLine, amqp_uri: str) -> None:
    kept = park(amqp_uri, headers={"x-error-code": "poison_message"})
    for _ in range(2):
        park(amqp_uri)
    assert cli.dead_letters("replay", "--error-code", "check_unavailable")[-1] == "Replayed: 2"
    assert [row[0] for row in cli.listed_rows()] == [kept]


def test_replaying_all_returns_each_dead_letter_to_its_original_queue(
    cli: CommandLine, amqp_uri: str
) -> None:
    for _ in range(2):
        park(amqp_uri)
    park(amqp_uri, work=EMAIL)
    assert cli.dead_letters("replay", "--all")[-1] == "Replayed: 3"
    assert cli.listed_rows() == []
    assert (depth(amqp_uri, REQUESTS.name), depth(amqp_uri, EMAIL.name)) == (2, 1)


def test_a_failed_webhook_is_sent_again_when_its_dead_letter_is_replayed(
    cli: CommandLine,
    store: BookingRepository,
    config: dict[str, Any],
    container_factory: Any,
    amqp_uri: str,
) -> None:
    with receiving() as endpoint:
        endpoint.answers = [410]
        config["WEBHOOK"] = {"url": endpoint.url, "secret": "known to the receiver"}
        service = container_factory(WebhookService, config)
        service.start()
        event = rejection_of(pending(store, "ana@example.com"), store)
        put(amqp_uri, WEBHOOK.name, event, content_type="application/json")
        (row,) = eventually(cli.listed_rows)
        assert row[1:3] == [WEBHOOK.dead_letter, "webhook_rejected"]
        cli.dead_letters("replay", row[0])
        eventually(lambda: len(endpoint.calls) == 2)
        service.stop()
    assert endpoint.event_ids[0] == endpoint.event_ids[1]
    assert cli.listed_rows() == []


def test_dead_letters_of_a_disabled_webhook_can_be_listed_and_dropped(
    cli: CommandLine, amqp_uri: str
) -> None:
    park(amqp_uri, work=WEBHOOK)
    assert cli.listed_rows()[0][1] == WEBHOOK.dead_letter
    assert cli.dead_letters("drop", "--all", "--yes")[-1] == "Dropped: 1"


def test_an_id_and_an_error_code_must_both_match(cli: CommandLine, amqp_uri: str) -> None:
    id_ = park(amqp_uri)
    assert cli.dead_letters("replay", id_, "--error-code", "poison_message")[-1] == "Replayed: 0"
    assert depth(amqp_uri, REQUESTS.name) == 0


def test_a_dry_run_prints_the_selection_and_changes_nothing(
    cli: CommandLine, amqp_uri: str
) -> None:
    ids = [park(amqp_uri) for _ in range(2)]
    lines = cli.dead_letters("replay", "--all", "--dry-run")
    assert lines[:2] == [f"{id_} check_unavailable" for id_ in ids]
    assert "dry run" in lines[2]
    assert (depth(amqp_uri, REQUESTS.name), depth(amqp_uri, REQUESTS.dead_letter)) == (0, 2)


def test_each_replay_increments_the_replay_count_of_the_message(
    cli: CommandLine, amqp_uri: str
) -> None:
    park(amqp_uri, b"{", headers={"x-replay-count": 4})
    assert cli.listed_rows()[0][4] == "4"
    cli.dead_letters("replay", "--all")
    (message,) = take_all(amqp_uri, REQUESTS.name)
    assert message.headers["x-replay-count"] == 5


@pytest.mark.parametrize("command", [["replay"], ["replay", "--dry-run"], ["drop", "--yes"]])
def test_a_command_without_a_selection_is_a_usage_error(
    cli: CommandLine, amqp_uri: str, command: list[str]
) -> None:
    park(amqp_uri)
    code, output = cli.fail(*command)
    assert code == 2
    assert output.startswith("Usage: python -m clinic dead-letters")
    assert output.splitlines()[-1] == "Error: name the dead letters: ids, --error-code or --all"
    assert (depth(amqp_uri, REQUESTS.name), depth(amqp_uri, REQUESTS.dead_letter)) == (0, 1)


def test_a_replayed_message_is_dead_lettered_again_only_after_new_attempts(
    cli: CommandLine,
    store: BookingRepository,
    config: dict[str, Any],
    container_factory: Any,
    amqp_uri: str,
) -> None:
    config["AVAILABILITY"]["failure_rate"] = 1
    worker = container_factory(BookingWorker, config)
    worker.start()
    first = park(amqp_uri, message_of(pending(store)))
    cli.dead_letters("replay", first)
    (row,) = eventually(cli.listed_rows)
    worker.stop()
    assert row[2:5] == ["check_unavailable", "3", "1"]
    assert row[0] != first
    assert row[5] > to_wire(DEAD_LETTERED_AT + timedelta(days=1))


def test_replaying_a_request_decides_the_booking_and_clears_its_review_flag(
    cli: CommandLine,
    store: BookingRepository,
    config: dict[str, Any],
    container_factory: Any,
    amqp_uri: str,
) -> None:
    config["AVAILABILITY"]["failure_rate"] = 1
    config["BOOKING_RETRY"]["max_attempts"] = 1
    failing = container_factory(BookingWorker, config)
    failing.start()
    booking = pending(store)
    put(amqp_uri, REQUESTS.name, message_of(booking), content_type="application/json")
    eventually(lambda: depth(amqp_uri, REQUESTS.dead_letter) == 1)
    failing.stop()
    assert store.get(booking.id).attention is not None
    config["AVAILABILITY"]["failure_rate"] = 0
    repaired = container_factory(BookingWorker, config)
    repaired.start()
    cli.dead_letters("replay", "--error-code", "check_unavailable")
    after = eventually(lambda: decided(store, booking))
    repaired.stop()
    assert (after.status, after.reason, after.attention) == ("rejected", "past", None)
    assert cli.listed_rows() == []


def rejection_of(booking: Booking, store: BookingRepository) -> bytes:
    """Reject it and return the event."""
    transition = steps.reject(booking, reason="past", at=now(), by="test")
    store.apply(transition)
    return strict_json.dumps(BookingStateChanged.of(transition).to_body())


def decided(store: BookingRepository, booking: Booking) -> Booking | None:
    current = store.get(booking.id)
    return current if current.status is not Status.PENDING else None


def test_a_replayed_email_is_attempted_again(
    cli: CommandLine,
    store: BookingRepository,
    config: dict[str, Any],
    container_factory: Any,
    mailbox: Mailbox,
    database: Database[Any],
    amqp_uri: str,
) -> None:
    service = container_factory(NotificationService, config)
    service.start()
    booking = pending(store, "refused@example.com")
    event = rejection_of(booking, store)
    put(amqp_uri, EMAIL.name, event, content_type="application/json")
    eventually(lambda: depth(amqp_uri, EMAIL.dead_letter) == 1)
    # While the address is rejected it is dead-lettered again; once fixed, it is sent.
    cli.dead_letters("replay", "--error-code", "recipient_rejected")
    (row,) = eventually(cli.listed_rows)
    assert row[2:5] == ["recipient_rejected", "1", "1"]
    database["bookings"].update_one(
        {"_id": booking.id}, {"$set": {"patientEmail": "ana@example.com"}}
    )
    cli.dead_letters("replay", row[0])
    (email,) = eventually(mailbox.emails)
    assert email["To"] == "ana@example.com"
    states = [row["state"] for row in eventually(lambda: list(sent(database)))]
    assert states == ["sent"]
    service.stop()
    assert cli.listed_rows() == []


def sent(database: Database[Any]) -> Any:
    return database["notifications"].find({"state": "sent"})


# --- many


def publish_dead_letters(amqp_uri: str, bodies: Sequence[bytes]) -> None:
    with Connection(amqp_uri, transport_options={"confirm_publish": False}) as connection:
        channel = connection.default_channel
        for number, body in enumerate(bodies):
            headers = {"x-error-code": "check_unavailable", "x-dead-letter-id": f"{number:012}"}
            message = channel.prepare_message(
                body, content_type="application/json", headers=headers
            )
            channel.basic_publish(message, exchange="", routing_key=REQUESTS.dead_letter)
    eventually(lambda: depth(amqp_uri, REQUESTS.dead_letter) == len(bodies))


#: A replay that is killed between publishing a message and acknowledging its dead letter.
KILLED_BEFORE_ACK = """
import os, signal, sys
from kombu.message import Message
from clinic.__main__ import main

acks, last, ack = 0, int(sys.argv.pop()), Message.ack

def ack_or_kill(message):
    global acks
    acks += 1
    if acks == last:
        os.kill(os.getpid(), signal.SIGKILL)
    ack(message)

Message.ack = ack_or_kill
main()
"""


def test_a_replay_killed_midway_loses_no_message_and_duplicates_no_decision(
    cli: CommandLine,
    store: BookingRepository,
    config: dict[str, Any],
    container_factory: Any,
    amqp_uri: str,
) -> None:
    bookings = [pending(store) for _ in range(MANY)]
    publish_dead_letters(amqp_uri, [message_of(booking) for booking in bookings])
    killed = cli.run("dead-letters", "replay", "--all", "120", program=("-c", KILLED_BEFORE_ACK))
    assert killed.returncode == -signal.SIGKILL
    # One more than was acknowledged has been published, and is now in both queues.
    assert depth(amqp_uri, REQUESTS.name) == 120
    eventually(lambda: depth(amqp_uri, REQUESTS.dead_letter) > MANY - 120)
    rest = depth(amqp_uri, REQUESTS.dead_letter)
    assert cli.dead_letters("replay", "--all")[-1] == f"Replayed: {rest}"
    assert depth(amqp_uri, REQUESTS.name) > MANY
    worker = container_factory(BookingWorker, config)
    worker.start()
    eventually(lambda: depth(amqp_uri, REQUESTS.name) == 0)
    after = [eventually(partial(decided, store, booking)) for booking in bookings]
    worker.stop()
    assert {booking.version for booking in after} == {2}
    assert {len(booking.history) for booking in after} == {2}
    assert depth(amqp_uri, REQUESTS.dead_letter) == 0


def test_hundreds_of_dead_letters_are_replayed_in_order(cli: CommandLine, amqp_uri: str) -> None:
    bodies = [strict_json.dumps(request()) for _ in range(MANY)]
    publish_dead_letters(amqp_uri, bodies)
    assert cli.dead_letters("replay", "--all")[-1] == f"Replayed: {MANY}"
    with Connection(amqp_uri) as connection:
        channel = connection.default_channel
        channel.auto_decode = False
        found = [channel.basic_get(REQUESTS.name, no_ack=True) for _ in range(MANY)]
    assert [message.body for message in found] == bodies


# --- drop


def test_drop_asks_for_confirmation(cli: CommandLine, amqp_uri: str) -> None:
    ids = [park(amqp_uri) for _ in range(2)]
    kept = cli.run("dead-letters", "drop", ids[0], stdin="n\n")
    assert kept.returncode == 1
    assert "can't be recovered" in kept.stdout
    assert depth(amqp_uri, REQUESTS.dead_letter) == 2
    gone = cli.run("dead-letters", "drop", ids[0], stdin="y\n")
    assert gone.returncode == 0
    assert [row[0] for row in cli.listed_rows()] == [ids[1]]


def test_drop_without_confirmation_changes_nothing(cli: CommandLine, amqp_uri: str) -> None:
    park(amqp_uri)
    assert cli.fail("drop", "--all")[0] == 1
    assert depth(amqp_uri, REQUESTS.dead_letter) == 1


def test_drop_accepts_the_same_selections_as_replay(cli: CommandLine, amqp_uri: str) -> None:
    ids = [park(amqp_uri) for _ in range(3)]
    poison = park(amqp_uri, b"{", headers={"x-error-code": "poison_message"})
    cli.dead_letters("drop", "--yes", "--all", "--dry-run")
    assert len(cli.listed_rows()) == 4
    assert cli.dead_letters("drop", "--yes", "--error-code", "poison_message")[-1] == "Dropped: 1"
    assert poison not in str(cli.listed_rows())
    cli.dead_letters("drop", "--yes", ids[1])
    assert [row[0] for row in cli.listed_rows()] == [ids[0], ids[2]]
    cli.dead_letters("drop", "--yes", "--all")
    assert cli.listed_rows() == []
    assert depth(amqp_uri, REQUESTS.name) == 0


# --- errors


@pytest.mark.parametrize("command", [["list"], ["replay", "--all"]], ids=str)
def test_an_unreachable_broker_is_reported_in_one_line_without_the_password(
    command: list[str],
) -> None:
    unreachable = CommandLine(f"amqp://clinic:geheim@127.0.0.1:{free_port()}/")
    code, output = unreachable.fail(*command)
    (line,) = output.splitlines()
    assert code == 1
    assert line.startswith("Error: the broker can't be reached: ")
    assert "geheim" not in line


def test_rejected_credentials_are_reported_in_one_line_without_the_password(
    rabbit_node: RabbitNode,
) -> None:
    unauthorized = CommandLine(f"amqp://clinic:geheim@127.0.0.1:{rabbit_node.port}/")
    code, output = unauthorized.fail("list")
    (line,) = output.splitlines()
    assert (code, "geheim" in line) == (1, False)
    assert line.startswith("Error: the broker can't be reached: ")


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda file: None, id="missing"),
        pytest.param(lambda file: file.write_text(""), id="empty"),
        pytest.param(
            lambda path: path.write_text("AMQP_URI: amqp://host:port/"), id="a wrong address"
        ),
        pytest.param(lambda file: file.write_text("AMQP_URI: [\n"), id="not YAML"),
    ],
)
def test_an_invalid_configuration_file_is_reported_in_one_line_with_its_path(
    tmp_path: Path, write: Callable[[Path], object]
) -> None:
    file = tmp_path / "clinic.yaml"
    write(file)
    unreachable = CommandLine("amqp://127.0.0.1:1/")
    run = unreachable.run("--config", str(file), "dead-letters", "list")
    (line,) = run.stderr.splitlines()
    assert run.returncode == 1
    assert line.startswith(f"Error: {file}: ")


def test_help_lists_the_commands(cli: CommandLine) -> None:
    output = "\n".join(cli.dead_letters("--help"))
    for command in ("list", "show", "replay", "drop"):
        assert f"\n  {command} " in output
