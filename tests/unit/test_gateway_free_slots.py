"""What the gateway caches of the free slots, with a fake booking service."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any, cast

import pytest

from clinic.domain.booking import NO_CHOICE, Choice
from clinic.errors import InvalidBooking, ServiceUnavailable
from clinic.rpc.rpc_client import RpcPool
from gateway.rpc_clients import free_slots
from gateway.rpc_clients.free_slots import FreeSlots

DAY = date(2030, 1, 7)
ANA = Choice("visit", "ana-lopez")
NINE = datetime(2030, 1, 7, 9, tzinfo=UTC)


class Service:
    """Answers once it may, and counts how often it was asked."""

    def __init__(self) -> None:
        self.count = 0
        self.fault: Exception | None = None
        self.arguments: dict[str, Any] = {}
        self.starts = ["2030-01-07T09:00:00Z"]
        self.may_answer = threading.Event()
        self.may_answer.set()

    def call(self, method: str, *, until: float, date: str, **arguments: Any) -> list[str]:
        self.count += 1
        self.arguments = arguments
        starts, fault = self.starts, self.fault
        assert self.may_answer.wait(30)
        if fault:
            raise fault
        return starts


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def slots(service: Service) -> FreeSlots:
    return FreeSlots(cast(RpcPool, service))


def soon() -> float:
    return time.monotonic() + 20


def ask(slots: FreeSlots, first: date = DAY) -> tuple[datetime, ...]:
    return slots.starts(first, 7, soon())


def ask_at_once(slots: FreeSlots, service: Service, count: int) -> list[Any]:
    """Have many wait for one answer; return what each got, or the error."""

    def outcome() -> Any:
        try:
            return ask(slots)
        except ServiceUnavailable as error:
            return error

    service.may_answer.clear()
    with ThreadPoolExecutor(count) as threads:
        waiting = [threads.submit(outcome) for _ in range(count)]
        wait_for(lambda: service.count > 0)
        service.may_answer.set()
        return [each.result() for each in waiting]


def wait_for(condition: Callable[[], bool]) -> None:
    until = soon()
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)


def test_many_who_ask_at_once_cause_one_call(slots: FreeSlots, service: Service) -> None:
    assert ask_at_once(slots, service, 128) == [(NINE,)] * 128
    assert service.count == 1


def test_who_asks_for_other_days_causes_another(slots: FreeSlots, service: Service) -> None:
    for _ in range(2):
        ask(slots)
        ask(slots, date(2030, 1, 14))
    assert service.count == 2


def test_who_asks_for_another_choice_causes_another(slots: FreeSlots, service: Service) -> None:
    for _ in range(2):
        for choice in (NO_CHOICE, ANA, Choice("visit", None, "centro")):
            slots.starts(DAY, 7, soon(), choice)
    assert service.count == 3


def test_only_what_was_chosen_is_asked_for(slots: FreeSlots, service: Service) -> None:
    slots.starts(DAY, 7, soon())
    assert service.arguments == {"days": 7}
    slots.starts(DAY, 7, soon(), ANA)
    assert service.arguments == {"days": 7, "service": "visit", "practitioner": "ana-lopez"}
    slots.nearest(NINE, 5, soon(), ANA)
    assert service.arguments == {"count": 5, "service": "visit", "practitioner": "ana-lopez"}


def test_a_choice_that_is_not_known_over_there_counts_as_unavailable(
    slots: FreeSlots, service: Service
) -> None:
    service.fault = InvalidBooking("service: is not known")
    for ask_for in (slots.starts, slots.fresh_starts):
        with pytest.raises(ServiceUnavailable):
            ask_for(DAY, 7, soon(), ANA)
    with pytest.raises(ServiceUnavailable):
        slots.nearest(NINE, 5, soon(), ANA)


def test_an_answer_is_kept_for_a_moment_only(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(free_slots, "KEEP_SECONDS", 0.05)
    slots = FreeSlots(cast(RpcPool, service))
    ask(slots)
    service.starts = []
    wait_for(lambda: ask(slots) == ())


def test_no_more_is_kept_than_there_is_room_for(slots: FreeSlots) -> None:
    for number in range(1000):
        ask(slots, date.fromordinal(DAY.toordinal() + number))
    assert len(slots._kept) == free_slots._MOST_KEPT
    assert slots._calls == {}


def test_an_error_is_kept_for_nobody(slots: FreeSlots, service: Service) -> None:
    service.fault = ServiceUnavailable("away")
    outcomes = ask_at_once(slots, service, 16)
    assert all(isinstance(each, ServiceUnavailable) for each in outcomes)
    service.fault = None
    assert ask(slots) == (NINE,)


def test_after_an_error_nobody_waits_for_another_one(slots: FreeSlots, service: Service) -> None:
    service.fault = ServiceUnavailable("away")
    with pytest.raises(ServiceUnavailable):
        ask(slots)
    service.may_answer.clear()
    with ThreadPoolExecutor(1) as threads:
        leader = threads.submit(ask, slots)
        wait_for(lambda: service.count == 2)
        with pytest.raises(ServiceUnavailable):
            ask(slots)
        service.may_answer.set()
        assert isinstance(leader.exception(), ServiceUnavailable)


def test_nobody_waits_for_another_request_past_the_own_deadline(
    slots: FreeSlots, service: Service
) -> None:
    service.may_answer.clear()
    with ThreadPoolExecutor(1) as threads:
        leader = threads.submit(ask, slots)
        wait_for(lambda: service.count == 1)
        with pytest.raises(ServiceUnavailable):
            slots.starts(DAY, 7, time.monotonic() + 0.01)
        service.may_answer.set()
        assert leader.result() == (NINE,)


def test_what_was_forgotten_is_asked_for_again(slots: FreeSlots, service: Service) -> None:
    ask(slots)
    service.starts = []
    slots.forget()
    assert ask(slots) == ()


def test_an_answer_that_was_on_its_way_when_it_was_forgotten_is_not_kept(
    slots: FreeSlots, service: Service
) -> None:
    service.may_answer.clear()
    with ThreadPoolExecutor(1) as threads:
        leader = threads.submit(ask, slots)
        wait_for(lambda: service.count == 1)
        slots.forget()
        service.starts = []
        service.may_answer.set()
        leader.result()
    assert ask(slots) == ()


def test_a_fresh_answer_is_asked_for_each_time(slots: FreeSlots, service: Service) -> None:
    ask(slots)
    service.starts = []
    assert slots.fresh_starts(DAY, 7, soon()) == ()
