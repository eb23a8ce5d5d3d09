"""How the relay publishes what is pending, with the broker and the database in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from clinic.contracts import strict_json
from clinic.errors import DatabaseUnavailable
from clinic.outbox import relay as relay_module
from clinic.outbox.outbox_message import BOOKING_REQUESTED, OutboxMessage
from clinic.outbox.pending_messages import PendingMessages
from clinic.outbox.relay import MAX_QUEUE_DEPTH, Relay
from clinic.outbox.relay_registry import Checkpoint
from tests.conftest import eventually
from tests.fakes import FakePublisher, bodies


class FakeRegistry:
    """No relay but ours; the takeovers of one that is set as an orphan."""

    def __init__(self) -> None:
        self.orphan: Checkpoint | None = None
        self.pruned: list[str] = []

    def take_over(self, _successor: str) -> Checkpoint | None:
        orphan, self.orphan = self.orphan, None
        return orphan

    def renew_takeovers(self, _successor: str, _relay_ids: list[str]) -> None: ...

    def prune(self, _successor: str, relay_ids: list[str]) -> None:
        self.pruned += relay_ids


class FakeOutbox:
    """The pending messages of this process, and what recovery finds."""

    relay_id = "ours"

    def __init__(self) -> None:
        self.pending = PendingMessages(100, 10)
        self.relays = FakeRegistry()
        self.offsets: list[int] = []
        self.has_left = False
        self.is_away = False
        self.overdue: list[OutboxMessage] = []
        self.unsent: list[OutboxMessage] = []

    def save_checkpoint(self, *, is_leaving: bool = False) -> None:
        if self.is_away:
            raise DatabaseUnavailable("away")
        self.offsets.append(self.pending.committed_offset())
        self.has_left = is_leaving

    def resolve_in_doubt(self) -> None:
        self.pending.take_in_doubt()

    def claim_overdue(self, _limit: int) -> list[OutboxMessage]:
        overdue, self.overdue = self.overdue, []
        return overdue

    def find_unsent(self, _relay: Checkpoint) -> list[OutboxMessage]:
        return self.unsent


def message(name: str) -> OutboxMessage:
    return OutboxMessage(name, f"{name}:1", BOOKING_REQUESTED, {"bookingId": name}, "r-1")


def body(name: str) -> bytes:
    return strict_json.dumps({"bookingId": name})


@contextmanager
def running(
    outbox: FakeOutbox, publisher: FakePublisher, heartbeat_timeout_seconds: float = 10
) -> Iterator[Any]:
    relay = Relay(cast(Any, outbox), cast(Any, publisher), 0.05, heartbeat_timeout_seconds)
    relay.start()
    try:
        yield relay
    finally:
        relay.stop()


def store(outbox: FakeOutbox, name: str) -> None:
    outbox.pending.mark_stored(outbox.pending.register(message(name)))


def test_stored_messages_are_published_in_order_and_committed() -> None:
    outbox, publisher = FakeOutbox(), FakePublisher()
    with running(outbox, publisher):
        for name in "abc":
            store(outbox, name)
        eventually(lambda: len(publisher.published) == 3)
        eventually(lambda: outbox.offsets[-1] == 3)
    assert bodies(publisher.published) == [body(name) for name in "abc"]
    assert outbox.has_left
    assert publisher.is_closed


def test_a_message_that_is_not_stored_yet_is_not_published() -> None:
    outbox, publisher = FakeOutbox(), FakePublisher()
    number = outbox.pending.register(message("later"))
    with running(outbox, publisher):
        store(outbox, "now")
        eventually(lambda: publisher.published)
        assert outbox.pending.committed_offset() == 0
        outbox.pending.mark_stored(number)
        eventually(lambda: len(publisher.published) == 2)
    assert bodies(publisher.published) == [body("now"), body("later")]


def test_while_the_broker_is_away_messages_stay_pending(monkeypatch: Any) -> None:
    monkeypatch.setattr(relay_module, "_TICK_SECONDS", 0.05)
    outbox, publisher = FakeOutbox(), FakePublisher()
    publisher.is_away = True
    with running(outbox, publisher) as relay:
        store(outbox, "a")
        eventually(lambda: not relay.is_broker_up)
        assert publisher.published == []
        publisher.is_away = False
        eventually(lambda: publisher.published)
    assert bodies(publisher.published) == [body("a")]


def test_a_refused_message_delays_no_other(monkeypatch: Any) -> None:
    monkeypatch.setattr(relay_module, "_TICK_SECONDS", 0.05)
    outbox, publisher = FakeOutbox(), FakePublisher()
    publisher.refused = {body("a")}
    with running(outbox, publisher):
        for name in "ab":
            store(outbox, name)
        eventually(lambda: publisher.published)
        assert len(outbox.pending) == 1
        assert outbox.pending.committed_offset() == 0
    assert bodies(publisher.published) == [body("b")]


def test_overdue_requests_are_published_again_unless_the_queue_is_long() -> None:
    outbox, publisher = FakeOutbox(), FakePublisher()
    publisher.queue_depth = MAX_QUEUE_DEPTH
    outbox.overdue = [message("late")]
    with running(outbox, publisher):
        _after_some_recoveries(outbox)
        assert publisher.published == []
        publisher.queue_depth = 0
        eventually(lambda: publisher.published)
    assert bodies(publisher.published) == [body("late")]


def test_the_messages_of_a_dead_relay_are_published_and_it_is_pruned(monkeypatch: Any) -> None:
    monkeypatch.setattr(relay_module, "_TICK_SECONDS", 0.05)
    outbox, publisher = FakeOutbox(), FakePublisher()
    outbox.relays.orphan = Checkpoint("dead", 0, cast(Any, None))
    outbox.unsent = [message("orphaned")]
    with running(outbox, publisher, heartbeat_timeout_seconds=0.2):
        eventually(lambda: outbox.relays.pruned)
    assert bodies(publisher.published) == [body("orphaned")]  # found by both scans, sent once
    assert outbox.relays.pruned == ["dead"]


def test_a_database_that_is_away_stops_no_publishing(monkeypatch: Any) -> None:
    monkeypatch.setattr(relay_module, "_TICK_SECONDS", 0.05)
    outbox, publisher = FakeOutbox(), FakePublisher()
    outbox.is_away = True
    with running(outbox, publisher):
        store(outbox, "a")
        eventually(lambda: publisher.published)
        outbox.is_away = False
        eventually(lambda: outbox.offsets)
    assert outbox.offsets[-1] == 1


def _after_some_recoveries(outbox: FakeOutbox) -> None:
    """Wait until recovery has run twice: it resolves writes in doubt each time."""
    calls: list[None] = []
    resolve: Callable[[], None] = outbox.resolve_in_doubt

    def count() -> None:
        calls.append(None)
        resolve()

    outbox.resolve_in_doubt = count  # type: ignore[method-assign]
    eventually(lambda: len(calls) >= 2)
