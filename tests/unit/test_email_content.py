from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clinic.contracts.message_catalogue import reason_text
from clinic.contracts.messages import BookingStateChanged
from clinic.contracts.schemas import parse_booking
from clinic.domain import booking as steps
from clinic.domain import reasons
from clinic.domain.booking import Booking, Status
from notification_service.email.content import (
    EmailContent,
    ManageLink,
    compose,
    compose_reminder,
    format_moment,
)
from tests.clinics import confirm_seat, move_to

MADRID = ZoneInfo("Europe/Madrid")
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SLOT = datetime(2026, 12, 11, 10, tzinfo=UTC)  # a Friday

TOLD = [Status.CONFIRMED, Status.REJECTED, Status.CANCELLED]
CODES = sorted(
    value
    for name, value in vars(reasons).items()
    if name.isupper() and isinstance(value, str) and name != "DEFAULT_LANGUAGE"
)
EVERY = [(status, language) for status in TOLD for language in reasons.LANGUAGES]


def make_booking(language: str = "es", name: str = "Juan Pérez", date: datetime = SLOT) -> Booking:
    return steps.create_booking(
        patient_name=name,
        patient_email="juan@example.com",
        language=language,
        date=date,
        at=NOON,
        by="patient",
    )


def email(status: Status, booking: Booking | None = None, reason: str = "past") -> EmailContent:
    booking = booking or make_booking()
    event = BookingStateChanged(
        booking_id=booking.id,
        version=2,
        status=status,
        previous_status=Status.PENDING,
        reason=None if status is Status.CONFIRMED else reason,
        date=booking.date,
        occurred_at=NOON,
    )
    return compose(booking, event, MADRID)


def visible(text: str) -> str:
    """What a mail program shows of an HTML body."""
    body = text.partition("<body")[2].partition(">")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.mark.parametrize(("status", "language"), EVERY)
def test_every_outcome_has_an_email_in_every_language(status: Status, language: str) -> None:
    booking = make_booking(language)
    written = email(status, booking)
    assert written.subject
    assert "\n" not in written.subject
    for part in (written.text, visible(written.html)):
        assert "Juan Pérez" in part
        assert booking.id in part
        assert "11:00 (Europe/Madrid)" in part
        assert "{" not in part


@pytest.mark.parametrize(("status", "language"), EVERY)
def test_plain_text_and_html_say_the_same(status: Status, language: str) -> None:
    written = email(status, make_booking(language))
    assert visible(written.html) == " ".join(written.text.split())


@pytest.mark.parametrize(
    ("status", "language", "words"),
    [
        (Status.CONFIRMED, "es", "Su cita está confirmada"),
        (Status.CONFIRMED, "en", "Your appointment is confirmed"),
        (Status.REJECTED, "es", "No hemos podido darle la cita"),
        (Status.REJECTED, "en", "We could not give you the appointment"),
        (Status.CANCELLED, "es", "anulada"),
        (Status.CANCELLED, "en", "Your appointment is cancelled"),
    ],
)
def test_the_subject_tells_the_outcome(status: Status, language: str, words: str) -> None:
    assert words in email(status, make_booking(language)).subject


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("language", reasons.LANGUAGES)
def test_an_email_explains_every_reason(code: str, language: str) -> None:
    status = Status.CANCELLED if code.startswith("cancelled") else Status.REJECTED
    written = email(status, make_booking(language), reason=code)
    assert reason_text(code, language) in written.text
    assert reason_text(code, language) in visible(written.html)


@pytest.mark.parametrize("code", CODES)
def test_every_reason_has_a_text_of_its_own_in_every_language(code: str) -> None:
    texts = [reason_text(code, language) for language in reasons.LANGUAGES]
    assert all(texts)
    assert len(set(texts)) == len(reasons.LANGUAGES)
    assert code not in texts


def test_there_are_twelve_reasons() -> None:
    assert len(CODES) == len({reason_text(code, "en") for code in CODES}) == 12


def test_a_language_without_texts_is_explained_in_spanish() -> None:
    assert reason_text("past", "fr") == reason_text("past", "es")


@pytest.mark.parametrize(
    ("language", "zone", "said"),
    [
        ("es", MADRID, "viernes, 11 de diciembre de 2026, 11:00 (Europe/Madrid)"),
        ("en", MADRID, "Friday, December 11, 2026, 11:00 (Europe/Madrid)"),
        ("en", ZoneInfo("UTC"), "Friday, December 11, 2026, 10:00 (UTC)"),
        ("en", ZoneInfo("Asia/Tokyo"), "Friday, December 11, 2026, 19:00 (Asia/Tokyo)"),
    ],
)
def test_a_time_is_said_with_weekday_and_zone(language: str, zone: ZoneInfo, said: str) -> None:
    assert format_moment(SLOT, language, zone) == said


def test_a_time_is_that_of_the_clinics_clocks_in_summer_too() -> None:
    assert "12:00 (" in format_moment(datetime(2026, 7, 10, 10, tzinfo=UTC), "es", MADRID)


def test_the_day_is_that_of_the_clinic() -> None:
    late = datetime(2026, 12, 11, 23, 30, tzinfo=UTC)
    assert format_moment(late, "en", MADRID).startswith("Saturday, December 12")


@pytest.mark.parametrize("zone", ["Europe/Madrid", "Pacific/Kiritimati", "Pacific/Niue", "UTC"])
@pytest.mark.parametrize("text", ["0001-01-03T00:00:00Z", "9999-12-28T23:59:59.999Z"])
def test_any_date_that_can_be_booked_can_be_said(text: str, zone: str) -> None:
    payload = {"patientName": "Ana", "patientEmail": "ana@example.com", "date": text}
    booking = parse_booking(payload, language="es", by="test")
    assert f"({zone})" in format_moment(booking.date, "es", ZoneInfo(zone))


@pytest.mark.parametrize(("status", "language"), EVERY)
def test_a_name_is_escaped_in_html_and_kept_in_plain_text(status: Status, language: str) -> None:
    name = "<img src=x onerror=alert(1)> & \"Ana\" 'B'"
    written = email(status, make_booking(language, name=name))
    assert name in written.text
    assert "<img" not in written.html
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; &#34;Ana&#34; &#39;B&#39;" in written.html


@pytest.mark.parametrize("name", ["{{ 7 * 7 }}", "{% raw %}", "{{ reference }}", "{#"])
def test_a_name_is_no_template(name: str) -> None:
    written = email(Status.CONFIRMED, make_booking(name=name))
    assert name in written.text
    assert name in visible(written.html)


@pytest.mark.parametrize(("status", "language"), EVERY)
def test_a_subject_names_nobody(status: Status, language: str) -> None:
    assert "Juan" not in email(status, make_booking(language)).subject


@pytest.mark.parametrize(("status", "language"), EVERY)
def test_an_email_holds_no_address(status: Status, language: str) -> None:
    written = email(status, make_booking(language))
    assert "example.com" not in written.subject + written.text + written.html


@pytest.mark.parametrize("language", reasons.LANGUAGES)
def test_html_tells_its_language(language: str) -> None:
    written = email(Status.CONFIRMED, make_booking(language))
    assert f'<html lang="{language}">' in written.html


def test_the_email_follows_the_event_and_not_the_booking_of_today() -> None:
    booking: Any = replace(make_booking(), status=Status.CANCELLED, reason="cancelled_by_patient")
    assert "confirmada" in email(Status.CONFIRMED, booking).subject


MOVED_TO = SLOT + timedelta(days=3)  # a Monday


def moved(language: str = "es", name: str = "Juan Pérez") -> tuple[Booking, list[EmailContent]]:
    """A booking that was confirmed and moved, and the e-mails of both steps, written today."""
    booking = make_booking(language, name)
    events = []
    for step in (
        partial(confirm_seat, at=NOON, by="worker"),
        partial(move_to, date=MOVED_TO, at=NOON, by="patient"),
    ):
        transition = step(booking)
        booking = steps.apply_transition(booking, transition)
        events.append(BookingStateChanged.of(transition))
    return booking, [compose(booking, event, MADRID) for event in events]


@pytest.mark.parametrize(
    ("language", "subject", "words"),
    [
        (
            "es",
            "Su cita ha cambiado de fecha",
            "Su cita ha pasado a esta fecha: lunes, 14 de diciembre de 2026, 11:00 (Europe/Madrid)."
            " Antes era: viernes, 11 de diciembre de 2026, 11:00 (Europe/Madrid).",
        ),
        (
            "en",
            "Your appointment was moved",
            "Your appointment was moved to: Monday, December 14, 2026, 11:00 (Europe/Madrid)."
            " It was before: Friday, December 11, 2026, 11:00 (Europe/Madrid).",
        ),
    ],
)
def test_an_email_about_another_date_says_both(language: str, subject: str, words: str) -> None:
    booking, (_, written) = moved(language)
    assert written.subject == subject
    assert words in visible(written.html)
    assert " ".join(written.text.split()) == visible(written.html)
    assert booking.id in written.text


def test_an_email_about_another_date_escapes_the_name() -> None:
    _, (_, written) = moved(name="<b>Ana</b>")
    assert "<b>Ana</b>" in written.text
    assert "<b>" not in written.html


def test_a_confirmation_says_the_date_it_confirmed() -> None:
    _, (confirmation, _) = moved()
    assert "viernes, 11 de diciembre" in confirmation.text
    assert "14 de diciembre" not in confirmation.text


LINK = ManageLink("https://citas.clinica.example/cita/the-id#the-code", "the-code")


def with_link(language: str) -> list[EmailContent]:
    """The e-mails of all kinds that have a link."""
    booking = make_booking(language)
    events = [
        BookingStateChanged(booking.id, 2, Status.CONFIRMED, previous, None, SLOT, NOON)
        for previous in (Status.PENDING, Status.CONFIRMED)
    ]
    return [
        *(compose(booking, event, MADRID, link=LINK) for event in events),
        compose_reminder(booking, MADRID, link=LINK),
    ]


@pytest.mark.parametrize("language", reasons.LANGUAGES)
def test_a_link_can_be_clicked_and_its_code_can_be_copied(language: str) -> None:
    for written in with_link(language):
        assert f'<a href="{LINK.url}">{LINK.url}</a>' in written.html
        assert f"\n{LINK.url}\n" in written.text
        assert f": {LINK.code}\n" in written.text
        assert visible(written.html) == " ".join(written.text.split())


@pytest.mark.parametrize("language", reasons.LANGUAGES)
def test_without_a_link_nobody_is_sent_anywhere(language: str) -> None:
    booking = make_booking(language)
    for written in (email(Status.CONFIRMED, booking), compose_reminder(booking, MADRID)):
        assert "http" not in written.text
        assert "href" not in written.html


def test_no_name_becomes_a_link() -> None:
    written = compose_reminder(make_booking(name="https://evil.example/"), MADRID, link=LINK)
    assert written.html.count("href") == 1


@pytest.mark.parametrize(
    ("language", "subject", "words"),
    [
        ("es", "Recordatorio de su cita", "Le recordamos que tiene una cita: viernes, 11 de"),
        ("en", "Reminder of your appointment", "your appointment: Friday, December 11, 2026"),
    ],
)
def test_a_reminder_says_when_and_no_more(language: str, subject: str, words: str) -> None:
    booking = make_booking(language)
    written = compose_reminder(booking, MADRID)
    assert written.subject == subject
    assert words in written.text
    assert "11:00 (Europe/Madrid)" in written.text
    assert booking.id in written.text
    assert visible(written.html) == " ".join(written.text.split())


@pytest.mark.parametrize("language", reasons.LANGUAGES)
def test_a_rejection_names_free_times_one_a_line(language: str) -> None:
    booking = make_booking(language)
    event = BookingStateChanged(
        booking.id, 2, Status.REJECTED, Status.PENDING, "slot_full", SLOT, NOON
    )
    free = [SLOT + timedelta(minutes=30), SLOT + timedelta(days=1)]
    written = compose(booking, event, MADRID, alternatives=free)
    lines = [f"- {format_moment(start, language, MADRID)}" for start in free]
    assert "\n" + "\n".join(lines) + "\n\n" in written.text
    assert f"<br>{lines[1]}" in written.html
    assert visible(written.html) == " ".join(written.text.split())


@pytest.mark.parametrize(("status", "language"), EVERY)
def test_paragraphs_are_one_line_apart(status: Status, language: str) -> None:
    written = email(status, make_booking(language))
    assert "\n\n\n" not in written.text
    assert written.text == written.text.strip() + "\n"
