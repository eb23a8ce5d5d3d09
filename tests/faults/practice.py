"""A clinic with a catalogue: three practitioners who share two rooms, and services of different
lengths with buffers."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from clinic.catalogue.from_configuration import WEEKDAYS
from clinic.domain.clock import to_wire
from tests.faults.wishes import PAST, Wish, opening

_HOURS = [
    {"site": "centro", "weekday": day, "intervals": ["08:00-13:00", "14:00-20:00"]}
    for day in WEEKDAYS
]
_BOTH = ["practitioner", "room"]
_SERVICES: list[dict[str, Any]] = [
    {"id": "short", "minutes": 15, "after": 5, "startEvery": 5, "default": True},
    {"id": "visit", "minutes": 30, "before": 10, "startEvery": 15, "needs": _BOTH},
    {"id": "long", "minutes": 50, "before": 5, "after": 15, "startEvery": 10, "needs": _BOTH},
]
_PEOPLE = ("ana", "luis", "eva")
_ROOMS = ("room-1", "room-2")


def _schedule(schedule_id: str, kind: str, **fields: Any) -> dict[str, Any]:
    services = [service["id"] for service in _SERVICES]
    own = {"id": schedule_id, "kind": kind, "name": schedule_id.title(), "services": services}
    return own | {"hours": _HOURS} | fields


CATALOGUE: dict[str, Any] = {
    "services": [
        service | {"names": {"es": service["id"], "en": service["id"]}} for service in _SERVICES
    ],
    "schedules": [
        _schedule("ana", "practitioner", weight=2, overbook=1),
        *(_schedule(name, "practitioner") for name in _PEOPLE[1:]),
        *(_schedule(name, "room") for name in _ROOMS),
    ],
    "sites": [{"id": "centro", "names": {"es": "Centro", "en": "Centre"}, "zone": "UTC"}],
}

#: Days that few want, and how much of the first day many do.
_DAYS, _WANTED_MINUTES = 60, 300


class Appointments:
    """Half of the requests name a practitioner, and some of those for the default service name no
    service."""

    def draw(self, rng: random.Random) -> Wish:
        service = rng.choice(_SERVICES)
        names = "service" if not service.get("default") or rng.random() < 0.5 else ""
        person = rng.choice(_PEOPLE) if rng.random() < 0.5 else None
        wish = {names: service["id"], "practitioner": person, "date": _date(service, rng)}
        return {name: value for name, value in wish.items() if name and value}

    def elsewhere(self, wish: Wish, rng: random.Random) -> Wish:
        """At another time, and sometimes with another practitioner."""
        service = next(each for each in _SERVICES if each["id"] == wish.get("service", "short"))
        person = {"practitioner": rng.choice(_PEOPLE)} if rng.random() < 0.3 else {}
        return {"date": _date(service, rng)} | person


def _date(service: dict[str, Any], rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.1:
        return PAST
    is_busy = kind < 0.6
    step = int(service["startEvery"])
    start = step * rng.randrange((_WANTED_MINUTES if is_busy else 12 * 60) // step)
    day = 0 if is_busy else rng.randrange(1, _DAYS)
    return to_wire(opening(day) + timedelta(minutes=start))
