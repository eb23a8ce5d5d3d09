"""The names of what a booking has chosen, for pages, e-mails and calendars. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from clinic.domain.booking import Choice
from clinic.domain.catalogue import Catalogue
from clinic.domain.reasons import DEFAULT_LANGUAGE


@dataclass(frozen=True, slots=True)
class NamedChoice:
    """A choice in the words of the catalogue, "" for what is left open. An item that is no longer
    in the catalogue is named by its id."""

    service: str = ""
    practitioner: str = ""
    site: str = ""
    address: str = ""
    phone: str = ""

    @property
    def location(self) -> str:
        """The name and the address of the site."""
        return ", ".join(part for part in (self.site, self.address) if part)


NOTHING_NAMED = NamedChoice()


def name_choice(choice: Choice, catalogue: Catalogue, language: str) -> NamedChoice:
    service = catalogue.services.get(choice.service or "")
    practitioner = catalogue.schedules.get(choice.practitioner or "")
    site = catalogue.sites.get(choice.site or "")
    return NamedChoice(
        service=localized(service.names, language) if service else choice.service or "",
        practitioner=practitioner.name if practitioner else choice.practitioner or "",
        site=localized(site.names, language) if site else choice.site or "",
        address=site.address if site else "",
        phone=site.phone if site else "",
    )


def localized(names: Mapping[str, str], language: str) -> str:
    """Return the name in a language, or in Spanish if there is none."""
    return names.get(language) or names.get(DEFAULT_LANGUAGE, "")


def zone_of(choice: Choice, catalogue: Catalogue, default: ZoneInfo) -> ZoneInfo:
    """Return the zone of the site; if it is left open, that of all sites, or else the default."""
    site = catalogue.sites.get(choice.site or "")
    zones = {site.zone} if site else {each.zone for each in catalogue.sites.values()}
    return zones.pop() if len(zones) == 1 else default
