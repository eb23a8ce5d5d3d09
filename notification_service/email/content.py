"""The content of an e-mail: subject, plain text and HTML, in the patient's language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from clinic.contracts.date_format import format_moment, format_period
from clinic.contracts.message_catalogue import reason_text
from clinic.contracts.messages import BookingStateChanged
from clinic.domain.booking import Booking, assigned_at_version, date_at_version
from clinic.domain.named_choice import NOTHING_NAMED, NamedChoice

_TEMPLATES = Environment(
    loader=PackageLoader("notification_service"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
)


@dataclass(frozen=True, slots=True)
class EmailContent:
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class ManageLink:
    """Where a patient views, reschedules and cancels a booking. `code` is the end of `url`, for
    patients who can't open the link."""

    url: str
    code: str


def compose(
    booking: Booking,
    event: BookingStateChanged,
    zone: ZoneInfo,
    *,
    named: NamedChoice = NOTHING_NAMED,
    link: ManageLink | None = None,
    alternatives: Sequence[datetime] = (),
) -> EmailContent:
    """Compose the text about an event.

    It contains only time, practitioner, place, outcome and reference, but no service, because an
    appointment is health data. `alternatives` are free slots near the requested one.
    """
    return _fill(
        "rescheduled" if event.is_rescheduling else event.status,
        booking,
        # The event's date: the booking may have been rescheduled since.
        when=format_period(event.date, event.end, booking.language, zone),
        before=_before(booking, event, zone) if event.is_rescheduling else "",
        reason=reason_text(event.reason, booking.language) if event.reason else "",
        alternatives=[format_moment(start, booking.language, zone) for start in alternatives],
        named=named,
        link=link,
    )


def compose_reminder(
    booking: Booking,
    zone: ZoneInfo,
    *,
    named: NamedChoice = NOTHING_NAMED,
    link: ManageLink | None = None,
) -> EmailContent:
    """Compose the text of a reminder."""
    end = booking.end if booking.choice.service else None
    when = format_period(booking.date, end, booking.language, zone)
    return _fill("reminder", booking, when=when, named=named, link=link)


def _before(booking: Booking, event: BookingStateChanged, zone: ZoneInfo) -> str:
    """Return when the appointment was before a rescheduling."""
    version = event.version - 1
    start = date_at_version(version, booking.history, booking.date)
    assigned = assigned_at_version(version, booking.history)
    return format_period(start, assigned.end if assigned else None, booking.language, zone)


def _fill(name: str, booking: Booking, *, link: ManageLink | None, **values: Any) -> EmailContent:
    """Render a template. Its first line is the subject; empty lines separate paragraphs."""
    template = _TEMPLATES.get_template(f"{booking.language}/{name}.txt")
    filled = template.render(
        name=booking.patient_name,
        reference=booking.id,
        link=link,
        language=booking.language,
        **values,
    )
    subject, *paragraphs = re.split(r"\n{2,}", filled.strip())
    html = _TEMPLATES.get_template("mail.html").render(
        language=booking.language,
        subject=subject,
        paragraphs=[paragraph.splitlines() for paragraph in paragraphs],
        url=link.url if link else "",
    )
    return EmailContent(subject, "\n\n".join(paragraphs) + "\n", html)
