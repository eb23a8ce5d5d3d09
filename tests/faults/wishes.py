"""What patients want: the slots of a clinic without a catalogue, or the services of one that has
one."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any, Protocol

from clinic.domain.clock import now, to_wire

PAST = "2023-12-01T10:00:00Z"
#: When the clinic opens tomorrow; a campaign may go on after midnight.
_TOMORROW = (now() + timedelta(days=1)).replace(hour=8, minute=0, second=0, microsecond=0)

#: Members of a request: {"date"}, and "service" and "practitioner" where there are any.
Wish = dict[str, Any]


class Wishes(Protocol):
    def draw(self, rng: random.Random) -> Wish:
        """Draw a request: often one that many want, sometimes any, now and then a past one."""

    def elsewhere(self, wish: Wish, rng: random.Random) -> Wish:
        """Draw where a booking is wanted instead."""


class Slots:
    """Half hours of a clinic that is open from 8:00 to 20:00 every day, in UTC."""

    def draw(self, rng: random.Random) -> Wish:
        kind = rng.random()
        if kind < 0.1:
            return {"date": PAST}
        return {"date": slot(rng.randrange(24 if kind < 0.5 else 4000))}

    def elsewhere(self, wish: Wish, rng: random.Random) -> Wish:
        return self.draw(rng)


def slot(number: int) -> str:
    """The start of one of the slots of the coming months."""
    day, half_hour = divmod(number, 24)
    return to_wire(opening(day) + timedelta(minutes=30 * half_hour))


def opening(day: int) -> datetime:
    """When the clinic opens tomorrow, or `day` days later."""
    return _TOMORROW + timedelta(days=day)
