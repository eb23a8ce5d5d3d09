"""Reads what the staff search for, and tells what fits."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from clinic.agenda import Appointment
from clinic.booking import Status
from gateway.openings import today
from gateway.staff_days import day_asked_for

#: How far around today one looks who names no days, and how far anybody may look at once.
_AROUND = timedelta(days=30)
_LONGEST = timedelta(days=366)

#: So many digits of a reference tell one booking from millions of others.
_REFERENCE = re.compile(r"[0-9a-f]{8,32}")
_DASHES = (8, 12, 16, 20)


@dataclass(frozen=True, slots=True)
class SearchForm:
    """What stands in the fields, as it was typed."""

    text: str
    first: str
    last: str
    status: str

    @classmethod
    def empty(cls) -> SearchForm:
        return cls("", str(today() - _AROUND), str(today() + _AROUND), "")

    @classmethod
    def of(cls, sent: Mapping[str, str]) -> SearchForm:
        return cls(**{name: sent.get(name, "").strip() for name in cls.__slots__})

    def days(self) -> tuple[date, date] | None:
        """Return the first and the last day, or None for what are none or too far apart."""
        first, last = day_asked_for(self.first), day_asked_for(self.last)
        if first is None or last is None:
            return None
        return (first, last) if timedelta(0) <= last - first < _LONGEST else None

    def reference(self) -> str | None:
        """Return the beginning of an id, dashes where they belong, if the text is one."""
        digits = self.text.lower().replace("-", "")
        if not _REFERENCE.fullmatch(digits):
            return None
        edges = [0, *(edge for edge in _DASHES if edge < len(digits)), len(digits)]
        return "-".join(digits[begin:end] for begin, end in pairwise(edges))

    def fits(self, appointment: Appointment) -> bool:
        """Whether each word is part of the name or the address, however it is written."""
        if self.status in list(Status) and appointment.status != self.status:
            return False
        said = folded(f"{appointment.patient_name} {appointment.patient_email}")
        return all(word in said for word in folded(self.text).split())


def folded(text: str) -> str:
    """Write without accents and capitals: "García" and "GARCIA" are the same to who searches."""
    taken_apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in taken_apart if not unicodedata.combining(each))
