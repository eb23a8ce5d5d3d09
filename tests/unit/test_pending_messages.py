from __future__ import annotations

import threading
import time

import pytest

from clinic.errors import OutboxFull
from clinic.outbox.outbox_message import OutboxMessage
from clinic.outbox.pending_messages import PendingMessages


def entry(name: str) -> OutboxMessage:
    return OutboxMessage(name, f"{name}:1", "booking_requested", {})


@pytest.fixture
def backlog() -> PendingMessages:
    return PendingMessages(limit=3, delay_seconds=0.05)


def test_entries_are_numbered_and_taken_in_the_order_in_which_they_became_ready(
    backlog: PendingMessages,
) -> None:
    first, second = backlog.register(entry("a")), backlog.register(entry("b"))
    backlog.mark_stored(second)
    backlog.mark_stored(first)
    assert (first, second) == (1, 2)
    assert backlog.take(10, 0) == {2: entry("b"), 1: entry("a")}
    assert backlog.take(10, 0) == {}


def test_no_more_is_taken_than_asked_for(backlog: PendingMessages) -> None:
    for name in "abc":
        backlog.enqueue_stored(entry(name))
    assert list(backlog.take(2, 0)) == [1, 2]
    assert not backlog.is_idle
    assert list(backlog.take(2, 0)) == [3]
    assert backlog.is_idle


def test_an_invalid_transition_is_refused_and_changes_nothing(backlog: PendingMessages) -> None:
    number = backlog.enqueue_stored(entry("a"))
    with pytest.raises(ValueError, match="READY"):
        backlog.mark_stored(number)
    assert backlog.take(10, 0) == {number: entry("a")}
    assert backlog.take(10, 0) == {}
    with pytest.raises(ValueError, match="SENDING"):
        backlog.mark_in_doubt(number)
    assert backlog.take_in_doubt() == {}


def test_what_was_put_back_is_taken_first(backlog: PendingMessages) -> None:
    for name in "abc":
        backlog.enqueue_stored(entry(name))
    backlog.requeue(list(backlog.take(2, 0)))
    assert list(backlog.take(3, 0)) == [1, 2, 3]


def test_all_is_sent_up_to_the_first_that_waits(backlog: PendingMessages) -> None:
    assert backlog.committed_offset() == 0
    numbers = [backlog.register(entry(name)) for name in "abc"]
    assert backlog.committed_offset() == 0
    backlog.discard([numbers[1]])
    assert backlog.committed_offset() == 0
    backlog.discard([numbers[0]])
    assert backlog.committed_offset() == 2
    backlog.discard([numbers[2]])
    assert backlog.committed_offset() == 3


def test_the_oldest_is_the_first_that_waits(backlog: PendingMessages) -> None:
    assert backlog.oldest_pending_at() is None
    first = backlog.register(entry("a"))
    began_at = backlog.oldest_pending_at()
    time.sleep(0.01)
    backlog.register(entry("b"))
    assert backlog.oldest_pending_at() == began_at
    backlog.discard([first])
    assert backlog.oldest_pending_at() != began_at


def test_there_is_no_room_when_the_limit_waits(backlog: PendingMessages) -> None:
    for name in "abc":
        backlog.ensure_capacity()
        backlog.register(entry(name))
    with pytest.raises(OutboxFull):
        backlog.ensure_capacity()
    backlog.discard([2])
    backlog.ensure_capacity()


def test_what_was_refused_comes_back_each_time_later(backlog: PendingMessages) -> None:
    number = backlog.enqueue_stored(entry("a"))
    pauses = []
    for _ in range(3):
        assert _wait_for(backlog) == number
        backlog.back_off([number])
        pauses.append(backlog._nacked[0][0] - time.monotonic())
    assert pauses[0] <= 0.05 < pauses[1] <= 0.1 < pauses[2] <= 0.2


def _wait_for_doubtful(backlog: PendingMessages) -> dict[int, OutboxMessage]:
    deadline = time.monotonic() + 10
    assert backlog.take_in_doubt() == {}
    while not (doubtful := backlog.take_in_doubt()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return doubtful


def test_doubtful_entries_are_looked_for_after_a_while(backlog: PendingMessages) -> None:
    number = backlog.register(entry("a"))
    backlog.mark_in_doubt(number)
    assert _wait_for_doubtful(backlog) == {number: entry("a")}
    assert backlog.committed_offset() == 0


def test_what_is_missed_once_is_looked_for_again(backlog: PendingMessages) -> None:
    number = backlog.register(entry("a"))
    backlog.mark_in_doubt(number)
    for _ in range(2):
        assert backlog.committed_offset() == 0
        assert _wait_for_doubtful(backlog) == {number: entry("a")}
        backlog.record_missing([number])
    assert backlog.take_in_doubt() == {}
    assert (backlog.committed_offset(), len(backlog)) == (number, 0)


def test_a_taker_is_woken_by_what_becomes_ready(backlog: PendingMessages) -> None:
    taken: list[int] = []
    taker = threading.Thread(target=lambda: taken.extend(backlog.take(1, 60)))
    taker.start()
    number = backlog.enqueue_stored(entry("a"))
    taker.join(30)
    assert taken == [number]


def _wait_for(backlog: PendingMessages) -> int:
    deadline = time.monotonic() + 10
    while not (taken := backlog.take(1, 0.01)):
        assert time.monotonic() < deadline
    (number,) = taken
    return number
