"""A clinic with a catalogue: two practitioners, two sites in different zones."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from clinic.catalogue.cache import CatalogueCache
from clinic.domain.booking import Assignment, Choice
from clinic.domain.catalogue import (
    Catalogue,
    Schedule,
    ScheduleKind,
    Service,
    Site,
    WeeklyHours,
)
from clinic.domain.opening_hours import OpeningInterval
from clinic.domain.time_cells import CELL_MINUTES, cells_of, claim_keys

MADRID, CANARY = ZoneInfo("Europe/Madrid"), ZoneInfo("Atlantic/Canary")

VISIT = Service("visit", {"es": "Visita", "en": "Visit"}, 30, 30, is_default=True)
REVIEW = Service("review", {"es": "Revisión"}, 15, 15)
VACCINE = Service("vaccine", {"es": "Vacuna", "en": "Vaccine"}, 10, 10, needs=(ScheduleKind.POOL,))
RETIRED = Service("retired", {"es": "Retirada"}, 30, 30, is_active=False)

CENTRO = Site(
    "centro", {"es": "Centro", "en": "Centre"}, MADRID, "Calle Mayor 1", "+34 910 000 000"
)
PUERTO = Site("puerto", {"es": "Puerto", "en": "Harbour"}, CANARY, "Muelle 2")


def every_day(site: Site, interval: str) -> tuple[WeeklyHours, ...]:
    spans = (OpeningInterval.parse(interval),)
    return tuple(WeeklyHours(site.id, weekday, spans) for weekday in range(7))


#: Ana works at both sites, Luis at one of them.
ANA = Schedule(
    "ana-lopez",
    ScheduleKind.PRACTITIONER,
    "Ana López",
    frozenset({"visit", "review"}),
    (*every_day(CENTRO, "09:00-11:00"), *every_day(PUERTO, "16:00-18:00")),
)
LUIS = Schedule(
    "luis-vega",
    ScheduleKind.PRACTITIONER,
    "Luis <Vega>",
    frozenset({"visit"}),
    every_day(PUERTO, "09:00-11:00"),
)
NURSES = Schedule(
    "nurses", ScheduleKind.POOL, "", frozenset({"vaccine"}), every_day(CENTRO, "09:00-11:00")
)


def make_catalogue(**fields: Any) -> Catalogue:
    usual: dict[str, Any] = {
        "clinic": "default",
        "services": by_id(VISIT, REVIEW, VACCINE, RETIRED),
        "schedules": by_id(ANA, LUIS, NURSES),
        "sites": by_id(CENTRO, PUERTO),
        "horizon": timedelta(days=60),
        "version": 1,
    }
    return Catalogue(**usual | fields)


def small_catalogue() -> Catalogue:
    """One service, one practitioner, one site."""
    only = replace(ANA, services=frozenset({"visit"}), hours=every_day(CENTRO, "09:00-11:00"))
    return make_catalogue(
        services=by_id(VISIT), schedules=by_id(only), sites=by_id(CENTRO), version=2
    )


def by_id(*items: Any) -> dict[str, Any]:
    return {item.id: item for item in items}


def cache_of(catalogue: Catalogue) -> CatalogueCache:
    return CatalogueCache(lambda _clinic: catalogue, catalogue, 60)


def visit_of(
    start: datetime, schedule: Schedule = ANA, site: Site = CENTRO, service: Service = VISIT
) -> Assignment:
    """What the service occupies from `start` on."""
    end = start + service.duration
    keys = claim_keys(schedule.id, 0, cells_of(start, end, CELL_MINUTES))
    return Assignment(Choice(service.id, schedule.id, site.id), end, keys)
