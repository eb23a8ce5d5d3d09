"""Serializes bookings as the documented JSON."""

from __future__ import annotations

from typing import Any

from clinic.contracts.message_catalogue import reason_text
from clinic.domain.booking import Booking
from clinic.domain.clock import to_wire

#: Members of a booking that require a credential.
PERSONAL_FIELDS = frozenset({"patientName", "patientEmail", "patientPhone"})


def public_view(booking: Booking) -> dict[str, Any]:
    """Serialize a booking without personal data, for requests without a credential."""
    return {
        name: value
        for name, value in booking_to_json(booking).items()
        if name not in PERSONAL_FIELDS
    }


def booking_to_json(booking: Booking) -> dict[str, Any]:
    """Serialize a booking as the documented flat object, for its patient and for staff. One of a
    catalogue's service also has `service`, `practitioner`, `site` and `end`."""
    document = {
        "id": booking.id,
        "status": booking.status.value,
        "reason": booking.reason,
        "reasonText": reason_text(booking.reason, booking.language) if booking.reason else None,
        "patientName": booking.patient_name,
        "patientEmail": booking.patient_email,
        "date": to_wire(booking.date),
        "language": booking.language,
        "version": booking.version,
        "createdAt": to_wire(booking.created_at),
        "updatedAt": to_wire(booking.updated_at),
        "attention": _attention(booking),
    }
    if booking.patient_phone is not None:
        document["patientPhone"] = booking.patient_phone
    return document | _appointment(booking) if booking.choice.service else document


def _appointment(booking: Booking) -> dict[str, str | None]:
    """Return the members that only bookings of a catalogue's service have."""
    return {
        "service": booking.choice.service,
        "practitioner": booking.choice.practitioner,
        "site": booking.choice.site,
        "end": to_wire(booking.end) if booking.end else None,
    }


def _attention(booking: Booking) -> dict[str, str] | None:
    if booking.attention is None:
        return None
    return {"code": booking.attention.code, "at": to_wire(booking.attention.at)}
