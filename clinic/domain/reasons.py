"""Why a booking was turned down or called off: stable codes, with texts in two languages."""

from __future__ import annotations

PAST = "past"
TOO_FAR = "too_far"
CLOSED = "closed"
NOT_A_SLOT_START = "not_a_slot_start"
SLOT_FULL = "slot_full"
CANCELLED_BY_PATIENT = "cancelled_by_patient"
CANCELLED_BY_CLINIC = "cancelled_by_clinic"
PRACTITIONER_UNAVAILABLE = "practitioner_unavailable"
CLINIC_CLOSED = "clinic_closed"

#: What the clinic may call a booking off for. The first says no more than that.
OF_THE_CLINIC = (CANCELLED_BY_CLINIC, PRACTITIONER_UNAVAILABLE, CLINIC_CLOSED)

LANGUAGES = ("es", "en")
DEFAULT_LANGUAGE = "es"

_TEXTS: dict[str, dict[str, str]] = {
    PAST: {
        "es": "La fecha pedida ya ha pasado.",
        "en": "The requested date is in the past.",
    },
    TOO_FAR: {
        "es": "La agenda todavía no está abierta para esa fecha.",
        "en": "The calendar is not open for that date yet.",
    },
    CLOSED: {
        "es": "La clínica está cerrada en ese momento.",
        "en": "The clinic is closed at that time.",
    },
    NOT_A_SLOT_START: {
        "es": "A esa hora no empieza ninguna cita.",
        "en": "No appointment starts at that time.",
    },
    SLOT_FULL: {
        "es": "No quedan plazas a esa hora.",
        "en": "There are no places left at that time.",
    },
    CANCELLED_BY_PATIENT: {
        "es": "La cita se anuló a petición del paciente.",
        "en": "The appointment was cancelled by the patient.",
    },
    CANCELLED_BY_CLINIC: {
        "es": "La clínica anuló la cita.",
        "en": "The appointment was cancelled by the clinic.",
    },
    PRACTITIONER_UNAVAILABLE: {
        "es": "La clínica anuló la cita: quien iba a atenderle no estará ese día.",
        "en": "The clinic cancelled the appointment: your practitioner is away on that day.",
    },
    CLINIC_CLOSED: {
        "es": "La clínica anuló la cita: ese día estará cerrada.",
        "en": "The clinic cancelled the appointment: it is closed on that day.",
    },
}

CODES = tuple(_TEXTS)


def text(code: str, language: str) -> str:
    """Explain a reason code in `language`, or in Spanish where there is no such translation."""
    texts = _TEXTS[code]
    return texts.get(language, texts[DEFAULT_LANGUAGE])
