"""Callers that share an operation, with a fake operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import eventlet
import pytest
from greenlet import GreenletExit

from clinic.concurrency.batching import MAX_BATCH_SIZE, Batcher
from clinic.errors import ClaimTaken, DatabaseUnavailable

#: More than one group, as many as the gateway serves at once.
CROWD = 128


class Memory:
    """An operation that knows which items came together, and can be held up.

    An item's result is its text.
    """

    def __init__(self) -> None:
        self.groups: list[list[Any]] = []
        self.faults: dict[Any, Exception] = {}
        self.failure: BaseException | None = None
        self.is_held = False

    def run(self, items: Sequence[Any]) -> list[str | Exception]:
        self.groups.append(list(items))
        eventlet.sleep(0.001)
        while self.is_held:
            eventlet.sleep(0.001)
        if self.failure:
            raise self.failure
        return [self.faults.get(each, str(each)) for each in items]


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def commit(memory: Memory) -> Batcher[Any, str]:
    return Batcher(memory.run)


def outcome(commit: Batcher[Any, str], item: Any) -> Any:
    """The result of an item, or its error."""
    try:
        return commit.submit(item)
    except (Exception, GreenletExit) as error:
        return error


class Crowd:
    """Callers that came while the first one's operation ran, in this order."""

    def __init__(self, commit: Batcher[Any, str], memory: Memory, items: Sequence[Any]) -> None:
        self._memory = memory
        memory.is_held = True
        self.leader = eventlet.spawn(outcome, commit, "first")
        eventlet.sleep(0)
        self.callers = [eventlet.spawn(outcome, commit, each) for each in items]
        eventlet.sleep(0.01)

    def outcomes(self) -> list[Any]:
        """Let the first one finish; what the callers got, the first one last."""
        self._memory.is_held = False
        with eventlet.Timeout(10):
            return [each.wait() for each in [*self.callers, self.leader]]


def test_a_lone_item_is_done_at_once(commit: Batcher[Any, str], memory: Memory) -> None:
    assert [commit.submit(number) for number in range(3)] == ["0", "1", "2"]
    assert memory.groups == [[0], [1], [2]]


def test_who_comes_meanwhile_shares_an_operation(commit: Batcher[Any, str], memory: Memory) -> None:
    crowd = Crowd(commit, memory, range(MAX_BATCH_SIZE))
    assert memory.groups == [["first"]]
    assert crowd.outcomes() == [*map(str, range(MAX_BATCH_SIZE)), "first"]
    assert memory.groups == [["first"], list(range(MAX_BATCH_SIZE))]


def test_a_long_line_is_worked_off_in_its_order_and_in_bounded_groups(
    commit: Batcher[Any, str], memory: Memory
) -> None:
    crowd = Crowd(commit, memory, range(2 * MAX_BATCH_SIZE + 1))
    assert crowd.outcomes() == [*map(str, range(2 * MAX_BATCH_SIZE + 1)), "first"]
    assert [len(group) for group in memory.groups] == [1, MAX_BATCH_SIZE, MAX_BATCH_SIZE, 1]
    assert [each for group in memory.groups[1:] for each in group] == list(
        range(2 * MAX_BATCH_SIZE + 1)
    )


def test_nobody_leads_for_more_than_a_group(commit: Batcher[Any, str], memory: Memory) -> None:
    def keep_coming() -> None:
        while len(memory.groups) < 20:
            commit.submit("another")

    others = [eventlet.spawn(keep_coming) for _ in range(2 * MAX_BATCH_SIZE)]
    eventlet.sleep(0)
    before = len(memory.groups)
    commit.submit("mine")
    # The one that runs, the two groups that were in line, and perhaps one more.
    assert len(memory.groups) - before <= 4
    for each in others:
        each.wait()


def test_each_caller_learns_of_its_own_item(commit: Batcher[Any, str], memory: Memory) -> None:
    memory.faults = {3: ClaimTaken("3"), 5: ValueError("5")}
    outcomes = Crowd(commit, memory, range(7)).outcomes()
    assert outcomes[3] is memory.faults[3]
    assert outcomes[5] is memory.faults[5]
    assert [each for each in outcomes if isinstance(each, str)] == [*"01246", "first"]


@pytest.mark.parametrize("failure", [DatabaseUnavailable("x"), RuntimeError("x"), GreenletExit()])
def test_a_leader_that_fails_releases_all(
    commit: Batcher[Any, str], memory: Memory, failure: BaseException
) -> None:
    crowd = Crowd(commit, memory, range(CROWD))
    memory.failure = failure
    *others, leader = crowd.outcomes()
    assert leader is failure
    assert {type(each) for each in others} == {DatabaseUnavailable}
    # Nothing more was tried for those in line: they would have waited twice.
    assert memory.groups == [["first"]]
    memory.failure = None
    assert commit.submit("later") == "later"


def test_an_operation_that_leaves_somebody_without_an_answer_answers_nobody(
    memory: Memory,
) -> None:
    commit: Batcher[Any, str] = Batcher(lambda items: memory.run(items)[1:])
    assert isinstance(outcome(commit, 1), ValueError)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_caller_that_is_killed_in_line_holds_up_nobody(
    commit: Batcher[Any, str], memory: Memory, place: int
) -> None:
    crowd = Crowd(commit, memory, range(3))
    crowd.callers.pop(place).kill()
    left = [str(each) for each in range(3) if each != place]
    assert crowd.outcomes() == [*left, "first"]
    assert place not in memory.groups[1]


def test_a_caller_that_is_killed_in_its_turn_holds_up_nobody(
    commit: Batcher[Any, str], memory: Memory
) -> None:
    crowd = Crowd(commit, memory, range(3))
    leader, kept = crowd.callers[0], crowd.callers[1:]
    hand_over = commit._hand_over

    def hand_over_to_the_dying() -> None:
        hand_over()
        if not leader.dead:
            leader.kill()

    commit._hand_over = hand_over_to_the_dying  # type: ignore[method-assign]
    crowd.callers = kept
    assert crowd.outcomes() == ["1", "2", "first"]
    assert memory.groups == [["first"], [1, 2]]
