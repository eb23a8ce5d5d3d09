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
from clinic.domain.booking import NO_CHOICE, Booking, Choice
from clinic.domain.catalogue import ClinicProfile
from clinic.domain.manage_link import is_link_code
from clinic.domain.manage_token import create_credentials
from notification_service.email.composer import EmailComposer, Links
from notification_service.email.outgoing_email import OutgoingEmail
from tests.bookings import requested
from tests.clinics import HALF_AN_HOUR, confirm_seat, move_to
from tests.sample_catalogue import LUIS, PUERTO, VISIT, make_catalogue, visit_of

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SLOT = datetime(2026, 12, 11, 10, tzinfo=UTC)
LATER = SLOT + timedelta(days=3)
SECRET = "a secret of the clinic"
ACCESS = create_credentials()[1]
PLAIN = EmailComposer("citas@clinica.example", ZoneInfo("Europe/Madrid"), timedelta(minutes=20))
LINKED = replace(PLAIN, links=Links("https://citas.clinica.example", SECRET, lambda _id: ACCESS))
WANTED = Choice("visit")

CONFIRM = partial(confirm_seat, at=NOON, by="worker")
MOVE = partial(move_to, date=LATER, at=NOON, by="patient")
CANCEL = partial(steps.cancel, reason="cancelled_by_patient", at=NOON, by="patient")


class Free:
    def __init__(self) -> None:
        self.asked: list[tuple[datetime, Choice]] = []

    def near(self, wish: datetime, choice: Choice) -> list[datetime]:
        self.asked.append((wish, choice))
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
    assert {each.dtend.value - each.dtstart.value for each in events} == {HALF_AN_HOUR}


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
    assert free.asked == [(SLOT, NO_CHOICE)]
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


# --- with a catalogue


def visit(choice: Choice = WANTED, **fields: Any) -> Booking:
    return booked(choice=choice, **fields)


def composed_there(booking: Booking, *taken: Any, **fields: Any) -> list[OutgoingEmail]:
    writer = replace(PLAIN, catalogue_of=lambda _clinic: make_catalogue(**fields))
    return composed(writer, booking, *taken)


CONFIRM_VISIT = partial(steps.confirm, assignment=visit_of(SLOT), at=NOON, by="worker")
MOVE_VISIT = partial(
    steps.reschedule,
    date=LATER,
    assignment=visit_of(LATER, LUIS, PUERTO),
    at=NOON,
    by="patient",
)


def test_each_email_names_the_practitioner_the_place_and_the_end_of_its_own_event() -> None:
    confirmed, moved, cancelled = composed_there(visit(), CONFIRM_VISIT, MOVE_VISIT, CANCEL)
    assert "11:00–11:30 (Europe/Madrid)\nProfesional: Ana López\n" in confirmed.content.text
    assert "\nLugar: Centro, Calle Mayor 1\n" in confirmed.content.text
    for email in (moved, cancelled):
        assert "10:00–10:30 (Atlantic/Canary)" in email.content.text
        assert "Profesional: Luis <Vega>\nLugar: Puerto, Muelle 2\n" in email.content.text
    assert "Antes era: viernes, 11 de diciembre de 2026, 10:00–10:30" in moved.content.text
    assert "Luis &lt;Vega&gt;" in moved.content.html


def test_no_email_and_no_calendar_names_the_service() -> None:
    for email in composed_there(visit(), CONFIRM_VISIT, MOVE_VISIT, CANCEL):
        assert email.invitation is not None
        content = email.content
        for text in (content.subject, content.text, content.html, *calendar_texts(email)):
            assert "Visita" not in text
            assert "visit" not in text


def calendar_texts(email: OutgoingEmail) -> list[str]:
    assert email.invitation is not None
    return [email.invitation.file().decode()]


def test_a_calendar_names_place_and_practitioner_and_the_real_end() -> None:
    confirmed, moved, cancelled = map(
        event_in, composed_there(visit(), CONFIRM_VISIT, MOVE_VISIT, CANCEL)
    )
    assert confirmed.location.value == "Centro, Calle Mayor 1"
    assert confirmed.description.value == "Ana López"
    assert moved.location.value == cancelled.location.value == "Puerto, Muelle 2"
    for event, start in ((confirmed, SLOT), (moved, LATER), (cancelled, LATER)):
        assert (event.dtstart.value, event.dtend.value) == (start, start + VISIT.duration)


def test_a_reminder_names_them_too_in_the_language_of_the_patient() -> None:
    booking = visit(language="en")
    booking = steps.apply_transition(booking, CONFIRM_VISIT(booking))
    email = replace(PLAIN, catalogue_of=lambda _clinic: make_catalogue()).compose_reminder(booking)
    assert email
    assert "11:00–11:30 (Europe/Madrid)" in email.content.text
    assert "Practitioner: Ana López\nPlace: Centre, Calle Mayor 1\n" in email.content.text


def test_a_rejection_names_what_was_asked_for_and_offers_the_same() -> None:
    free, wanted = Free(), Choice("visit", "luis-vega", "puerto")
    writer: Any = replace(PLAIN, free_slots=free, catalogue_of=lambda _clinic: make_catalogue())
    reject = partial(steps.reject, reason="slot_full", at=NOON, by="worker")
    (email,) = composed(writer, visit(wanted), reject)
    assert free.asked == [(SLOT, wanted)]
    assert "Profesional: Luis <Vega>\nLugar: Puerto, Muelle 2\n" in email.content.text
    assert "- lunes, 14 de diciembre de 2026, 10:00 (Atlantic/Canary)" in email.content.text


def test_what_was_removed_from_the_catalogue_is_named_by_its_id() -> None:
    (email,) = composed_there(visit(), CONFIRM_VISIT, schedules={}, sites={})
    assert "11:00–11:30 (Europe/Madrid)" in email.content.text
    assert "Profesional: ana-lopez\nLugar: centro\n" in email.content.text


def test_an_email_never_takes_the_word_of_a_message_for_the_practitioner() -> None:
    booking = visit()
    transition = CONFIRM_VISIT(booking)
    confirmed = steps.apply_transition(booking, transition)
    forged = replace(
        BookingStateChanged.of(transition), choice=Choice("visit", "luis-vega", "puerto"), end=LATER
    )
    writer = replace(PLAIN, catalogue_of=lambda _clinic: make_catalogue())
    email = writer.compose(confirmed, forged)
    assert email
    assert "Ana López" in email.content.text
    assert event_in(email).dtend.value == SLOT + VISIT.duration


def test_a_booking_from_before_the_catalogue_is_told_as_ever() -> None:
    writer = replace(PLAIN, catalogue_of=lambda _clinic: make_catalogue())
    booking = booked()
    emails = zip(
        composed(PLAIN, booking, CONFIRM, MOVE, CANCEL),
        composed(writer, booking, CONFIRM, MOVE, CANCEL),
        strict=True,
    )
    assert all(plain == other for plain, other in emails)


@pytest.mark.parametrize(
    ("profile", "sender"),
    [
        (ClinicProfile(), ("", "")),
        (ClinicProfile(name="Sol"), ("", "Sol")),
        (ClinicProfile(sender="hola@sol.example"), ("hola@sol.example", "")),
        (ClinicProfile(sender="Luna <hola@sol.example>"), ("hola@sol.example", "Luna")),
        (ClinicProfile(name="Sol", sender="Luna <a@sol.example>"), ("a@sol.example", "Sol")),
    ],
)
def test_the_profile_of_the_clinic_is_the_sender(
    profile: ClinicProfile, sender: tuple[str, str]
) -> None:
    (email,) = composed_there(visit(), CONFIRM_VISIT, profile=profile)
    assert tuple(email.sender) == sender
    found = event_in(email)
    assert found.organizer.value == f"mailto:{sender[0] or 'citas@clinica.example'}"
    # Another domain would be another appointment in the calendar.
    assert found.uid.value.endswith("@clinica.example")


def test_links_begin_with_the_address_of_the_clinic() -> None:
    profile = ClinicProfile(public_url="https://retiro.example")
    catalogue = make_catalogue(profile=profile)
    own = replace(LINKED, catalogue_of=lambda _clinic: catalogue)
    (email,) = composed(own, booked(), CONFIRM)
    assert "https://retiro.example/cita/" in email.content.text
    (email,) = composed(LINKED, booked(), CONFIRM)
    assert "https://citas.clinica.example/cita/" in email.content.text


def test_without_any_address_there_is_no_link() -> None:
    links = Links("", SECRET, lambda _id: ACCESS)
    (email,) = composed(replace(PLAIN, links=links), booked(), CONFIRM)
    assert "/cita/" not in email.content.text
