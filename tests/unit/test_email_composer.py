"""The e-mail about each transition of a booking."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import vobject

from clinic.contracts.messages import BookingStateChanged
from clinic.domain import booking as steps
from clinic.domain.booking import Booking
from clinic.domain.manage_link import is_link_code
from clinic.domain.manage_token import create_credentials
from notification_service.email.composer import EmailComposer, Links
from notification_service.email.outgoing_email import OutgoingEmail
from tests.bookings import requested
from tests.clinics import confirm_seat, move_to

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SLOT = datetime(2026, 12, 11, 10, tzinfo=UTC)
LATER = SLOT + timedelta(days=3)
SECRET = "a secret of the clinic"
ACCESS = create_credentials()[1]
PLAIN = EmailComposer("citas@clinica.example", ZoneInfo("Europe/Madrid"), timedelta(minutes=20))
LINKED = replace(PLAIN, links=Links("https://citas.clinica.example", SECRET, lambda _id: ACCESS))

CONFIRM = partial(confirm_seat, at=NOON, by="worker")
MOVE = partial(move_to, date=LATER, at=NOON, by="patient")
CANCEL = partial(steps.cancel, reason="cancelled_by_patient", at=NOON, by="patient")


class Free:
    def __init__(self) -> None:
        self.asked: list[datetime] = []

    def near(self, wish: datetime) -> list[datetime]:
        self.asked.append(wish)
        return [LATER]


def booked(**fields: Any) -> Booking:
    return requested(**{"date": SLOT, "at": NOON} | fields)


def composed(writer: EmailComposer, booking: Booking, *taken: Any) -> list[OutgoingEmail]:
    """Take these steps, and write of each once all are taken."""
    events = []
    for step in taken:
        transition = step(booking)
        booking = steps.apply_transition(booking, transition)
        events.append(BookingStateChanged.of(transition))
    return [writer.compose(booking, event) for event in events]


def event_in(envelope: OutgoingEmail) -> Any:
    assert envelope.invitation is not None
    calendar = vobject.readOne(envelope.invitation.file().decode())
    assert calendar.method.value == envelope.invitation.method
    return calendar.vevent


def test_a_calendar_follows_the_booking_all_its_life() -> None:
    booking = booked()
    emails = composed(PLAIN, booking, CONFIRM, MOVE, CANCEL)
    methods = [each.invitation.method for each in emails if each.invitation]
    assert methods == ["REQUEST", "REQUEST", "CANCEL"]
    events = [event_in(each) for each in emails]
    assert {each.uid.value for each in events} == {f"{booking.id}@clinica.example"}
    assert [each.sequence.value for each in events] == ["0", "1", "2"]
    assert {each.dtstamp.value for each in events} == {NOON}  # so that copies are the same
    assert [each.dtstart.value for each in events] == [SLOT, LATER, LATER]
    assert {each.dtend.value - each.dtstart.value for each in events} == {timedelta(minutes=20)}


def test_a_calendar_file_knows_the_clinic_and_the_patient_by_address_only() -> None:
    (email,) = composed(PLAIN, booked(patient_name="Ana García"), CONFIRM)
    found = event_in(email)
    assert found.organizer.value == "mailto:citas@clinica.example"
    assert found.attendee.value == "mailto:ana@example.com"
    assert found.summary.value == "Cita"
    assert email.invitation is not None
    assert "García" not in email.invitation.file().decode()


def test_the_file_speaks_the_language_of_the_email() -> None:
    (email,) = composed(PLAIN, booked(language="en"), CONFIRM)
    assert event_in(email).summary.value == "Appointment"


def test_the_attendee_is_who_the_email_goes_to() -> None:
    (email,) = composed(PLAIN, booked(patient_email="ana@münchen.de"), CONFIRM)
    assert event_in(email).attendee.value == "mailto:ana@xn--mnchen-3ya.de"


@pytest.mark.parametrize(
    "step", [CANCEL, partial(steps.reject, reason="slot_full", at=NOON, by="worker")]
)
def test_what_was_never_confirmed_is_in_no_calendar(step: Any) -> None:
    (email,) = composed(PLAIN, booked(), step)
    assert email.invitation is None


def test_copies_of_an_email_are_the_same() -> None:
    booking = booked()
    assert composed(LINKED, booking, CONFIRM) == composed(LINKED, booking, CONFIRM)


def test_confirmation_move_and_reminder_have_a_link_that_opens_the_booking() -> None:
    booking = booked()
    emails = [*composed(LINKED, booking, CONFIRM, MOVE), LINKED.compose_reminder(booking)]
    for each in emails:
        (line,) = (line for line in each.content.text.splitlines() if line.startswith("https://"))
        address, _, code = line.partition("#")
        assert address == f"https://citas.clinica.example/cita/{booking.id}"
        assert is_link_code(code, [SECRET], booking.id, ACCESS.salt)


def test_what_is_over_has_no_link() -> None:
    reject = partial(steps.reject, reason="past", at=NOON, by="worker")
    for taken in ([reject], [CANCEL]):
        (email,) = composed(LINKED, booked(), *taken)
        assert "https://" not in email.content.text


def test_the_secret_is_in_no_email_and_no_repr() -> None:
    emails = [*composed(LINKED, booked(), CONFIRM), LINKED.compose_reminder(booked())]
    assert SECRET not in repr(emails) + repr(LINKED)


def rejected(reason: str) -> tuple[Free, OutgoingEmail]:
    free = Free()
    writer: Any = replace(PLAIN, free_slots=free)
    reject = partial(steps.reject, reason=reason, at=NOON, by="worker")
    (email,) = composed(writer, booked(), reject)
    return free, email


@pytest.mark.parametrize("reason", ["slot_full", "closed", "not_a_slot_start", "past"])
def test_a_rejection_names_free_times_near_the_one_that_was_asked_for(reason: str) -> None:
    free, email = rejected(reason)
    assert free.asked == [SLOT]
    assert "- lunes, 14 de diciembre de 2026, 11:00 (Europe/Madrid)" in email.content.text


def test_nothing_is_free_near_a_date_that_is_too_far_away() -> None:
    free, email = rejected("too_far")
    assert free.asked == []
    assert "libres" not in email.content.text


def test_nobody_else_is_offered_free_times() -> None:
    free = Free()
    writer: Any = replace(PLAIN, free_slots=free)
    composed(writer, booked(), CONFIRM, MOVE, CANCEL)
    assert free.asked == []


def test_a_reminder_has_a_reference_of_its_own() -> None:
    booking = replace(booked(), version=3)
    assert PLAIN.compose_reminder(booking).message_key == f"{booking.id}.3.reminder"
