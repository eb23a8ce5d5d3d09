"""The stored form of a catalogue: its canonical form, with versions. Pure.

{"_id": "default", "version": 7, "clinic": {…}, "services": [{…}], "schedules": [{…}],
 "sites": [{…}], "versions": {"services": {"first-visit": 2}, "schedules": {}, "sites": {}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clinic.catalogue.comparison import by_id, compare
from clinic.catalogue.schema.catalogue_schema import (
    PROFILE,
    ItemKind,
    Json,
    ParsedCatalogue,
)
from clinic.errors import CatalogueItemNotFound, VersionMismatch

Versions = Mapping[str, Mapping[str, int]]


def _nothing() -> Json:
    return ParsedCatalogue().to_json()


def _no_versions() -> Versions:
    return {kind.value: {} for kind in ItemKind}


@dataclass(frozen=True, slots=True)
class StoredCatalogue:
    """`whole` is the canonical form, and `version` is 0 before the catalogue is stored.

    `versions` has those of deleted items too. An item that is created again continues there, so
    no two contents of it ever have the same version.
    """

    clinic: str
    version: int = 0
    whole: Json = field(default_factory=_nothing)
    versions: Versions = field(default_factory=_no_versions)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> StoredCatalogue:
        names = (PROFILE, *(kind.value for kind in ItemKind))
        whole = {name: document[name] for name in names}
        return cls(document["_id"], document["version"], whole, document["versions"])

    def to_document(self) -> dict[str, Any]:
        versions = {kind: dict(found) for kind, found in self.versions.items()}
        return {"_id": self.clinic, "version": self.version, **self.whole, "versions": versions}

    def get(self, kind: ItemKind, item_id: str) -> tuple[Json, int]:
        """Return an item and its version. Raises: CatalogueItemNotFound."""
        item = by_id(self.whole, kind).get(item_id)
        if item is None:
            raise CatalogueItemNotFound(f"there is no such item among the {kind.value}")
        return item, self.versions[kind][item_id]

    def require_version(self, kind: ItemKind, item_id: str, expected: int | None) -> None:
        """Raises: VersionMismatch unless the item has that version; for None, unless it is new."""
        try:
            _, version = self.get(kind, item_id)
        except CatalogueItemNotFound:
            if expected is not None:
                raise VersionMismatch("the item does not exist") from None
            return
        if version != expected:
            raise VersionMismatch(f"the item has version {version}")

    def with_item(self, kind: ItemKind, item: Json) -> tuple[Json, int]:
        """Return the whole with the item, in its place or at the end, and its index."""
        ids = [each["id"] for each in self.whole[kind.value]]
        index = ids.index(item["id"]) if item["id"] in ids else len(ids)
        items = list(self.whole[kind.value])
        items[index : index + 1] = [item]
        return self.whole | {kind.value: items}, index

    def without_item(self, kind: ItemKind, item_id: str) -> Json:
        items = [each for each in self.whole[kind.value] if each["id"] != item_id]
        return self.whole | {kind.value: items}

    def changed_to(self, whole: Json) -> StoredCatalogue:
        """Return the next version, or this one if nothing differs."""
        changes = compare(self.whole, whole)
        if not changes:
            return self
        versions = {kind.value: dict(self.versions[kind]) for kind in ItemKind}
        for kind, found in changes.items.items():
            for item_id in (*found.added, *found.changed):
                versions[kind][item_id] = versions[kind].get(item_id, 0) + 1
        return StoredCatalogue(self.clinic, self.version + 1, whole, versions)
