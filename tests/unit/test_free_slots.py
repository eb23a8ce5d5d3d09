"""Which free starts a letter names, with a booking service of paper."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clinic.domain.clock import now, to_wire
from clinic.errors import ServiceUnavailable
from notification_service.email import alternative_slots
from notification_service.email.alternative_slots import AlternativeSlots

MADRID = ZoneInfo("Europe/Madrid")
#: Noon in Madrid, some days from now.
WISH = (now().astimezone(MADRID) + timedelta(days=20)).replace(
    hour=12, minute=0, second=0, microsecond=0
)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class Clinic:
    """Answers with those of its free starts that are on the days, and notes what it was asked."""

    def __init__(self, *starts: datetime, fault: Exception | None = None) -> None:
        self.starts = starts
        self.fault = fault
        self.asked: list[tuple[date, int]] = []
        self.until: list[float] = []

    def call(self, method: str, *, until: float, date: str, days: int) -> Any:
        assert method == "list_free_slots"
        first = datetime.fromisoformat(date).date()
        self.asked.append((first, days))
        self.until.append(until)
        if self.fault:
            raise self.fault
        last = first + timedelta(days=days - 1)
        free = [each for each in self.starts if first <= each.astimezone(MADRID).date() <= last]
        return [to_wire(each) for each in free]


def near(clinic: Clinic, wish: datetime = WISH) -> list[datetime]:
    return AlternativeSlots(clinic, MADRID).near(wish.astimezone(UTC))


def test_the_three_nearest_are_named_in_order_of_time() -> None:
    offsets = [-3 * HOUR, -HOUR, HOUR / 2, 2 * HOUR, 5 * HOUR]
    found = near(Clinic(*(WISH + each for each in offsets)))
    assert found == [WISH - HOUR, WISH + HOUR / 2, WISH + 2 * HOUR]


def test_they_are_instants_in_utc() -> None:
    assert near(Clinic(WISH))[0].tzinfo is UTC


def test_the_next_day_may_be_nearer_than_the_same_one() -> None:
    late = WISH.replace(hour=23)
    same_day = [late - number * HOUR for number in (10, 11, 12)]
    found = near(Clinic(*same_day, late + 2 * HOUR), late)
    assert found == [*sorted(same_day)[1:], late + 2 * HOUR]


def test_one_call_asks_for_a_week_on_both_sides() -> None:
    clinic = Clinic()
    assert near(clinic) == []
    assert clinic.asked == [(WISH.date() - 7 * DAY, 15)]


def test_days_that_are_over_are_not_asked_for() -> None:
    today = now().astimezone(MADRID)
    clinic = Clinic()
    near(clinic, today)
    ((first, days),) = clinic.asked
    assert first >= today.date()
    assert days in (8, 9)  # one more if the wish, an hour from now, is tomorrow


def test_fewer_are_named_where_fewer_are_free() -> None:
    assert near(Clinic(WISH + 3 * DAY)) == [WISH + 3 * DAY]


def test_for_a_date_that_is_over_the_next_ones_are_named() -> None:
    soon = [now() + each for each in (HOUR / 2, 2 * HOUR, 3 * HOUR)]
    clinic = Clinic(*(each.replace(microsecond=0) for each in soon))
    found = near(clinic, datetime(2023, 12, 1, 10, tzinfo=UTC))
    assert found == list(clinic.starts[1:])  # nobody reads and comes within half an hour
    assert clinic.asked[0][0] >= now().astimezone(MADRID).date()


@pytest.mark.parametrize(
    "fault",
    [ServiceUnavailable("away"), RuntimeError("a fault over there"), ValueError("of ours")],
    ids=lambda fault: type(fault).__name__,
)
def test_who_can_not_be_asked_costs_no_letter(fault: Exception) -> None:
    clinic = Clinic(fault=fault)
    assert near(clinic) == []
    assert len(clinic.asked) == 1


def test_an_answer_of_another_kind_costs_no_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    clinic = Clinic()
    monkeypatch.setattr(clinic, "call", lambda *_args, **_kwargs: ["tomorrow"])
    assert near(clinic) == []


def test_a_date_at_the_end_of_all_time_costs_no_letter() -> None:
    assert near(Clinic(), datetime.max.replace(tzinfo=UTC)) == []


def test_the_booking_service_is_waited_for_a_moment_only() -> None:
    clinic = Clinic()
    began = time.monotonic()
    near(clinic)
    assert clinic.until[0] <= began + alternative_slots.ASK_SECONDS + 0.5
