from __future__ import annotations

from typing import Any

import pytest

from clinic.domain.retry_policy import ATTEMPT_HEADER, RetryPolicy
from clinic.errors import PoisonMessage

DOCUMENTED = RetryPolicy(max_attempts=3, ttl_seconds=10)


def test_the_documented_waits_are_10_and_20_seconds() -> None:
    assert DOCUMENTED.delays_seconds == [10, 20]


@pytest.mark.parametrize(("attempt", "delay"), [(1, 7), (2, 14), (3, 28), (4, 56), (9, 1792)])
def test_each_wait_is_twice_the_last(attempt: int, delay: int) -> None:
    policy = RetryPolicy(max_attempts=10, ttl_seconds=7)
    assert policy.delay_seconds(attempt) == delay


@pytest.mark.parametrize(("attempts", "waits"), [(1, 1), (2, 1), (3, 2), (10, 9)])
def test_there_is_a_wait_between_each_two_runs_and_at_least_one(attempts: int, waits: int) -> None:
    assert len(RetryPolicy(attempts, 10).delays_seconds) == waits


def test_a_message_without_the_header_is_in_its_first_run() -> None:
    assert DOCUMENTED.attempt({}) == 1
    assert DOCUMENTED.attempt({"x-death": [{"count": 7}]}) == 1


@pytest.mark.parametrize("attempt", [1, 2, 3, 4, 1000])
def test_the_header_tells_the_run(attempt: int) -> None:
    assert DOCUMENTED.attempt({ATTEMPT_HEADER: attempt}) == attempt


@pytest.mark.parametrize(
    "value", [0, -1, "2", "", 2.0, None, True, [2], {"n": 2}, b"2", 1.5, float("nan")], ids=repr
)
def test_a_header_that_was_tampered_with_is_poison(value: Any) -> None:
    with pytest.raises(PoisonMessage, match=ATTEMPT_HEADER):
        DOCUMENTED.attempt({ATTEMPT_HEADER: value})


def test_the_header_has_its_documented_name() -> None:
    assert ATTEMPT_HEADER == "x-attempt"
