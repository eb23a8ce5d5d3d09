"""Rows of equal fields in a form: `absences-0-start`, `absences-0-note`, `absences-1-start`, …"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from clinic.catalogue.problems import Problem
from clinic.catalogue.schema.catalogue_schema import Json

#: More rows than any list of the catalogue may have.
_MAX_ROWS = 500
#: The member of an item, with its index, at the beginning of a path.
_MEMBER = re.compile(r"(\w*)((?:\[\d+\])?)", re.ASCII)
_SHORT_HOUR = re.compile(r"(?<!\d)(\d:\d\d)", re.ASCII)

#: The values of the fields of a row.
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class LocalDay:
    """A day, and the zone in which the times of a form are."""

    date: date
    zone: ZoneInfo


def read_rows(submitted: Mapping[str, str], name: str, fields: Sequence[str]) -> Iterator[Row]:
    """Yield the rows that have a value in any field."""
    for index in range(_MAX_ROWS):
        if f"{name}-{index}-{fields[0]}" not in submitted:
            return
        row = {each: submitted.get(f"{name}-{index}-{each}", "").strip() for each in fields}
        if any(row.values()):
            yield row


@dataclass(frozen=True, slots=True)
class ItemInput:
    """An item as it was filled in, not validated. `fields` maps members of the item, such as
    `hours[3]`, to the form fields that show their errors."""

    item: Json
    fields: Mapping[str, str] = field(default_factory=dict)

    def errors(self, problems: Iterable[Problem]) -> tuple[dict[str, str], list[Problem]]:
        """Return the message keys of the invalid fields, and the problems that no field shows."""
        found: dict[str, str] = {}
        others = []
        for problem in problems:
            member, index = _MEMBER.findall(problem.path)[0]
            name = self.fields.get(f"{member}{index}")
            if name:
                found[name] = f"{member}_wrong"
            else:
                others.append(problem)
        return found, others


def field_names(name: str, field: str, kept: int, rows: int) -> dict[str, str]:
    """Map members such as `absences[7]` to the first field of their row. In the item, they follow
    the `kept` members that have no row."""
    return {f"{name}[{kept + row}]": f"{name}-{row}-{field}" for row in range(rows)}


def intervals_of(text: str) -> list[str]:
    """Split "9:00-13:00, 14:00 – 17:00" into intervals in the form of the catalogue."""
    parts = re.sub(r"\s*[-–]\s*", "-", text).split(",")
    return [_SHORT_HOUR.sub(r"0\1", part.strip()) for part in parts if part.strip()]


def number_of(text: str) -> int | str:
    """Return the number, or the text itself, which is then invalid."""
    is_number = text.isascii() and text.isdigit() and len(text) < 6
    return int(text) if is_number else text


def local_text(instant: str, zone: ZoneInfo) -> str:
    """Convert an instant in UTC to the text of a `datetime-local` field."""
    return f"{datetime.fromisoformat(instant).astimezone(zone):%Y-%m-%dT%H:%M}"
