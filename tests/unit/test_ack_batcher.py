"""Which acknowledgements may share a frame, with fake messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import eventlet
import pytest
from amqp.exceptions import RecoverableConnectionError
from hypothesis import given
from hypothesis import strategies as st

from clinic.messaging.wire.ack_batcher import AckBatcher, last_of_all_finished


class Tagged:
    """A message that notes how it is acknowledged."""

    def __init__(self, delivery_tag: int, frames: list[tuple[int, bool]]) -> None:
        self.delivery_tag = delivery_tag
        self.failure: Exception | None = None
        self._frames = frames

    def ack(self, multiple: bool = False) -> None:
        if self.failure:
            raise self.failure
        self._frames.append((self.delivery_tag, multiple))


class Consumer:
    """Has taken messages 1 to 9."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, bool]] = []
        self.messages = {tag: Tagged(tag, self.frames) for tag in range(1, 10)}
        self.acks = AckBatcher(eventlet.spawn_n)
        for message in self.messages.values():
            self.acks.track(message)

    def done(self, tags: Iterable[int]) -> None:
        for tag in tags:
            self.acks.ack(self.messages[tag])
        eventlet.sleep(0)


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.mark.parametrize(
    ("tags", "frames"),
    [
        pytest.param([1], [(1, False)], id="one"),
        pytest.param([2, 1, 3], [(3, True)], id="the first ones, in any order"),
        pytest.param([5, 4], [(5, False), (4, False)], id="none of the first"),
        pytest.param([1, 2, 4], [(2, True), (4, False)], id="with a gap"),
        pytest.param(range(1, 10), [(9, True)], id="all"),
    ],
)
def test_what_is_done_at_once_is_acknowledged_in_as_few_frames_as_can_be(
    consumer: Consumer, tags: Iterable[int], frames: list[tuple[int, bool]]
) -> None:
    consumer.done(tags)
    assert consumer.frames == frames
    assert len(consumer.acks) == 9 - len(list(tags))


def test_what_went_back_holds_nobody_up(consumer: Consumer) -> None:
    consumer.acks.untrack(consumer.messages[2])
    consumer.done([1, 3])
    assert consumer.frames == [(3, True)]


def test_what_came_over_another_connection_is_not_acknowledged(consumer: Consumer) -> None:
    consumer.acks.clear()
    consumer.done([1, 2])
    assert consumer.frames == []


@pytest.mark.parametrize("failure", [BrokenPipeError(), RecoverableConnectionError("gone")])
@pytest.mark.parametrize("tags", [[1, 2, 4], [4]])
def test_a_lost_connection_is_borne(
    consumer: Consumer, caplog: pytest.LogCaptureFixture, tags: list[int], failure: Exception
) -> None:
    consumer.messages[4].failure = failure
    consumer.done(tags)
    assert caplog.messages == ["connection lost during ack"]
    assert len(consumer.acks) == 9 - len(tags)
    consumer.done([9])
    assert consumer.frames[-1] == (9, False)


@given(st.data())
def test_a_frame_for_several_reaches_none_that_is_in_hand(data: Any) -> None:
    in_hand = data.draw(st.sets(st.integers(1, 30)))
    done = data.draw(st.sets(st.sampled_from(sorted(in_hand)))) if in_hand else set()
    last = last_of_all_finished(done, in_hand)
    reached = {tag for tag in in_hand if last is not None and tag <= last}
    assert reached <= done
    assert len(reached) != 1
    first_open = min(in_hand - done, default=99)
    assert reached or len([tag for tag in done if tag < first_open]) < 2
