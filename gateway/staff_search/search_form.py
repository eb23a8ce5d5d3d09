"""Parses the search form and filters appointments by it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from clinic.bookings.appointment_queries import Appointment
from clinic.domain.booking import Status
from gateway.staff_pages.date_parameters import requested_day
from gateway.staff_search.search_terms import SearchTerms
from gateway.web.available_slots import today

#: The default range on both sides of today, and the longest range of a search.
_AROUND = timedelta(days=30)
_LONGEST = timedelta(days=366)

#: Characters: the longest e-mail address, and more than enough for a name.
MAX_TEXT = 254

#: This many digits identify one booking among millions.
_REFERENCE = re.compile(r"[0-9a-f]{8,32}")
_WHOLE_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])", re.I)
#: Text that people copy or type around a reference.
_AROUND_REFERENCE = re.compile(
    r"\A[\W_]*(?:(?:ref(?:erencia|erence)?|cita|booking|n[º°o]|urn:uuid|uuid|id)(?=[\W\d]))?[\W_]*|[\W_]+\Z"
)
_BETWEEN_DIGITS = re.compile(r"[\s\u00ad\u200b\u2010-\u2015\u2212-]+")
_DASHES = (8, 12, 16, 20)


@dataclass(frozen=True, slots=True)
class SearchForm:
    """The input of the fields, unvalidated. Check `is_too_long` before using `text`."""

    text: str
    first: str
    last: str
    status: str

    @classmethod
    def empty(cls) -> SearchForm:
        return cls("", str(today() - _AROUND), str(today() + _AROUND), "")

    @classmethod
    def of(cls, submitted: Mapping[str, str]) -> SearchForm:
        return cls(**{name: submitted.get(name, "").strip() for name in cls.__slots__})

    def days(self) -> tuple[date, date] | None:
        """Return the first and last day, or None if they are invalid or too far apart."""
        first, last = requested_day(self.first), requested_day(self.last)
        if first is None or last is None:
            return None
        return (first, last) if timedelta(0) <= last - first < _LONGEST else None

    def is_too_long(self) -> bool:
        return len(self.text) > MAX_TEXT

    def reference(self) -> str | None:
        """Return the start of a booking id, with its dashes, or None if the text is none."""
        if whole := _WHOLE_ID.search(self.text):
            return whole[0].lower()
        bare = _AROUND_REFERENCE.sub("", self.text.casefold())
        digits = _BETWEEN_DIGITS.sub("", bare)
        # Words without a digit are a name, even if all letters are hexadecimal.
        if not _REFERENCE.fullmatch(digits) or (" " in bare and digits.isalpha()):
            return None
        edges = [0, *(edge for edge in _DASHES if edge < len(digits)), len(digits)]
        return "-".join(digits[begin:end] for begin, end in pairwise(edges))

    def filter(self, appointments: Iterable[Appointment]) -> Iterator[Appointment]:
        """Yield those with the status, and with each word in the name or e-mail address."""
        terms = SearchTerms.of(self.text)
        any_status = self.status not in list(Status)
        return (
            appointment
            for appointment in appointments
            if (any_status or appointment.status == self.status)
            and terms.match(appointment.patient_name, _contact(appointment))
        )


def _contact(appointment: Appointment) -> str:
    """Return the e-mail address and the phone number, as far as they are known."""
    return " ".join(filter(None, (appointment.patient_email, appointment.patient_phone)))
