"""Messages on the broker: ids, versions, statuses and times, but no personal data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, Self

from clinic.contracts import strict_json
from clinic.domain.booking import (
    NO_CHOICE,
    Booking,
    Choice,
    HistoryEntry,
    Status,
    Transition,
    assigned_at_version,
    date_at_version,
    is_booking_id,
)
from clinic.domain.catalogue import DEFAULT_CLINIC, is_catalogue_id
from clinic.domain.clock import to_wire
from clinic.errors import PoisonMessage

#: Far more than our messages need; RabbitMQ itself accepts 16 MiB.
MAX_BODY_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class BookingRequested:
    """Asks for a decision. Body: {"clinic", "bookingId", "date", "version"}, and the ids of the
    choice: "service", "practitioner" and "site", without those that are left to the clinic."""

    booking_id: str
    date: datetime
    version: int
    clinic: str = DEFAULT_CLINIC
    choice: Choice = NO_CHOICE

    @classmethod
    def of(cls, booking: Booking) -> Self:
        return cls(booking.id, booking.date, booking.version, booking.clinic, booking.choice)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Self:
        """Raises: PoisonMessage."""
        fields = _Fields(body)
        return cls(
            fields.booking_id(),
            fields.time("date"),
            fields.version(),
            fields.clinic(),
            fields.choice(),
        )

    @property
    def event_id(self) -> str:
        return f"{self.booking_id}:{self.version}"

    def to_body(self) -> dict[str, Any]:
        return {
            "clinic": self.clinic,
            "bookingId": self.booking_id,
            "date": to_wire(self.date),
            "version": self.version,
            **choice_ids(self.choice),
        }


@dataclass(frozen=True, slots=True)
class BookingStateChanged:
    """The event of a transition. `event_id` is "<bookingId>:<version>".

    `choice` is what was requested, and from the confirmation on what was assigned. `end` is the end
    of an appointment of the catalogue; None if unknown."""

    booking_id: str
    version: int
    status: Status
    previous_status: Status
    reason: str | None
    date: datetime
    occurred_at: datetime
    clinic: str = DEFAULT_CLINIC
    choice: Choice = NO_CHOICE
    end: datetime | None = None

    @classmethod
    def of(cls, transition: Transition) -> Self:
        change = transition.change
        if change.previous is None:
            raise ValueError("a request is not a transition")
        return cls(
            booking_id=transition.booking_id,
            version=transition.version,
            status=change.status,
            previous_status=change.previous,
            reason=change.reason,
            date=transition.date,
            occurred_at=change.at,
            clinic=transition.clinic,
            choice=transition.choice,
            end=transition.end if transition.choice.service else None,
        )

    @classmethod
    def in_history(
        cls,
        booking_id: str,
        version: int,
        history: Sequence[HistoryEntry],
        date: datetime,
        clinic: str = DEFAULT_CLINIC,
        choice: Choice = NO_CHOICE,
    ) -> Self:
        """Return the event of a past transition; `date` and `choice` are the booking's current
        ones."""
        then = assigned_at_version(version, history)
        return cls.of(
            Transition(
                booking_id,
                date_at_version(version, history, date),
                version,
                history[version - 1],
                clinic,
                choice=then.choice if then and then.choice else choice,
                end=then.end if then else None,
            )
        )

    @classmethod
    def in_booking(cls, booking: Booking, version: int) -> Self:
        """Return the event of a past transition of the booking."""
        return cls.in_history(
            booking.id, version, booking.history, booking.date, booking.clinic, booking.choice
        )

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Self:
        """Raises: PoisonMessage."""
        fields = _Fields(body)
        event = cls(
            booking_id=fields.booking_id(),
            version=fields.version(),
            status=fields.status("status"),
            previous_status=fields.status("previousStatus"),
            reason=fields.optional_text("reason"),
            date=fields.time("date"),
            occurred_at=fields.time("occurredAt"),
            clinic=fields.clinic(),
            choice=fields.choice(),
            end=fields.optional_time("end"),
        )
        if body.get("eventId") != event.event_id:
            raise PoisonMessage("eventId does not match bookingId and version")
        return event

    @property
    def event_id(self) -> str:
        return f"{self.booking_id}:{self.version}"

    @property
    def is_rescheduling(self) -> bool:
        """Whether the date changed and the status did not."""
        return self.status is self.previous_status

    def to_body(self) -> dict[str, Any]:
        body = {
            "eventId": self.event_id,
            "clinic": self.clinic,
            "bookingId": self.booking_id,
            "version": self.version,
            "status": self.status.value,
            "previousStatus": self.previous_status.value,
            "reason": self.reason,
            "date": to_wire(self.date),
            "occurredAt": to_wire(self.occurred_at),
            **choice_ids(self.choice),
        }
        return body | {"end": to_wire(self.end)} if self.end else body


def choice_ids(choice: Choice) -> dict[str, str]:
    """Return the ids of a choice by their names on the wire, without those that are left open."""
    ids = {"service": choice.service, "practitioner": choice.practitioner, "site": choice.site}
    return {name: value for name, value in ids.items() if value is not None}


class Dispatch(Protocol):
    """Stores a transition and dispatches its event. Called like nameko's `EventDispatcher`."""

    def __call__(self, event_type: str, event_data: Transition) -> None:
        """Raises: ConcurrentModification when the booking has changed, ClaimTaken,
        DatabaseUnavailable."""


def decode(data: bytes) -> dict[str, Any]:
    """Parse a message body as a JSON object. Raises: PoisonMessage, which never quotes it."""
    if len(data) > MAX_BODY_BYTES:
        raise PoisonMessage(f"the body has {len(data)} bytes, more than {MAX_BODY_BYTES}")
    try:
        body = strict_json.loads(data)
    except strict_json.InvalidJson as error:
        raise PoisonMessage(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise PoisonMessage("the body is not a JSON object")
    return body


class _Fields:
    """Reads typed values of a body. Errors name the field, never its content."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body

    def booking_id(self) -> str:
        value = self._text("bookingId")
        if not is_booking_id(value):
            raise PoisonMessage("bookingId is not a UUID")
        return value

    def clinic(self) -> str:
        value = self._body.get("clinic", DEFAULT_CLINIC)
        if not is_catalogue_id(value):
            raise PoisonMessage("clinic is not an id")
        return str(value)

    def choice(self) -> Choice:
        return Choice(self._id("service"), self._id("practitioner"), self._id("site"))

    def _id(self, name: str) -> str | None:
        value = self.optional_text(name)
        if value is not None and not is_catalogue_id(value):
            raise PoisonMessage(f"{name} is not an id")
        return value

    def version(self) -> int:
        value = self._body.get("version")
        if type(value) is not int or not 1 <= value < 2**31:
            raise PoisonMessage("version is not a positive integer")
        return value

    def status(self, name: str) -> Status:
        try:
            return Status(self._text(name))
        except ValueError:
            raise PoisonMessage(f"{name} is not a status") from None

    def time(self, name: str) -> datetime:
        try:
            moment = datetime.fromisoformat(self._text(name))
        except ValueError:
            raise PoisonMessage(f"{name} is not a time") from None
        if moment.tzinfo is None:
            raise PoisonMessage(f"{name} has no offset")
        return moment

    def optional_time(self, name: str) -> datetime | None:
        return None if self._body.get(name) is None else self.time(name)

    def optional_text(self, name: str) -> str | None:
        return None if self._body.get(name) is None else self._text(name)

    def _text(self, name: str) -> str:
        value = self._body.get(name)
        if not isinstance(value, str):
            raise PoisonMessage(f"{name} is missing or not a text")
        return value
