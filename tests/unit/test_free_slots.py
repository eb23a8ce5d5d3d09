"""Which free slots an e-mail names, with a fake booking service."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clinic.domain.booking import NO_CHOICE, Choice
from clinic.domain.clock import now, to_wire
from clinic.errors import ServiceUnavailable
from notification_service.email import alternative_slots
from notification_service.email.alternative_slots import AlternativeSlots

SLOT = datetime(2031, 12, 1, 10, tzinfo=UTC)


class BookingService:
    """Returns its slots, or raises; records the calls."""

    def __init__(self, answer: Any = (), error: Exception | None = None) -> None:
        self.answer = answer
        self.error = error
        self.calls: list[dict[str, Any]] = []

    def call(self, method: str, **arguments: Any) -> Any:
        self.calls.append({"method": method} | arguments)
        if self.error:
            raise self.error
        return self.answer


def test_one_call_asks_for_three_slots_an_hour_ahead() -> None:
    service = BookingService([to_wire(SLOT)])
    began = time.monotonic()
    assert AlternativeSlots(service).near(SLOT, NO_CHOICE) == [SLOT]
    (call,) = service.calls
    until = call.pop("until")
    assert until <= began + alternative_slots.TIMEOUT_SECONDS + 0.5
    wanted = {"date": to_wire(SLOT), "count": 3, "notice_minutes": 60}
    assert call == {"method": "list_nearest_slots"} | wanted


def test_the_slots_are_those_of_the_choice() -> None:
    service = BookingService([to_wire(SLOT)])
    AlternativeSlots(service).near(SLOT, Choice("visit", None, "centro"))
    (call,) = service.calls
    ids = {name: call.get(name) for name in ("service", "practitioner", "site")}
    assert ids == {"service": "visit", "practitioner": None, "site": "centro"}
    assert "practitioner" not in call


def test_the_slots_are_instants_in_utc() -> None:
    (slot,) = AlternativeSlots(BookingService(["2031-12-01T11:00:00+01:00"])).near(SLOT, NO_CHOICE)
    assert (slot, slot.tzinfo) == (SLOT, UTC)


@pytest.mark.parametrize(
    "service",
    [
        BookingService(error=ServiceUnavailable("away")),
        BookingService(error=RuntimeError("a bug over there")),
        BookingService(["tomorrow"]),
        BookingService(7),
    ],
    ids=["away", "bug", "no time", "no list"],
)
def test_without_an_answer_the_email_names_no_slots(service: BookingService) -> None:
    assert AlternativeSlots(service).near(now() + timedelta(days=1), NO_CHOICE) == []
    assert len(service.calls) == 1
