from __future__ import annotations

import pytest

from clinic.nameko_extensions.consumer_watchdog import ConsumerWatchdog


@pytest.fixture
def stall() -> ConsumerWatchdog:
    """One that looks whenever it is asked."""
    return ConsumerWatchdog(look_seconds=0, renew_seconds=60)


def test_a_second_look_decides(stall: ConsumerWatchdog) -> None:
    assert [stall.is_certain(True, lambda: 5) for _ in range(3)] == [False, True, True]


def test_an_empty_queue_is_no_stall(stall: ConsumerWatchdog) -> None:
    assert not any(stall.is_certain(True, lambda: 0) for _ in range(3))


def test_who_has_work_in_hand_is_not_asked_about(stall: ConsumerWatchdog) -> None:
    def never() -> int:
        raise AssertionError("the broker was asked")

    assert not any(stall.is_certain(False, never) for _ in range(3))


def test_a_message_between_two_looks_clears_the_suspicion(stall: ConsumerWatchdog) -> None:
    stall.is_certain(True, lambda: 5)
    stall.begin()
    assert not stall.is_certain(True, lambda: 5)


def test_it_looks_only_once_in_a_while() -> None:
    stall = ConsumerWatchdog(look_seconds=60, renew_seconds=60)
    assert not any(stall.is_certain(True, lambda: 5) for _ in range(3))


def test_a_long_silence_is_enough() -> None:
    assert ConsumerWatchdog(look_seconds=60, renew_seconds=0).is_certain(True, lambda: 0)
