"""The words of a notification: subject, plain text and HTML, in the patient's language."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from clinic import reasons
from clinic.booking import Booking, date_at
from clinic.messages import BookingStateChanged
from clinic.spoken import spoken

_TEMPLATES = Environment(
    loader=PackageLoader("notification_service"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
)


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    text: str
    html: str


def compose(booking: Booking, event: BookingStateChanged, zone: ZoneInfo) -> Letter:
    """Write what the event tells the patient. The subject is the first line of the text template.

    Says no more than time, outcome and reference: an appointment is health data.
    """
    name = "rescheduled" if event.is_rescheduling else event.status
    template = _TEMPLATES.get_template(f"{booking.language}/{name}.txt")
    filled = template.render(
        name=booking.patient_name,
        # As it was at that step: the booking may have been moved since then.
        when=spoken(event.date, booking.language, zone),
        before=spoken(
            date_at(event.version - 1, booking.history, booking.date), booking.language, zone
        ),
        reason=reasons.text(event.reason, booking.language) if event.reason else "",
        reference=booking.id,
    )
    subject, _, text = filled.partition("\n\n")
    paragraphs = text.strip().split("\n\n")
    html = _TEMPLATES.get_template("mail.html").render(
        language=booking.language, subject=subject, paragraphs=paragraphs
    )
    return Letter(subject, text, html)
