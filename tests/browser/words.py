"""The expected texts of the pages, repeated here to detect accidental changes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    language: str
    title: str
    name: str
    email: str
    send: str
    pending: str
    not_confirmed: str
    reload: str
    confirmed: str
    rejected: str
    add_to_calendar: str
    summary: str
    move: str
    move_title: str
    appointment_kept: str
    slot_taken: str
    unchanged: str
    code: str
    wrong_code: str
    cancel_send: str
    cancelled: str


SPANISH = Words(
    language="es-ES",
    title="Pida su cita",
    name="Nombre y apellidos",
    email="Correo electrónico",
    send="Pedir la cita",
    pending="Solicitud recibida",
    not_confirmed="Todavía no está confirmada",
    reload="Comprobar ahora",
    confirmed="Cita confirmada",
    rejected="No podemos darle esa cita",
    add_to_calendar="Añadir al calendario",
    summary="Cita en la clínica",
    move="Cambiar la cita",
    move_title="Cambie su cita",
    appointment_kept="Conserva su cita actual mientras no se confirme la nueva.",
    slot_taken="No quedan plazas a esa hora.",
    unchanged="Su cita no ha cambiado",
    code="Código de la cita",
    wrong_code="Ese código no corresponde a esta cita.",
    cancel_send="Sí, anular la cita",
    cancelled="Cita anulada",
)
ENGLISH = Words(
    language="en-GB",
    title="Book an appointment",
    name="Full name",
    email="E-mail address",
    send="Request the appointment",
    pending="Request received",
    not_confirmed="It is not confirmed yet",
    reload="Check now",
    confirmed="Appointment confirmed",
    rejected="We can't give you that appointment",
    add_to_calendar="Add to calendar",
    summary="Appointment at the clinic",
    move="Reschedule the appointment",
    move_title="Reschedule your appointment",
    appointment_kept="You keep your current appointment unless the new time is confirmed.",
    slot_taken="There are no places left at that time.",
    unchanged="Your appointment has not changed",
    code="Appointment code",
    wrong_code="That code does not belong to this appointment.",
    cancel_send="Yes, cancel the appointment",
    cancelled="Appointment cancelled",
)


@dataclass(frozen=True, slots=True)
class StaffWords:
    language: str
    staff_title: str
    key: str
    sign_in: str
    key_wrong: str
    sign_out: str
    agenda: str
    search: str
    search_text: str
    found_one: str
    confirmed: str
    cancelled: str
    cancel: str
    reason: str
    cancel_send: str
    cancel_done: str
    move: str
    show_day: str
    move_send: str
    move_done: str


STAFF_SPANISH = StaffWords(
    language="es-ES",
    staff_title="Páginas del personal",
    key="Clave del personal",
    sign_in="Entrar",
    key_wrong="Esa no es una clave válida del personal.",
    sign_out="Salir",
    agenda="Agenda",
    search="Buscar",
    search_text="Nombre, correo, teléfono o referencia",
    found_one="1 cita",
    confirmed="Confirmada",
    cancelled="Anulada",
    cancel="Anular la cita",
    reason="La clínica anuló la cita: ese día estará cerrada.",
    cancel_send="Sí, anular la cita",
    cancel_done="La cita se ha anulado. Se avisará al paciente.",
    move="Cambiar de hora",
    show_day="Ver horas",
    move_send="Cambiar la cita",
    move_done="La cita se ha cambiado. Se avisará al paciente.",
)
STAFF_ENGLISH = StaffWords(
    language="en-GB",
    staff_title="Staff pages",
    key="Staff key",
    sign_in="Sign in",
    key_wrong="That is not a valid staff key.",
    sign_out="Sign out",
    agenda="Agenda",
    search="Search",
    search_text="Name, e-mail, phone or reference",
    found_one="1 appointment",
    confirmed="Confirmed",
    cancelled="Cancelled",
    cancel="Cancel the appointment",
    reason="The clinic cancelled the appointment: it is closed on that day.",
    cancel_send="Yes, cancel the appointment",
    cancel_done="The appointment was cancelled. The patient will be notified.",
    move="Reschedule",
    show_day="Show times",
    move_send="Reschedule the appointment",
    move_done="The appointment was rescheduled. The patient will be notified.",
)
