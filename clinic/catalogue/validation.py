"""Cross-checks of a whole catalogue: what no item shows by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from clinic.catalogue.problems import Problem
from clinic.catalogue.schema.catalogue_schema import PROFILE, ItemKind, ParsedCatalogue
from clinic.domain.catalogue import Schedule, Service
from clinic.domain.time_cells import CELL_MINUTES

#: The claims of one booking; each is an entry of an index.
MAX_CLAIMS = 300

_ORDER = (PROFILE, *(kind.value for kind in ItemKind))


def find_problems(parsed: ParsedCatalogue, *, may_be_incomplete: bool = False) -> list[Problem]:
    """Return all problems, also those of single items, in the order of the form.

    An incomplete catalogue has no active service yet: it can be built item by item.
    """
    found = [
        *parsed.problems,
        *_repeated_ids(parsed),
        *_unknown_references(parsed),
        *_invalid_needs(parsed),
        *_undone_services(parsed),
        *_default_service(parsed, may_be_incomplete),
    ]
    return sorted(dict.fromkeys(found), key=lambda problem: _position(problem.path))


def is_complete(parsed: ParsedCatalogue) -> bool:
    """Return whether patients can book by this valid catalogue."""
    return any(service and service.is_active for service in parsed.services)


def _repeated_ids(parsed: ParsedCatalogue) -> Iterator[Problem]:
    for kind in ItemKind:
        seen: set[str] = set()
        for index, item in enumerate(parsed.items(kind)):
            if item is not None and item.id in seen:
                yield Problem(f"{kind.value}[{index}].id", "is repeated", "repeated_id")
            if item is not None:
                seen.add(item.id)


def _unknown_references(parsed: ParsedCatalogue) -> Iterator[Problem]:
    for index, schedule in enumerate(parsed.schedules):
        if schedule is not None:
            yield from _unknown_services(f"schedules[{index}]", schedule, parsed)
            yield from _unknown_sites(f"schedules[{index}]", schedule, parsed)


def _unknown_services(path: str, schedule: Schedule, parsed: ParsedCatalogue) -> Iterator[Problem]:
    known = parsed.ids[ItemKind.SERVICE]
    unknown = [each for each in sorted(schedule.services) if each not in known]
    if unknown and ItemKind.SERVICE not in parsed.unreadable:
        message = f"has services that are not in the catalogue: {', '.join(unknown)}"
        yield Problem(f"{path}.services", message, "unknown_services")


def _unknown_sites(path: str, schedule: Schedule, parsed: ParsedCatalogue) -> Iterator[Problem]:
    if ItemKind.SITE in parsed.unreadable:
        return
    sites = {
        **{f"hours[{index}]": row.site for index, row in enumerate(schedule.hours)},
        **{f"exceptions[{index}]": row.site for index, row in enumerate(schedule.exceptions)},
    }
    for row, site in sites.items():
        if site not in parsed.ids[ItemKind.SITE]:
            yield Problem(f"{path}.{row}.site", "is not a site of the catalogue", "unknown_site")


def _invalid_needs(parsed: ParsedCatalogue) -> Iterator[Problem]:
    for index, service in enumerate(parsed.services):
        if service is None:
            continue
        path = f"services[{index}]"
        if not service.needs:
            yield Problem(f"{path}.needs", "must name a kind of schedule", "invalid_needs")
        elif len(set(service.needs)) < len(service.needs):
            yield Problem(f"{path}.needs", "must name each kind once", "invalid_needs")
        elif _claims(service) > MAX_CLAIMS:
            yield Problem(path, _too_long(service), "too_long")


def _claims(service: Service) -> int:
    cells = (service.before + service.minutes + service.after) // CELL_MINUTES
    return cells * len(service.needs)


def _too_long(service: Service) -> str:
    return (
        f"takes {_claims(service)} cells of {CELL_MINUTES} minutes with its buffers, in all the"
        f" schedules that it needs; at most {MAX_CLAIMS} are possible"
    )


def _undone_services(parsed: ParsedCatalogue) -> Iterator[Problem]:
    if None in parsed.schedules or ItemKind.SCHEDULE in parsed.unreadable:
        return  # the invalid ones may do them
    active = [each for each in parsed.schedules if each and each.is_active]
    for index, service in enumerate(parsed.services):
        if service is not None and service.is_active:
            for kind in dict.fromkeys(service.needs):
                if not any(each.kind is kind and service.id in each.services for each in active):
                    message = f"is done by no active {kind.value}"
                    yield Problem(f"services[{index}]", message, f"no_{kind.value}")


def _default_service(parsed: ParsedCatalogue, may_be_incomplete: bool) -> Iterator[Problem]:
    if None in parsed.services or ItemKind.SERVICE in parsed.unreadable:
        return  # an invalid one may be the default
    defaults = [
        index
        for index, service in enumerate(parsed.services)
        if service and service.is_active and service.is_default
    ]
    if not defaults and not (may_be_incomplete and not is_complete(parsed)):
        yield Problem(
            "services", "must have a default among its active services", "default_service"
        )
    for index in defaults[1:]:
        message = "must be false: there is another default"
        yield Problem(f"services[{index}].default", message, "default_service")


def _position(path: str) -> tuple[int, list[tuple[int, str]]]:
    """Return the place of a path in the form, for sorting."""
    top = re.split(r"[.\[]", path, maxsplit=1)[0]
    parts = re.findall(r"\d+|\D+", path)
    return (
        _ORDER.index(top) if top in _ORDER else -1,
        [(int(part), "") if part.isdigit() else (-1, part) for part in parts],
    )
