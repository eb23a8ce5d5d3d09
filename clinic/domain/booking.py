"""A booking and its state transitions. Pure: no framework, database or broker."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from clinic.domain.catalogue import DEFAULT_CLINIC
from clinic.errors import IllegalTransition


class Status(StrEnum):
    PENDING = "pending"  #: accepted, not decided yet
    CONFIRMED = "confirmed"  #: holds its claims
    REJECTED = "rejected"  #: final
    CANCELLED = "cancelled"  #: final; its claims are free again


#: Each one adds an e-mail and a history entry, so the number must be bounded.
MAX_RESCHEDULES = 50

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_ID_LENGTH = 36

ALLOWED_TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.CONFIRMED, Status.REJECTED, Status.CANCELLED}),
    Status.CONFIRMED: frozenset({Status.CANCELLED}),
    Status.REJECTED: frozenset(),
    Status.CANCELLED: frozenset(),
}


def is_booking_id(value: object) -> bool:
    """Return whether this is a canonical booking id: a lower-case UUID with dashes."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def canonical_id(value: object) -> str | None:
    """Return the canonical form of a booking id, or None for an invalid id. Input is
    case-insensitive (RFC 9562, section 4)."""
    if not isinstance(value, str) or len(value) > _ID_LENGTH:
        return None
    lower = value.lower()
    return lower if is_booking_id(lower) else None


@dataclass(frozen=True, slots=True)
class Choice:
    """Ids of the catalogue: what the patient requested, then what the clinic assigned. None leaves
    the choice to the clinic; without a catalogue, all are None."""

    service: str | None = None
    practitioner: str | None = None
    site: str | None = None


#: Of a booking without a catalogue.
NO_CHOICE = Choice()


@dataclass(frozen=True, slots=True)
class Assignment:
    """The time and resources of a confirmed booking. `claims` are its keys of
    `clinic.domain.time_cells`, with buffers; `end` is the end of the appointment itself."""

    choice: Choice
    end: datetime
    claims: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One entry of a booking's history; `previous` is None for the request itself.

    The dates are set only for a rescheduling, whose status stays `confirmed`. `choice` and `end`
    are set when a service of the catalogue was assigned. `key_id` identifies the staff key, if one
    was used.
    """

    at: datetime
    previous: Status | None
    status: Status
    reason: str | None
    by: str
    date: datetime | None = None
    previous_date: datetime | None = None
    key_id: str | None = None
    choice: Choice | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attention:
    """Why a booking that the system could not decide needs a manual review."""

    code: str
    at: datetime


class BookingState(Protocol):
    """The part of a booking that a decision needs."""

    @property
    def id(self) -> str: ...

    @property
    def clinic(self) -> str: ...

    @property
    def choice(self) -> Choice: ...

    @property
    def date(self) -> datetime: ...

    @property
    def status(self) -> Status: ...

    @property
    def version(self) -> int: ...


@dataclass(frozen=True, slots=True)
class UnverifiedRequest:
    """A pending booking as described by a message, not read from the database."""

    id: str
    date: datetime
    version: int
    clinic: str = DEFAULT_CLINIC
    choice: Choice = NO_CHOICE
    status: Status = field(default=Status.PENDING, init=False)


@dataclass(frozen=True, slots=True)
class Booking:
    """`patient_email` is None, and `patient_phone` set, for a patient who booked by phone and has
    no e-mail address. `end` is set once the booking has been confirmed."""

    id: str
    patient_name: str
    patient_email: str | None
    language: str
    date: datetime
    status: Status
    version: int
    created_at: datetime
    updated_at: datetime
    history: tuple[HistoryEntry, ...]
    reason: str | None = None
    attention: Attention | None = None
    clinic: str = DEFAULT_CLINIC
    choice: Choice = NO_CHOICE
    end: datetime | None = None
    patient_phone: str | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """An allowed transition, not stored yet. `date`, `version` and `choice` are the new values,
    `decided_for` is the choice that the booking must have before. `end` is known and `claims` are
    not empty if it assigns resources."""

    booking_id: str
    date: datetime
    version: int
    change: HistoryEntry
    clinic: str = DEFAULT_CLINIC
    choice: Choice = NO_CHOICE
    decided_for: Choice = NO_CHOICE
    end: datetime | None = None
    claims: tuple[str, ...] = ()

    @property
    def event_id(self) -> str:
        return f"{self.booking_id}:{self.version}"

    @property
    def decided_on(self) -> datetime:
        """The date that the booking must have before the transition."""
        return self.change.previous_date or self.date


def create_booking(
    *,
    patient_name: str,
    patient_email: str | None,
    language: str,
    date: datetime,
    at: datetime,
    by: str,
    patient_phone: str | None = None,
    choice: Choice = NO_CHOICE,
    clinic: str = DEFAULT_CLINIC,
) -> Booking:
    """Return a new pending booking with a random UUIDv4. `date` and `at` are aware UTC."""
    return Booking(
        id=str(uuid.uuid4()),
        patient_name=patient_name,
        patient_email=patient_email,
        language=language,
        date=date,
        status=Status.PENDING,
        version=1,
        created_at=at,
        updated_at=at,
        history=(HistoryEntry(at=at, previous=None, status=Status.PENDING, reason=None, by=by),),
        clinic=clinic,
        choice=choice,
        patient_phone=patient_phone,
    )


def confirm(
    booking: BookingState,
    *,
    assignment: Assignment,
    at: datetime,
    by: str,
    key_id: str | None = None,
) -> Transition:
    """Confirm the booking with what it occupies. Raises: IllegalTransition."""
    confirmed = _transition(booking, Status.CONFIRMED, reason=None, at=at, by=by, key_id=key_id)
    return _assign(confirmed, assignment)


def reject(booking: BookingState, *, reason: str, at: datetime, by: str) -> Transition:
    """Reject the booking with a code of `clinic.domain.reasons`. Raises: IllegalTransition."""
    return _transition(booking, Status.REJECTED, reason=reason, at=at, by=by)


def cancel(
    booking: BookingState, *, reason: str, at: datetime, by: str, key_id: str | None = None
) -> Transition:
    """Cancel the booking, which frees its claims. Raises: IllegalTransition."""
    return _transition(booking, Status.CANCELLED, reason=reason, at=at, by=by, key_id=key_id)


def reschedule(
    booking: Booking,
    *,
    date: datetime,
    assignment: Assignment,
    at: datetime,
    by: str,
    key_id: str | None = None,
) -> Transition:
    """Move a confirmed booking to another date, which replaces its claims.

    Raises: IllegalTransition.
    """
    ensure_reschedulable(booking)
    change = HistoryEntry(
        at=at,
        previous=booking.status,
        status=booking.status,
        reason=None,
        by=by,
        date=date,
        previous_date=booking.date,
        key_id=key_id,
    )
    return _assign(_to(booking, change, date), assignment)


def ensure_reschedulable(booking: Booking) -> None:
    """Raises: IllegalTransition if the booking can't be rescheduled to any date."""
    if booking.status is not Status.CONFIRMED:
        raise IllegalTransition(f"booking {booking.id} is {booking.status} and can't be moved")
    if sum(row.date is not None for row in booking.history) >= MAX_RESCHEDULES:
        raise IllegalTransition(f"booking {booking.id} was moved {MAX_RESCHEDULES} times")


def apply_transition(booking: Booking, transition: Transition) -> Booking:
    """Return the booking with the transition applied."""
    change = transition.change
    return replace(
        booking,
        date=transition.date,
        status=change.status,
        reason=change.reason,
        version=transition.version,
        updated_at=change.at,
        history=(*booking.history, change),
        choice=transition.choice,
        end=transition.end or booking.end,
        attention=None,
    )


def date_at_version(version: int, history: Sequence[HistoryEntry], date: datetime) -> datetime:
    """Return the date of a booking at an earlier version; `date` is its current date."""
    dates = (row.previous_date for row in history[version:] if row.previous_date is not None)
    return next(dates, date)


def assigned_at_version(version: int, history: Sequence[HistoryEntry]) -> HistoryEntry | None:
    """Return the latest entry up to a version that assigned a service; None if none did."""
    return next((row for row in reversed(history[:version]) if row.choice is not None), None)


def _transition(
    booking: BookingState,
    status: Status,
    *,
    reason: str | None,
    at: datetime,
    by: str,
    key_id: str | None = None,
) -> Transition:
    if status not in ALLOWED_TRANSITIONS[booking.status]:
        raise IllegalTransition(f"booking {booking.id} is {booking.status} and can't be {status}")
    change = HistoryEntry(at, booking.status, status, reason, by, key_id=key_id)
    return _to(booking, change, booking.date)


def _to(booking: BookingState, change: HistoryEntry, date: datetime) -> Transition:
    return Transition(
        booking.id,
        date,
        booking.version + 1,
        change,
        booking.clinic,
        choice=booking.choice,
        decided_for=booking.choice,
    )


def _assign(transition: Transition, assignment: Assignment) -> Transition:
    change = transition.change
    if assignment.choice.service is not None:
        change = replace(change, choice=assignment.choice, end=assignment.end)
    return replace(
        transition,
        change=change,
        choice=assignment.choice,
        end=assignment.end,
        claims=assignment.claims,
    )
