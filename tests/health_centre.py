"""A clinic with a catalogue: two practitioners at two sites in different zones, and one room.

Everybody works every day, so no test depends on the weekday on which it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from nameko.testing.services import worker_factory

from booking_service.scheduling.allocator import Allocator
from booking_service.scheduling.working_hours import WorkingHours
from booking_service.service import BookingService
from clinic.bookings.repository import BookingRepository
from clinic.catalogue.schema.catalogue_schema import ItemKind, dump_item
from clinic.contracts import strict_json
from clinic.domain.catalogue import (
    DEFAULT_CLINIC,
    Catalogue,
    Schedule,
    ScheduleKind,
    Service,
    Site,
    WeeklyHours,
)
from clinic.domain.opening_hours import OpeningInterval
from clinic.errors import ClinicError, ServiceUnavailable, TransientError

MADRID = ZoneInfo("Europe/Madrid")
CANARY = ZoneInfo("Atlantic/Canary")
TODAY = datetime.now(MADRID).date()
TOMORROW = TODAY + timedelta(days=1)

ANA, LUIS, ROOM = "ana-lopez", "luis-vega", "sala-1"
VISIT, REVIEW = "visit", "review"
CENTRO, NORTE = "centro", "norte"


def daily(site: str, *intervals: str) -> tuple[WeeklyHours, ...]:
    spans = tuple(OpeningInterval.parse(each) for each in intervals)
    return tuple(WeeklyHours(site, weekday, spans) for weekday in range(7))


def health_centre(
    schedules: Mapping[str, Mapping[str, Any]] | None = None,
    sites: Mapping[str, Mapping[str, Any]] | None = None,
) -> Catalogue:
    """Make the catalogue; the arguments replace fields of its schedules and sites."""
    services = (
        Service(VISIT, {"es": "Visita", "en": "Visit"}, 30, 30, is_default=True),
        Service(
            REVIEW,
            {"es": "Revisión", "en": "Review"},
            20,
            20,
            after=10,
            needs=(ScheduleKind.PRACTITIONER, ScheduleKind.ROOM),
        ),
    )
    ana, luis = ScheduleKind.PRACTITIONER, ScheduleKind.PRACTITIONER
    both = frozenset({VISIT, REVIEW})
    found = (
        Schedule(ANA, ana, "Ana López", both, daily(CENTRO, "09:00-13:00", "15:00-17:00")),
        Schedule(LUIS, luis, "Luis Vega", frozenset({VISIT}), daily(NORTE, "10:00-14:00")),
        Schedule(
            ROOM, ScheduleKind.ROOM, "Sala 1", frozenset({REVIEW}), daily(CENTRO, "08:00-20:00")
        ),
    )
    places = (
        Site(CENTRO, {"es": "Centro", "en": "Centre"}, MADRID, "Calle Mayor 1", "+34910000001"),
        Site(NORTE, {"es": "Norte", "en": "North"}, CANARY, "Avenida del Mar 2", "+34920000002"),
    )
    return Catalogue(
        DEFAULT_CLINIC,
        {each.id: each for each in services},
        {each.id: replace(each, **(schedules or {}).get(each.id, {})) for each in found},
        {each.id: replace(each, **(sites or {}).get(each.id, {})) for each in places},
        timedelta(days=60),
        version=1,
    )


def to_json(catalogue: Catalogue) -> dict[str, Any]:
    """Return the form of files and requests."""
    items = {
        ItemKind.SERVICE: catalogue.services,
        ItemKind.SCHEDULE: catalogue.schedules,
        ItemKind.SITE: catalogue.sites,
    }
    return {
        kind.value: [dump_item(kind, item) for item in found.values()]
        for kind, found in items.items()
    }


def moment(day: date, time: str, zone: ZoneInfo = MADRID) -> datetime:
    """Convert a local time to UTC."""
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=zone).astimezone(UTC)


class LocalBookingService:
    """The real booking service in this process, in place of an RPC pool. It reads the catalogue
    anew for each call."""

    def __init__(self, store: BookingRepository, read: Callable[[], Catalogue]) -> None:
        self._store = store
        self._read = read
        self.error: ClinicError | None = None
        self.calls: list[str] = []

    def call(self, method: str, *, until: float, **arguments: Any) -> Any:
        self.calls.append(method)
        if self.error:
            raise self.error
        sent = strict_json.loads(strict_json.dumps(arguments))
        try:
            result = getattr(self._service(), method)(**sent)
        except TransientError as error:
            raise ServiceUnavailable(error.code) from None
        return strict_json.loads(strict_json.dumps(result))

    def _service(self) -> BookingService:
        allocator = Allocator(self._store, WorkingHours(self._read()))
        service: BookingService = worker_factory(
            BookingService,
            bookings=self._store,
            allocator_of=lambda _clinic: allocator,
            dispatch=lambda _event, transition: self._store.apply(transition),
        )
        return service
