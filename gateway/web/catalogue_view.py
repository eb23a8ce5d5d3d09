"""The catalogue as pages show it: names in a language, the zones of sites, who does what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from clinic.contracts.date_format import format_clock_time, format_day, zone_city
from clinic.domain.catalogue import Catalogue, Schedule, ScheduleKind


@dataclass(frozen=True, slots=True)
class CatalogueView:
    """Shows the id of an item that has been deleted, and "" for None."""

    catalogue: Catalogue
    language: str

    def service(self, service_id: str | None) -> str:
        service = self.catalogue.services.get(service_id or "")
        return self.localized(service.names) if service else service_id or ""

    def practitioner(self, practitioner_id: str | None) -> str:
        schedule = self.catalogue.schedules.get(practitioner_id or "")
        return schedule.name if schedule else practitioner_id or ""

    def site(self, site_id: str | None) -> str:
        site = self.catalogue.sites.get(site_id or "")
        return self.localized(site.names) if site else site_id or ""

    def localized(self, names: Mapping[str, str]) -> str:
        """Return the name in the language, or else in any other."""
        return names.get(self.language) or next(iter(names.values()), "")

    def clock(self, moment: datetime, site_id: str | None) -> str:
        """Return the time of day at a site."""
        return format_clock_time(moment, self.language, self.zone(site_id))

    def day(self, moment: datetime, site_id: str | None) -> str:
        """Return the day at a site, in full."""
        return format_day(moment.astimezone(self.zone(site_id)).date(), self.language)

    def zone(self, site_id: str | None) -> ZoneInfo:
        return site_zone(self.catalogue, site_id)

    def city(self, site_id: str | None) -> str:
        """Return the city of the site's zone."""
        return zone_city(self.zone(site_id), self.language)

    @property
    def has_many_sites(self) -> bool:
        return len(self.catalogue.sites) > 1

    @property
    def has_many_zones(self) -> bool:
        return len({site.zone.key for site in self.catalogue.sites.values()}) > 1


def site_zone(catalogue: Catalogue, site_id: str | None) -> ZoneInfo:
    """Return the zone of the site; that of the first one while the site is open or unknown."""
    site = catalogue.sites.get(site_id or "") or next(iter(catalogue.sites.values()))
    return site.zone


def practitioners_of(
    catalogue: Catalogue, service_id: str | None = None, site_id: str | None = None
) -> list[Schedule]:
    """List the active practitioners who do the service and work at the site."""
    return [
        schedule
        for schedule in catalogue.schedules.values()
        if schedule.kind is ScheduleKind.PRACTITIONER
        and schedule.is_active
        and (service_id is None or service_id in schedule.services)
        and (site_id is None or site_id in sites_of(schedule))
    ]


def sites_of(schedule: Schedule) -> set[str]:
    """Return the sites where the schedule has hours, on some day."""
    weekly = {row.site for row in schedule.hours}
    return weekly | {exception.site for exception in schedule.exceptions}
