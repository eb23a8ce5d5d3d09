"""The form of a schedule: weekly hours, exceptions, absences and how it is booked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from zoneinfo import ZoneInfo

from clinic.catalogue.from_configuration import WEEKDAYS
from clinic.catalogue.schema.catalogue_schema import Json
from gateway.schedule_editor.form_rows import (
    ItemInput,
    Row,
    intervals_of,
    local_text,
    number_of,
    read_rows,
)
from gateway.web.form_input import local_to_utc

_HOURS = ("site", "from", "until", *WEEKDAYS)
_EXCEPTIONS = ("day", "site", "intervals")
_ABSENCES = ("from", "to", "note")
_NUMBERS = ("weight", "overbook")


@dataclass(frozen=True, slots=True)
class ScheduleForm:
    """The values of the fields, as text. A row of `hours` is a week at a site, optionally only
    from a first to a last day. Absences are in the zone of the schedule."""

    hours: tuple[Row, ...]
    exceptions: tuple[Row, ...]
    absences: tuple[Row, ...]
    weight: str
    overbook: str
    is_active: bool

    @classmethod
    def of_item(cls, item: Json, zone: ZoneInfo) -> Self:
        exceptions = (
            row | {"intervals": ", ".join(row["intervals"])} for row in item["exceptions"]
        )
        absences = (
            row | {name: local_text(row[name], zone) for name in ("from", "to")}
            for row in item["absences"]
        )
        return cls(
            tuple(_weeks(item["hours"])),
            tuple(exceptions),
            tuple(absences),
            str(item["weight"]),
            str(item["overbook"]),
            item["active"],
        )

    @classmethod
    def of_submitted(cls, submitted: Mapping[str, str]) -> Self:
        weeks = read_rows(submitted, "hours", _HOURS)
        exceptions = read_rows(submitted, "exceptions", _EXCEPTIONS)
        return cls(
            tuple(week for week in weeks if any(week[day] for day in WEEKDAYS)),
            tuple(row for row in exceptions if row["day"]),
            tuple(read_rows(submitted, "absences", _ABSENCES)),
            submitted.get("weight", "").strip(),
            submitted.get("overbook", "").strip(),
            "active" in submitted,
        )

    def read(self, item: Json, zone: ZoneInfo) -> ItemInput:
        """Return the item with the values of the form."""
        hours = list(self._hours())
        fields = {f"hours[{index}]": name for index, (name, _) in enumerate(hours)}
        fields |= {
            f"exceptions[{row}]": f"exceptions-{row}-day" for row in range(len(self.exceptions))
        }
        fields |= {f"absences[{row}]": f"absences-{row}-from" for row in range(len(self.absences))}
        changed = {
            "hours": [row for _, row in hours],
            "exceptions": [
                row | {"intervals": intervals_of(row["intervals"])} for row in self.exceptions
            ],
            "absences": [
                row | {name: local_to_utc(row[name], zone) for name in ("from", "to")}
                for row in self.absences
            ],
            "weight": number_of(self.weight),
            "overbook": number_of(self.overbook),
            "active": self.is_active,
        }
        return ItemInput(item | changed, fields | {name: name for name in _NUMBERS})

    def _hours(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the name of each field with hours, and its row in the catalogue."""
        for index, week in enumerate(self.hours):
            common = {
                "site": week["site"],
                "from": week["from"] or None,
                "until": week["until"] or None,
            }
            for day in WEEKDAYS:
                if intervals := intervals_of(week[day]):
                    yield f"hours-{index}-{day}", common | {"weekday": day, "intervals": intervals}


def _weeks(hours: list[Json]) -> Iterator[Row]:
    """Join the rows of the same site and validity."""
    weeks: dict[tuple[str, str, str], Row] = {}
    for row in hours:
        key = (row["site"], row["from"] or "", row["until"] or "")
        empty = dict(zip(_HOURS, (*key, *[""] * len(WEEKDAYS)), strict=True))
        week = weeks.setdefault(key, empty)
        joined = [week[row["weekday"]], *row["intervals"]]
        week[row["weekday"]] = ", ".join(part for part in joined if part)
    yield from weeks.values()


def schedule_zone(item: Json, sites: Mapping[str, ZoneInfo]) -> ZoneInfo | None:
    """Return the zone of the first site of the schedule, or else of any."""
    worked = [row["site"] for row in item["hours"] if row["site"] in sites]
    return sites[worked[0]] if worked else next(iter(sites.values()), None)
