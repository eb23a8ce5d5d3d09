"""What differs between two catalogues in their canonical form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from clinic.catalogue.schema.catalogue_schema import PROFILE, ItemKind, Json


@dataclass(frozen=True, slots=True)
class KindChanges:
    """The ids of the items of one kind that differ."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Changes:
    """`is_reordered`: some items have only another place in the lists."""

    items: Mapping[ItemKind, KindChanges] = field(default_factory=dict)
    is_profile_changed: bool = False
    is_reordered: bool = False

    def __bool__(self) -> bool:
        return self.is_profile_changed or self.is_reordered or any(self.items.values())


def compare(old: Json, new: Json) -> Changes:
    """Return what changes `old` into `new`."""
    items = {kind: _compare_kind(by_id(old, kind), by_id(new, kind)) for kind in ItemKind}
    is_profile_changed = old[PROFILE] != new[PROFILE]
    return Changes(
        items=items,
        is_profile_changed=is_profile_changed,
        is_reordered=not any(items.values()) and not is_profile_changed and old != new,
    )


def by_id(whole: Json, kind: ItemKind) -> dict[str, Json]:
    return {item["id"]: item for item in whole[kind.value]}


def _compare_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> KindChanges:
    return KindChanges(
        added=tuple(_without(new, old)),
        changed=tuple(each for each in new if each in old and new[each] != old[each]),
        removed=tuple(_without(old, new)),
    )


def _without(ids: Mapping[str, Any], others: Mapping[str, Any]) -> Iterator[str]:
    return (each for each in ids if each not in others)
