"""The form of a site: its address and the days on which it is closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from zoneinfo import ZoneInfo

from clinic.catalogue.schema.catalogue_schema import Json
from gateway.schedule_editor.form_rows import ItemInput, Row, read_rows

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
    def of_item(cls, item: Json, _zone: ZoneInfo) -> Self:
        return cls(tuple(item["closures"]), *(item[name] for name in _TEXTS))

    @classmethod
    def of_submitted(cls, submitted: Mapping[str, str]) -> Self:
        texts = (submitted.get(name, "").strip() for name in _TEXTS)
        return cls(tuple(read_rows(submitted, "closures", _CLOSURES)), *texts)

    def read(self, item: Json, _zone: ZoneInfo) -> ItemInput:
        """Return the item with the values of the form. One day needs no last day."""
        closures = [row | {"to": row["to"] or row["from"]} for row in self.closures]
        texts = {"address": self.address, "phone": self.phone, "holidays": self.holidays.upper()}
        fields = {f"closures[{row}]": f"closures-{row}-from" for row in range(len(closures))}
        return ItemInput(
            item | texts | {"closures": closures}, fields | {name: name for name in _TEXTS}
        )
