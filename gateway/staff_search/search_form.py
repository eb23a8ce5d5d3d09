"""Reads what the staff search for, and tells what fits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from clinic.bookings.appointment_queries import Appointment
from clinic.domain.booking import Status
from gateway.staff_pages.date_parameters import day_asked_for
from gateway.staff_search.search_terms import SearchTerms
from gateway.web.available_slots import today

#: How far around today one looks who names no days, and how far anybody may look at once.
_AROUND = timedelta(days=30)
_LONGEST = timedelta(days=366)

#: Characters of an e-mail address, and more than anybody remembers of a name.
MAX_TEXT = 254

#: So many digits of a reference tell one booking from millions of others.
_REFERENCE = re.compile(r"[0-9a-f]{8,32}")
_WHOLE_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])", re.I)
#: What is copied or written along with a reference.
_AROUND_REFERENCE = re.compile(
    r"\A[\W_]*(?:(?:ref(?:erencia|erence)?|cita|booking|n[º°o]|urn:uuid|uuid|id)(?=[\W\d]))?[\W_]*|[\W_]+\Z"
)
_BETWEEN_DIGITS = re.compile(r"[\s\u00ad\u200b\u2010-\u2015\u2212-]+")
_DASHES = (8, 12, 16, 20)


@dataclass(frozen=True, slots=True)
class SearchForm:
    """What stands in the fields, as it was typed. `text` may be too long to be looked at."""

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

    def is_too_long(self) -> bool:
        return len(self.text) > MAX_TEXT

    def reference(self) -> str | None:
        """Return the beginning of an id, dashes where they belong, if the text is one."""
        if whole := _WHOLE_ID.search(self.text):
            return whole[0].lower()
        bare = _AROUND_REFERENCE.sub("", self.text.casefold())
        digits = _BETWEEN_DIGITS.sub("", bare)
        # Blanks between words without a figure are those of a name.
        if not _REFERENCE.fullmatch(digits) or (" " in bare and digits.isalpha()):
            return None
        edges = [0, *(edge for edge in _DASHES if edge < len(digits)), len(digits)]
        return "-".join(digits[begin:end] for begin, end in pairwise(edges))

    def filter(self, appointments: Iterable[Appointment]) -> Iterator[Appointment]:
        """Find those that have the status, and each word in their name or address."""
        terms = SearchTerms.of(self.text)
        any_status = self.status not in list(Status)
        return (
            each
            for each in appointments
            if (any_status or each.status == self.status)
            and terms.match(each.patient_name, each.patient_email)
        )
