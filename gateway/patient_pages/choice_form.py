"""The form in which patients choose service, practitioner and site.

The choice stays in the query of links and in hidden fields. Ids that are not offered fall back to
the default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import urlencode

from clinic.contracts.messages import choice_ids
from clinic.domain.booking import Choice
from clinic.domain.catalogue import Catalogue, Schedule, ScheduleKind, Service, Site
from clinic.domain.named_choice import NamedChoice, localized, name_choice, zone_of
from clinic.errors import DatabaseUnavailable
from gateway.api.catalogue_api import current_catalogue
from gateway.web.available_slots import SlotSearch
from gateway.web.rendering import hours, page_language

_FIELDS = ("service", "practitioner", "site")
_Item = TypeVar("_Item", Service, Schedule, Site)


@dataclass(frozen=True, slots=True)
class Option:
    """`minutes` is 0 unless it is a service."""

    value: str
    text: str
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class ChoiceField:
    """`open_key` is the message key of the option that leaves the choice open, if there is one;
    its placeholder is filled with `open_name`."""

    name: str
    options: tuple[Option, ...]
    chosen: str
    open_key: str = ""
    open_name: str = ""

    @property
    def has_alternatives(self) -> bool:
        """Whether there is something to choose: a single practitioner is an alternative to the
        first one available, but a single site is the only one."""
        return len(self.options) > (0 if self.name == "practitioner" else 1)


@dataclass(frozen=True, slots=True)
class Selection:
    """What the patient has chosen, as far as it is offered, and what else is offered.

    `kept` has the ids for links and hidden fields. `is_changed` says that something requested is
    not offered. `new_site` is the name of the site if a rescheduling would change it, else "".
    """

    choice: Choice
    kept: Mapping[str, str]
    named: NamedChoice
    fields: tuple[ChoiceField, ...]
    search: SlotSearch
    is_changed: bool
    new_site: str = ""

    @property
    def query(self) -> str:
        """The beginning of a query, before further parameters."""
        return f"{urlencode(self.kept)}&" if self.kept else ""


def catalogue_of_pages() -> Catalogue | None:
    """Return the catalogue; None if it was never read, as the database is unavailable. Pages that
    need no database then omit the choice."""
    with suppress(DatabaseUnavailable):
        return current_catalogue()
    return None


def requested_choice(values: Mapping[str, str]) -> dict[str, str]:
    """Return the ids of a query or a form that are not empty."""
    return {name: values[name] for name in _FIELDS if values.get(name)}


def select(requested: Mapping[str, str], catalogue: Catalogue | None) -> Selection | None:
    """Return the selection for a new booking; None without a configured catalogue."""
    if catalogue is None or not catalogue.is_configured:
        return None
    services = [each for each in catalogue.services.values() if each.is_active]
    service = _find(services, requested.get("service")) or catalogue.default_service
    practitioners = _practitioners(service, catalogue)
    practitioner = _find(practitioners, requested.get("practitioner"))
    sites = _sites([practitioner] if practitioner else _leading(service, catalogue), catalogue)
    choice = Choice(service.id, _id(practitioner), _id(_find(sites, requested.get("site"))))
    fields = (
        ChoiceField("service", _service_options(services), service.id),
        ChoiceField(
            "practitioner", _options(practitioners), choice.practitioner or "", "any_practitioner"
        ),
        ChoiceField("site", _site_options(sites), choice.site or "", "any_site"),
    )
    return _selection(choice, choice_ids(choice), requested, fields, catalogue)


def select_for_move(
    booked: Choice, requested: Mapping[str, str], catalogue: Catalogue | None
) -> Selection | None:
    """Return the selection for a rescheduling; None for a booking without a service of the
    catalogue. The practitioner may change, the service may not.

    Patients see the times of one site: that of the booking if the practitioner works there.
    """
    service = catalogue.services.get(booked.service or "") if catalogue else None
    if catalogue is None or service is None:
        return None
    others = [each for each in _practitioners(service, catalogue) if each.id != booked.practitioner]
    other = _find(others, requested.get("practitioner"))
    practitioner = other or catalogue.schedules.get(booked.practitioner or "")
    sites = _sites([practitioner] if practitioner else [], catalogue)
    site = _find(sites, requested.get("site")) or _find(sites, booked.site)
    site = site or next(iter(sites), None)
    same = name_choice(booked, catalogue, page_language()).practitioner
    fields = (
        ChoiceField("practitioner", _options(others), _id(other) or "", "same_practitioner", same),
        ChoiceField("site", _site_options(sites), _id(site) or ""),
    )
    choice = Choice(service.id, _id(practitioner), _id(site) or booked.site)
    kept = choice_ids(Choice(None, _id(other), _id(site)))
    selection = _selection(choice, kept, requested, fields, catalogue)
    is_elsewhere = choice.site != booked.site
    return replace(selection, new_site=selection.named.site if is_elsewhere else "")


def _selection(
    choice: Choice,
    kept: Mapping[str, str],
    requested: Mapping[str, str],
    fields: Iterable[ChoiceField],
    catalogue: Catalogue,
) -> Selection:
    chosen = choice_ids(choice)
    return Selection(
        choice=choice,
        kept=kept,
        named=name_choice(choice, catalogue, page_language()),
        fields=tuple(field for field in fields if field.has_alternatives),
        search=SlotSearch(choice, zone_of(choice, catalogue, hours().zone)),
        is_changed=any(chosen.get(name) != value for name, value in requested.items()),
    )


def _practitioners(service: Service, catalogue: Catalogue) -> list[Schedule]:
    """List whom patients can choose: nobody if the hours of a room or a pool are decisive."""
    is_by_person = service.needs[0] is ScheduleKind.PRACTITIONER
    return _leading(service, catalogue) if is_by_person else []


def _leading(service: Service, catalogue: Catalogue) -> list[Schedule]:
    return catalogue.schedules_for(service, service.needs[0])


def _sites(schedules: Sequence[Schedule], catalogue: Catalogue) -> list[Site]:
    """List the sites where any of the schedules works."""
    worked = {row.site for each in schedules for row in each.hours}
    worked |= {row.site for each in schedules for row in each.exceptions}
    return [site for site in catalogue.sites.values() if site.id in worked]


def _find(items: Sequence[_Item], item_id: str | None) -> _Item | None:
    return next((item for item in items if item.id == item_id), None)


def _id(item: Service | Schedule | Site | None) -> str | None:
    return item.id if item else None


def _service_options(services: Iterable[Service]) -> tuple[Option, ...]:
    language = page_language()
    return tuple(
        Option(each.id, localized(each.names, language), each.minutes) for each in services
    )


def _options(schedules: Iterable[Schedule]) -> tuple[Option, ...]:
    return tuple(Option(each.id, each.name) for each in schedules)


def _site_options(sites: Iterable[Site]) -> tuple[Option, ...]:
    language = page_language()
    return tuple(Option(each.id, localized(each.names, language)) for each in sites)
