"""The form of a site: its address and the days on which it is closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from clinic.catalogue.schema.catalogue_schema import Json
from gateway.schedule_editor.form_rows import ItemInput, LocalDay, Row, field_names, read_rows

_CLOSURES = ("from", "to", "note")
_TEXTS = ("address", "phone", "holidays")


@dataclass(frozen=True, slots=True)
class SiteForm:
    """The values of the fields, as text."""

    closures: tuple[Row, ...]
    address: str
    phone: str
    holidays: str

    @classmethod
    def of_item(cls, item: Json, today: LocalDay) -> Self:
        closures = (row for row in item["closures"] if not _is_past(row, today))
        return cls(tuple(closures), *(item[name] for name in _TEXTS))

    @classmethod
    def of_submitted(cls, submitted: Mapping[str, str]) -> Self:
        texts = (submitted.get(name, "").strip() for name in _TEXTS)
        return cls(tuple(read_rows(submitted, "closures", _CLOSURES)), *texts)

    def read(self, item: Json, today: LocalDay) -> ItemInput:
        """Return the item with the values of the form. One day needs no last day. Closures that
        are over have no row in the form, and are kept."""
        old_closures = [row for row in item["closures"] if _is_past(row, today)]
        closures = [row | {"to": row["to"] or row["from"]} for row in self.closures]
        changed = {
            "closures": [*old_closures, *closures],
            "address": self.address,
            "phone": self.phone,
            "holidays": self.holidays.upper(),
        }
        fields = field_names("closures", "from", len(old_closures), len(closures))
        return ItemInput(item | changed, fields | {name: name for name in _TEXTS})


def _is_past(row: Json, today: LocalDay) -> bool:
    return bool(row["to"] < today.date.isoformat())
