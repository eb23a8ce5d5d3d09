from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from bench.measure import exact_cpu_seconds
from bench.past import _ROUNDS, Cost, _in_turn, _page
from clinic.contracts.bookings_query import BookingsQuery

PATH = "/bookings/"


@dataclass(eq=False)
class Past:
    """Each call costs its database so many seconds of CPU."""

    name: str
    cost: float
    used: float = 0.0
    called: list[str] = field(default_factory=list)
    has_gateway: bool = True

    @property
    def api(self) -> Past:
        return self

    def cpu_seconds(self) -> float:
        return self.used

    def call(self) -> bool:
        self.used += self.cost
        self.called.append(self.name)
        return False

    def get(self, path: str) -> bool:
        return not self.has_gateway or self.call()

    def page(self, listing: BookingsQuery) -> list[int]:
        self.call()
        return [1]


@pytest.fixture
def pasts() -> list[Past]:
    few, many = Past("few", 0.001), Past("many", 0.003)
    many.called = few.called
    return [few, many]


def in_turn(pasts: list[Past], action: Any = Past.call) -> list[Cost]:
    return _in_turn(cast(Any, pasts), action, warm_up=0)


def test_they_take_turns_and_another_begins_each_time(pasts: list[Past]) -> None:
    in_turn(pasts)
    assert pasts[0].called[:6] == ["few", "many", "many", "few", "few", "many"]


def test_each_sees_what_its_own_database_used(pasts: list[Past]) -> None:
    few, many = in_turn(pasts)
    assert (few.times, many.times) == (_ROUNDS, _ROUNDS)
    assert few.database_cpu_ms == pytest.approx(1)
    assert many.database_cpu_ms == pytest.approx(3)


def test_a_refusal_ends_it_for_all(pasts: list[Past]) -> None:
    few, many = in_turn(pasts, lambda one: one.name == "many")
    assert (few.is_refused, many.is_refused) == (False, True)
    assert (few.times, many.times) == (1, 1)


def test_where_one_gateway_refuses_a_page_all_databases_are_asked(pasts: list[Past]) -> None:
    few, many = _page(cast(Any, pasts), lambda _: PATH, lambda _: BookingsQuery())
    assert (few.is_refused, many.is_refused) == (False, False)
    pasts[1].has_gateway = False
    few, many = _page(cast(Any, pasts), lambda _: PATH, lambda _: BookingsQuery())
    assert (few.is_refused, many.is_refused) == (False, True)
    assert (few.times, many.times) == (_ROUNDS, _ROUNDS)
    assert many.database_cpu_ms == pytest.approx(3)


def test_the_cpu_of_a_process_is_exact() -> None:
    before, measured, after = (
        time.process_time(),
        exact_cpu_seconds(os.getpid()),
        time.process_time(),
    )
    assert before <= measured <= after


def test_a_process_that_is_gone_has_no_cpu() -> None:
    with pytest.raises(ProcessLookupError):
        exact_cpu_seconds(2**22 + 1)
