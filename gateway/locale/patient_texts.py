"""All words of the patient's pages, in both languages, and how to say one. What a booking was
refused for is in `clinic.domain.reasons`, the staff's words are in `gateway.locale.staff_texts`."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.locale.dead_letter_texts import LETTER_TEXTS
from gateway.locale.error_texts import ERROR_TEXTS
from gateway.locale.field_texts import FIELD_TEXTS
from gateway.locale.queue_texts import QUEUE_TEXTS
from gateway.locale.staff_texts import STAFF_TEXTS

TEXTS: dict[str, dict[str, str]] = {
    "es": {
        "clinic": "Clínica",
        "skip": "Ir al contenido",
        "language": "Idioma",
        "other_language": "English",
        "zone": "hora de {city}",
        "zone_note": "Todas las horas son de {city} ({zone}).",
        "error": "Error",
        # Asking
        "ask_title": "Pida su cita",
        "ask_lead": "Elija día y hora y díganos a quién avisar. Le confirmaremos la cita por "
        "correo.",
        "day": "Día",
        "earlier": "Semana anterior",
        "later": "Semana siguiente",
        "free_one": "1 libre",
        "free_many": "{count} libres",
        "free_none": "sin horas",
        "other_day": "Otro día",
        "show_day": "Ver horas",
        "time": "Hora",
        "times_of": "Horas libres del {day}",
        "nothing_free": "No queda ninguna hora libre ese día. Elija otro.",
        "nothing_free_week": "No queda ninguna hora libre en estos siete días. Mire la "
        "semana siguiente.",
        "away": "Ahora mismo no podemos mostrar las horas libres. Puede pedir la cita "
        "igualmente: diga cuándo querría venir y le responderemos por correo.",
        "wanted": "Fecha y hora que prefiere ({zone})",
        "details": "Sus datos",
        "name": "Nombre y apellidos",
        "email": "Correo electrónico",
        "email_hint": "Aquí le avisaremos de la respuesta.",
        "send": "Pedir la cita",
        "errors": "Revise lo siguiente",
        "date_wrong": "Elija un día y una hora.",
        # The booking
        "booking_title": "Su cita",
        "pending": "Solicitud recibida",
        "pending_text": "Todavía no está confirmada. Suele tardar unos segundos; también le "
        "avisaremos por correo.",
        "pending_attention": "Todavía no está confirmada. Una persona de la clínica la está "
        "mirando y le avisaremos por correo.",
        "pending_live": "Esta página cambiará sola en cuanto haya respuesta.",
        "reload": "Comprobar ahora",
        "confirmed": "Cita confirmada",
        "confirmed_text": "Le esperamos. Si no puede venir, cámbiela o anúlela para que otra "
        "persona la aproveche.",
        "rejected": "No podemos darle esa cita",
        "cancelled": "Cita anulada",
        "when": "Cuándo",
        "asked_for": "Pedida para",
        "reference": "Referencia",
        "add_to_calendar": "Añadir al calendario",
        "calendar_summary": "Cita en la clínica",
        "nearest": "Horas libres más cercanas",
        "no_nearest": "Puede buscar otra hora cuando quiera.",
        "another": "Buscar otra hora",
        "again": "Pedir otra cita",
        "history": "Historial",
        "step_pending": "Solicitud recibida",
        "step_confirmed": "Cita confirmada",
        "step_moved": "Cambiada al {when}",
        "step_rejected": "Rechazada",
        "step_cancelled": "Anulada",
        # Cancelling
        "cancel": "Anular la cita",
        "cancel_text": "La hora quedará libre para otra persona. No se puede deshacer.",
        "code": "Código de la cita",
        "code_hint": "Está en el correo que le enviamos.",
        "code_needless": "Desde este navegador no hace falta ningún código. Desde otro, está en el "
        "correo que le enviamos.",
        "cancel_send": "Sí, anular la cita",
        "code_missing": "Escriba el código que está en el correo.",
        "code_wrong": "Ese código no es el de esta cita.",
        "cancel_late": "La cita ya no se puede anular: mire arriba cómo está.",
        "cancel_away": "Ahora mismo no hemos podido anularla. Inténtelo otra vez dentro de "
        "un minuto.",
        # Moving
        "move": "Cambiar la cita",
        "move_title": "Cambie su cita",
        "move_now": "Ahora es el {when}.",
        "move_lead": "Elija otro día y otra hora.",
        "move_stands": "La cita de ahora se mantiene hasta que tenga la nueva.",
        "move_send": "Cambiar la cita",
        "move_not": "Dejarla como está",
        "move_refused": "Elija otra hora. Su cita sigue como estaba.",
        "move_late": "La cita ya no se puede cambiar.",
        "move_away": "No sabemos si hemos podido cambiarla: mire cómo está, e inténtelo otra vez "
        "dentro de un minuto.",
        "move_unknown": "Ahora mismo no podemos mostrar las horas libres. Su cita sigue como "
        "estaba; inténtelo otra vez dentro de un minuto.",
        # What goes wrong
        "back": "Volver al principio",
        "back_to_booking": "Volver a la cita",
        "not_found": "No encontramos esa cita",
        "not_found_text": "Compruebe que la dirección está completa, tal como viene en el correo.",
        "no_calendar": "No hay archivo de calendario",
        "no_calendar_text": "Solo lo tienen las citas confirmadas.",
        "unavailable": "Ahora mismo no podemos atenderle",
        "unavailable_text": "No se ha perdido nada. Inténtelo otra vez dentro de un minuto.",
        "too_many": "Demasiadas solicitudes",
        "too_many_text": "Espere un poco antes de intentarlo otra vez.",
        "too_many_open": "Demasiadas citas con este correo",
        "too_many_open_text": "Anule una de sus citas, o llámenos, antes de pedir otra.",
        "wrong": "Algo ha fallado",
        "wrong_text": "La culpa es nuestra. Inténtelo otra vez dentro de un rato.",
    },
    "en": {
        "clinic": "Clinic",
        "skip": "Skip to content",
        "language": "Language",
        "other_language": "Español",
        "zone": "{city} time",
        "zone_note": "All times are {city} time ({zone}).",
        "error": "Error",
        "ask_title": "Book an appointment",
        "ask_lead": "Choose a day and a time and tell us whom to write to. We confirm by e-mail.",
        "day": "Day",
        "earlier": "Earlier week",
        "later": "Later week",
        "free_one": "1 free",
        "free_many": "{count} free",
        "free_none": "none free",
        "other_day": "Another day",
        "show_day": "Show times",
        "time": "Time",
        "times_of": "Free times on {day}",
        "nothing_free": "There is nothing free on that day. Choose another one.",
        "nothing_free_week": "There is nothing free in these seven days. Look at the later week.",
        "away": "We can't show the free times right now. You can ask all the same: say when "
        "you would like to come, and we answer by e-mail.",
        "wanted": "Date and time you prefer ({zone})",
        "details": "Your details",
        "name": "Full name",
        "email": "E-mail address",
        "email_hint": "This is where we send the answer.",
        "send": "Ask for the appointment",
        "errors": "Please look at this again",
        "date_wrong": "Choose a day and a time.",
        "booking_title": "Your appointment",
        "pending": "Request received",
        "pending_text": "It is not confirmed yet. That usually takes some seconds; we also "
        "write to you.",
        "pending_attention": "It is not confirmed yet. Somebody at the clinic is looking at "
        "it, and we will write to you.",
        "pending_live": "This page changes by itself as soon as there is an answer.",
        "reload": "Check now",
        "confirmed": "Appointment confirmed",
        "confirmed_text": "We look forward to seeing you. If you can't come, change or cancel it, "
        "so that somebody else can.",
        "rejected": "We can't give you that appointment",
        "cancelled": "Appointment cancelled",
        "when": "When",
        "asked_for": "Asked for",
        "reference": "Reference",
        "add_to_calendar": "Add to calendar",
        "calendar_summary": "Appointment at the clinic",
        "nearest": "Nearest free times",
        "no_nearest": "You can look for another time whenever you like.",
        "another": "Find another time",
        "again": "Book another appointment",
        "history": "History",
        "step_pending": "Request received",
        "step_confirmed": "Appointment confirmed",
        "step_moved": "Moved to {when}",
        "step_rejected": "Rejected",
        "step_cancelled": "Cancelled",
        "cancel": "Cancel the appointment",
        "cancel_text": "The time becomes free for somebody else. This can't be undone.",
        "code": "Code of the appointment",
        "code_hint": "It is in the e-mail that we sent you.",
        "code_needless": "From this browser no code is needed. From another one, it is in the "
        "e-mail that we sent you.",
        "cancel_send": "Yes, cancel the appointment",
        "code_missing": "Enter the code that is in the e-mail.",
        "code_wrong": "That is not the code of this appointment.",
        "cancel_late": "It can't be cancelled any more: see above how it stands.",
        "cancel_away": "We could not cancel it right now. Please try again in a minute.",
        "move": "Change the appointment",
        "move_title": "Change your appointment",
        "move_now": "It is on {when} now.",
        "move_lead": "Choose another day and time.",
        "move_stands": "The appointment that you have stands until you have the new one.",
        "move_send": "Change the appointment",
        "move_not": "Leave it as it is",
        "move_refused": "Choose another time. Your appointment is as it was.",
        "move_late": "It can't be changed any more.",
        "move_away": "We don't know whether it was changed: see how it stands, and try again in "
        "a minute.",
        "move_unknown": "We can't show the free times right now. Your appointment is as it was; "
        "please try again in a minute.",
        "back": "Back to the start",
        "back_to_booking": "Back to the appointment",
        "not_found": "We can't find that appointment",
        "not_found_text": "Check that the address is complete, as it is in the e-mail.",
        "no_calendar": "There is no calendar file",
        "no_calendar_text": "Only confirmed appointments have one.",
        "unavailable": "We can't help you right now",
        "unavailable_text": "Nothing is lost. Please try again in a minute.",
        "too_many": "Too many requests",
        "too_many_text": "Please wait a little before you try again.",
        "too_many_open": "Too many appointments for this e-mail address",
        "too_many_open_text": "Please cancel one of your appointments, or call us, before you ask "
        "for another.",
        "wrong": "Something went wrong",
        "wrong_text": "It is our fault. Please try again in a while.",
    },
}

_PARTS = (TEXTS, ERROR_TEXTS, FIELD_TEXTS, STAFF_TEXTS, LETTER_TEXTS, QUEUE_TEXTS)
_ALL = {
    language: {key: text for part in _PARTS for key, text in part[language].items()}
    for language in TEXTS
}


@dataclass(frozen=True, slots=True)
class Texts:
    """The words in one language: `texts("free_many", count=3)`."""

    language: str

    def __call__(self, key: str, **values: object) -> str:
        return _ALL[self.language][key].format(**values)
