"""Why a booking was rejected or cancelled: stable codes, explained in `clinic/locale`."""

from __future__ import annotations

PAST = "past"
TOO_SOON = "too_soon"
TOO_FAR = "too_far"
NOT_OFFERED = "not_offered"
CLOSED = "closed"
PRACTITIONER_AWAY = "practitioner_away"
NOT_A_SLOT_START = "not_a_slot_start"
SLOT_FULL = "slot_full"
CANCELLED_BY_PATIENT = "cancelled_by_patient"
CANCELLED_BY_CLINIC = "cancelled_by_clinic"
PRACTITIONER_UNAVAILABLE = "practitioner_unavailable"
CLINIC_CLOSED = "clinic_closed"

#: Reasons for a cancellation by the clinic. The first gives no details.
BY_CLINIC = (CANCELLED_BY_CLINIC, PRACTITIONER_UNAVAILABLE, CLINIC_CLOSED)

LANGUAGES = ("es", "en")
DEFAULT_LANGUAGE = "es"

CODES = (
    PAST,
    TOO_SOON,
    TOO_FAR,
    NOT_OFFERED,
    CLOSED,
    PRACTITIONER_AWAY,
    NOT_A_SLOT_START,
    SLOT_FULL,
    CANCELLED_BY_PATIENT,
    CANCELLED_BY_CLINIC,
    PRACTITIONER_UNAVAILABLE,
    CLINIC_CLOSED,
)
