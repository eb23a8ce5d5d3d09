"""Parses and dumps a whole catalogue: `{"clinic", "services", "schedules", "sites"}`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from marshmallow import Schema, ValidationError

from clinic.catalogue.problems import Problem, invalid_catalogue, join, problems_of
from clinic.catalogue.schema.item_schemas import ProfileSchema, ServiceSchema, SiteSchema
from clinic.catalogue.schema.schedule_schemas import MAX_SERVICES, ScheduleSchema
from clinic.domain.catalogue import Catalogue, ClinicProfile, Schedule, Service, Site

Json = dict[str, Any]
Item = Service | Schedule | Site

#: The member of a catalogue with the profile of the clinic.
PROFILE = "clinic"


class ItemKind(StrEnum):
    """The kinds of items, named as the members of a catalogue."""

    SERVICE = "services"
    SCHEDULE = "schedules"
    SITE = "sites"


SCHEMAS: Mapping[ItemKind, type[Schema]] = {
    ItemKind.SERVICE: ServiceSchema,
    ItemKind.SCHEDULE: ScheduleSchema,
    ItemKind.SITE: SiteSchema,
}
_MAX_ITEMS = {ItemKind.SERVICE: MAX_SERVICES, ItemKind.SCHEDULE: 200, ItemKind.SITE: 50}
_LOADED = {kind: schema() for kind, schema in SCHEMAS.items()}
_PROFILE = ProfileSchema()


@dataclass(slots=True)
class ParsedCatalogue:
    """The items in the order of the form; None instead of an invalid one.

    `ids` are those of the invalid items too, so that references to them are no further problems.
    `unreadable` kinds have no items, because they are no list or have too many.
    """

    profile: ClinicProfile = field(default_factory=ClinicProfile)
    services: list[Service | None] = field(default_factory=list)
    schedules: list[Schedule | None] = field(default_factory=list)
    sites: list[Site | None] = field(default_factory=list)
    ids: dict[ItemKind, list[object]] = field(
        default_factory=lambda: {kind: [] for kind in ItemKind}
    )
    problems: list[Problem] = field(default_factory=list)
    unreadable: set[ItemKind] = field(default_factory=set)

    def items(self, kind: ItemKind) -> list[Any]:
        found: list[Any] = getattr(self, kind.value)
        return found

    def to_json(self) -> Json:
        """Return the canonical form of a valid catalogue, with every field."""
        dumped = {
            kind.value: [dump_item(kind, each) for each in self.items(kind)] for kind in ItemKind
        }
        return {PROFILE: _PROFILE.dump(self.profile), **dumped}

    def to_catalogue(
        self,
        clinic: str,
        horizon: timedelta,
        version: int,
        versions: Mapping[str, Mapping[str, int]],
    ) -> Catalogue:
        """Return a valid catalogue; `versions` has those of its items by kind and id."""

        def by_id(kind: ItemKind) -> dict[str, Any]:
            of_kind = versions[kind]
            return {each.id: replace(each, version=of_kind[each.id]) for each in self.items(kind)}

        return Catalogue(
            clinic=clinic,
            services=by_id(ItemKind.SERVICE),
            schedules=by_id(ItemKind.SCHEDULE),
            sites=by_id(ItemKind.SITE),
            horizon=horizon,
            profile=self.profile,
            version=version,
        )


def parse_catalogue(data: Any, on_item: Callable[[], object] = lambda: None) -> ParsedCatalogue:
    """Parse every item by itself, so that all problems are found. Calls `on_item` after each."""
    parsed = ParsedCatalogue()
    if not isinstance(data, Mapping):
        parsed.problems.append(Problem("", "must be an object"))
        parsed.unreadable.update(ItemKind)
        return parsed
    known = {PROFILE, *ItemKind}
    parsed.problems += [
        Problem(join("", name), "is not a field here") for name in data if name not in known
    ]
    profile = data.get(PROFILE)
    if profile is not None:
        parsed.profile = _load(_PROFILE, profile, PROFILE, parsed.problems) or ClinicProfile()
    for kind in ItemKind:
        _parse_items(kind, data.get(kind.value), parsed, on_item)
    return parsed


def parse_item(kind: ItemKind, data: Any) -> tuple[Item | None, list[Problem]]:
    """Return the item, or None and its problems."""
    problems: list[Problem] = []
    return _load(_LOADED[kind], data, "", problems), problems


def canonical_item(kind: ItemKind, item_id: str, data: Any) -> Json:
    """Return the canonical form of the item with that id. Raises: CatalogueInvalid."""
    item, problems = parse_item(kind, data)
    if item is not None and item.id != item_id:
        problems = [Problem("id", "must be the id of the item")]
    if problems or item is None:
        raise invalid_catalogue(problems)
    return dump_item(kind, item)


def dump_item(kind: ItemKind, item: Item) -> Json:
    dumped: Json = _LOADED[kind].dump(item)
    return dumped


def count_items(data: Any) -> int:
    """Return how often `parse_catalogue` calls `on_item`."""
    return sum(len(found) for _, found in _lists(data))


def _parse_items(
    kind: ItemKind, data: Any, parsed: ParsedCatalogue, on_item: Callable[[], object]
) -> None:
    if data is None:
        return
    if not isinstance(data, list) or len(data) > _MAX_ITEMS[kind]:
        message = f"must be a list of at most {_MAX_ITEMS[kind]} items"
        parsed.problems.append(Problem(kind.value, message))
        parsed.unreadable.add(kind)
        return
    for index, each in enumerate(data):
        path = join(kind.value, index)
        parsed.items(kind).append(_load(_LOADED[kind], each, path, parsed.problems))
        parsed.ids[kind].append(each.get("id") if isinstance(each, Mapping) else None)
        on_item()


def _load(schema: Schema, data: Any, path: str, problems: list[Problem]) -> Any:
    try:
        return schema.load(data)
    except ValidationError as error:
        problems += problems_of(error.normalized_messages(), path)
        return None


def _lists(data: Any) -> Iterator[tuple[ItemKind, Sequence[Any]]]:
    for kind in ItemKind if isinstance(data, Mapping) else ():
        found = data.get(kind.value)
        if isinstance(found, list) and len(found) <= _MAX_ITEMS[kind]:
            yield kind, found
