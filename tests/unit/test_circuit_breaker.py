from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from clinic.errors import DatabaseUnavailable
from clinic.mongo.circuit_breaker import PAUSE_SECONDS, CircuitBreaker


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let time pass for the breaker."""
    clock = [1000.0]
    time = SimpleNamespace(monotonic=lambda: clock[0])
    monkeypatch.setattr("clinic.mongo.circuit_breaker.time", time)

    def wait(seconds: float) -> None:
        clock[0] += seconds

    return wait


@pytest.fixture
def breaker(wait: Callable[[float], None]) -> CircuitBreaker:
    return CircuitBreaker()


def attempt(breaker: CircuitBreaker, error: Exception | None = None) -> bool:
    """Whether the breaker runs an operation, which then succeeds or raises `error`."""
    operation = Mock(side_effect=error)
    with suppress(DatabaseUnavailable, KeyError), breaker.protect():
        operation()
    return operation.called


@pytest.mark.parametrize("error", [DatabaseUnavailable("away"), KeyError("not there")])
def test_an_error_is_raised_unchanged(breaker: CircuitBreaker, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, breaker.protect():
        raise error
    assert caught.value is error


def test_a_failure_opens_the_circuit_except_for_one_probe_per_pause(
    breaker: CircuitBreaker, wait: Callable[[float], None]
) -> None:
    away = DatabaseUnavailable("away")
    assert attempt(breaker, away)
    for _ in range(3):
        assert not attempt(breaker)
        wait(PAUSE_SECONDS - 0.125)
        assert not attempt(breaker)
        wait(0.125)
        assert attempt(breaker, away)


@pytest.mark.parametrize("response", [None, KeyError("not there")], ids=["success", "error"])
def test_a_response_of_the_database_closes_the_circuit(
    breaker: CircuitBreaker, wait: Callable[[float], None], response: Exception | None
) -> None:
    attempt(breaker, DatabaseUnavailable("away"))
    wait(PAUSE_SECONDS)
    assert attempt(breaker, response)
    assert attempt(breaker)


@pytest.mark.parametrize("response", [None, KeyError("not there")], ids=["success", "error"])
def test_a_response_of_the_database_leaves_the_circuit_closed(
    breaker: CircuitBreaker, response: Exception | None
) -> None:
    assert attempt(breaker, response)
    assert attempt(breaker)
