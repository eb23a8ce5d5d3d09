"""The confirmation of an appointment to print, in the patient's language."""

from __future__ import annotations

from flask import Blueprint, current_app, redirect
from werkzeug.wrappers import Response as AnyResponse

from clinic.bookings.repository import BookingRepository
from clinic.domain.booking import Status
from clinic.domain.named_choice import name_choice
from clinic.domain.reasons import DEFAULT_LANGUAGE, LANGUAGES
from gateway.api.catalogue_api import current_catalogue
from gateway.auth.staff_sessions import HOME
from gateway.web.catalogue_view import site_zone
from gateway.web.rendering import page

confirmation = Blueprint("staff_confirmation", __name__, url_prefix=f"{HOME}/booking/<booking_id>")


@confirmation.get("/print")
def show(booking_id: str) -> AnyResponse:
    store: BookingRepository = current_app.config["BOOKINGS"]
    booking, catalogue = store.get(booking_id), current_catalogue()
    if booking.status is not Status.CONFIRMED:
        return redirect(f"{HOME}/booking/{booking.id}", 303)
    language = booking.language if booking.language in LANGUAGES else DEFAULT_LANGUAGE
    return page(
        "staff/confirmation.html",
        zone=site_zone(catalogue, booking.choice.site),
        language=language,
        booking=booking,
        named=name_choice(booking.choice, catalogue, language),
    )
