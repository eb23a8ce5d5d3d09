"""What patients read and press, written down once more: a text that changes by accident is
found."""

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
    code: str
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
    code="Código de la cita",
    cancel_send="Sí, anular la cita",
    cancelled="Cita anulada",
)
ENGLISH = Words(
    language="en-GB",
    title="Book an appointment",
    name="Full name",
    email="E-mail address",
    send="Ask for the appointment",
    pending="Request received",
    not_confirmed="It is not confirmed yet",
    reload="Check now",
    confirmed="Appointment confirmed",
    rejected="We can't give you that appointment",
    add_to_calendar="Add to calendar",
    summary="Appointment at the clinic",
    code="Code of the appointment",
    cancel_send="Yes, cancel the appointment",
    cancelled="Appointment cancelled",
)
